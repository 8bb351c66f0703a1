#pragma once

#include "gatecrash/event.hpp"  // an installed header; this is its name within the harness
