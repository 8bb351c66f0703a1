// Runs the program as a user does.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "support/command.hpp"

namespace gatecrash::cli {

using machines::Command;
using machines::Result;
using machines::TemporaryFolder;
using Words = std::vector<std::string>;
using Environment = std::map<std::string, std::string>;

/// Returns the command line `gatecrash ARGUMENT...`.
inline Words gatecrash(Words arguments) {
    arguments.insert(arguments.begin(), GATECRASH);
    return arguments;
}

/// Runs gatecrash to its end.
inline Result run_gatecrash(const Words& arguments, const Environment& environment = {}) {
    return Command(gatecrash(arguments), environment).finish();
}

}  // namespace gatecrash::cli
