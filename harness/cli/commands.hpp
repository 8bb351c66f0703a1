// The table of commands, and the functions that read a command line.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "cli/option_groups.hpp"

namespace gatecrash::cli {

/// A command: its help, and the function that reads its command line.
struct Command {
    std::string_view name;
    std::string_view arguments;  ///< shown in the usage line
    std::string_view summary;    ///< shown in the list of commands
    std::string_view about;      ///< more lines of its help
    std::string_view examples;
    void (*add_options)(OptionList& options);  ///< adds the options that not every command has
    /// Reads all options before anything is done, and returns a function that runs the command. That function returns
    /// the exit code. It throws if the command ends early: see main.cpp for the codes. Throws UsageError.
    std::function<int()> (*prepare)(const Values& values);
    Words (*known_arguments)() = nullptr;  ///< returns arguments that a shell can offer; null if none are known
};

/// Implements Command::prepare: `read` reads the command's options, and `run` runs it with them and returns the exit
/// code.
template <auto read, auto run>
std::function<int()> prepare(const Values& values) {
    return [options = read(values)] { return run(options); };
}

inline void add_none(OptionList& /*options*/) {}

// Each is in the file that is named like it.
extern const Command doctor_command, list_command, run_command, explore_command, linux_command, kernel_command,
    replay_command, gdb_command, merge_command, bench_command, check_command, explain_command, new_command,
    worker_command, boot_command, complete_command, man_command;

/// Returns the commands for people, in the order of the help.
[[nodiscard]] std::span<const Command* const> commands();
/// Returns the command with that name; null if there is none.
[[nodiscard]] const Command* find_command(std::string_view name);

/// A command with its arguments, ready to run.
struct Invocation {
    std::string command;  ///< the command whose help a message names
    std::function<int()> run;
};

/// Reads `arguments`, which begin after the program's name. Throws UsageError.
[[nodiscard]] Invocation read_command_line(const Words& arguments);
/// Reads the options of `command` from `words`, a whole command line. Throws UsageError.
[[nodiscard]] Values read_values(const Command& command, const Words& words);

/// Returns the help page of a command, or the general page for "".
[[nodiscard]] std::string help_text(std::string_view command);

}  // namespace gatecrash::cli
