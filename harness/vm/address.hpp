#pragma once

#include "gatecrash/address.hpp"  // an installed header; this is its name within the harness
