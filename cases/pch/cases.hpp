// Every case includes these headers. As a precompiled header they are compiled once.
#include "suite/case.hpp"
