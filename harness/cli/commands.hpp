// The table of commands, and the way from a command line to one of them.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "cli/option_groups.hpp"

namespace gatecrash::cli {

/// A command: its help, and the function that reads its command line and returns what runs it.
struct Command {
    std::string_view name;
    std::string_view arguments;  ///< in the usage line
    std::string_view summary;    ///< in the list of commands
    std::string_view about;      ///< further lines of its help
    std::string_view examples;
    void (*add_options)(OptionList& options);  ///< those that not every command has
    /// Reads all of its options before anything is done. What it returns runs the command and returns the exit code; it
    /// throws for what ends it early: see main.cpp for the codes. Throws UsageError.
    std::function<int()> (*prepare)(const Values& values);
};

/// A Command::prepare of which `read` makes the command's options of Values, and `run` the exit code of those.
template <auto read, auto run>
std::function<int()> prepare(const Values& values) {
    return [options = read(values)] { return run(options); };
}

inline void add_none(OptionList& /*options*/) {}

// Each is in the file that is named like it.
extern const Command doctor_command, list_command, run_command, explore_command, replay_command, merge_command,
    bench_command, explain_command, new_command, worker_command;

/// Those for people, in the order of the help.
[[nodiscard]] std::span<const Command* const> commands();
/// Null if there is none.
[[nodiscard]] const Command* find_command(std::string_view name);

/// Asks for a command and its arguments.
struct Invocation {
    std::string command;  ///< whose help says more
    std::function<int()> run;
};

/// Reads `arguments`, the program's name not among them. Throws UsageError.
[[nodiscard]] Invocation read_command_line(const Words& arguments);
/// Returns the options of `command` that `words`, a whole command line, have.
[[nodiscard]] Values read_values(const Command& command, const Words& words);

/// The page of a command, or the general one for "".
[[nodiscard]] std::string help_text(std::string_view command);

}  // namespace gatecrash::cli
