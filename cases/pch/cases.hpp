// Every case includes this, so it is compiled once.
#include "gatecrash/explore/case.hpp"
