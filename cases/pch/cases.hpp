// Precompiles the headers that every case includes.
#include "suite/case.hpp"
