#include "cli/command_help.hpp"

#include <fmt/format.h>

#include <sstream>

#include "cli/commands.hpp"
#include "cli/version.hpp"

namespace gatecrash::cli {
namespace {

std::string general_help() {
    auto text = fmt::format("gatecrash finds {}.\n\nusage: gatecrash COMMAND [OPTION...] [ARG...]\n\n", what_it_finds);
    for (const auto* command : commands()) text += fmt::format("  {:<8}  {}\n", command->name, command->summary);
    text +=
        "\n`gatecrash COMMAND --help` says more about a command; start with `gatecrash doctor` and `gatecrash run`.\n";
    return text;
}

}  // namespace

std::string help_text(std::string_view name) {
    const auto* command = find_command(name);
    if (command == nullptr) return general_help();
    constexpr unsigned columns = 100, description_columns = 64;
    OptionList all("", columns, description_columns), own("Options of this command"),
        common("Options of every command");
    command->add_options(own);
    add_common(common);
    if (!own.options().empty()) all.add(own);
    all.add(common);
    std::ostringstream options;
    options << all;
    return fmt::format("usage: gatecrash {} [OPTION...]{}\n\n{}.\n{}{}\nExamples:\n{}", command->name,
                       command->arguments, command->summary, command->about, options.str(), command->examples);
}

int print_help(const std::string& topic) {
    fmt::print("{}", help_text(topic));
    return 0;
}

int print_version() {
    fmt::print("gatecrash {}\n", version);
    return 0;
}

}  // namespace gatecrash::cli
