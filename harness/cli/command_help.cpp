#include <fmt/format.h>

#include <sstream>

#include "cli/commands.hpp"
#include "cli/help.hpp"
#include "cli/option_groups.hpp"
#include "cli/version.hpp"

namespace gatecrash::cli {
namespace {

std::string general_help() {
    std::string text =
        "gatecrash finds the instruction at which an interrupt or NMI breaks x86 kernel entry code.\n\n"
        "usage: gatecrash COMMAND [OPTION...] [ARG...]\n\n";
    for (const auto& info : commands()) text += fmt::format("  {:<8}  {}\n", info.name, info.summary);
    text +=
        "\n`gatecrash COMMAND --help` says more about a command; start with `gatecrash doctor` and `gatecrash run`.\n";
    return text;
}

}  // namespace

std::string help_text(const std::string& command) {
    const auto* info = find_command(command);
    if (info == nullptr) return general_help();
    constexpr unsigned columns = 100, description_columns = 64;
    boost::program_options::options_description all("", columns, description_columns);
    std::ostringstream options;
    if (auto own = own_options(info->command); !own.options().empty()) all.add(own);
    all.add(common_options());
    options << all;
    return fmt::format("usage: gatecrash {} [OPTION...]{}\n\n{}.\n{}{}\nExamples:\n{}", info->name, info->arguments,
                       info->summary, info->about, options.str(), info->examples);
}

int help(const Options& options) {
    fmt::print("{}", help_text(options.help_topic));
    return 0;
}

int print_version(const Options& /*options*/) {
    fmt::print("gatecrash {}\n", version);
    return 0;
}

}  // namespace gatecrash::cli
