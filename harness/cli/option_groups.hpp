// Which options each command has, for reading them and for its help.
#pragma once

#include <boost/program_options.hpp>
#include <span>
#include <string_view>

#include "cli/options.hpp"

namespace gatecrash::cli {

struct CommandInfo {
    Command command;
    std::string_view name;
    std::string_view arguments;  ///< in the usage line
    std::string_view summary;    ///< in the list of commands
    std::string_view about;      ///< further lines of its help
    std::string_view examples;
};

/// Those that have options and a help page of their own.
[[nodiscard]] std::span<const CommandInfo> commands();
/// Null if there is none.
[[nodiscard]] const CommandInfo* find_command(std::string_view name);
[[nodiscard]] const CommandInfo& info_of(Command command);

/// What only this command has; may be empty.
[[nodiscard]] boost::program_options::options_description own_options(Command command);
[[nodiscard]] boost::program_options::options_description common_options();

}  // namespace gatecrash::cli
