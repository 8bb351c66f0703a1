#include <fmt/format.h>

#include "cli/commands.hpp"
#include "cli/man_page.hpp"

namespace gatecrash::cli {
namespace {

constexpr const char* date_option = "date";

struct ManOptions {
    std::string command;
    std::string date;
};

void add_man(OptionList& options) { add_text(options, date_option, "DATE", "the date of the page, as 2026-11-30"); }

ManOptions read_man(const Values& values) {
    const auto topics = values.arguments(1);
    const auto command = topics.empty() ? std::string() : topics.front();
    if (!command.empty() && find_command(command) == nullptr)
        values.fail(fmt::format("no such command: '{}'", command));
    const auto date = values.text_if_given(date_option);
    if (!date) values.fail("--date is missing");
    return {command, *date};
}

int print_man_page(const ManOptions& options) {
    fmt::print("{}", man_page(options.command, options.date));
    return 0;
}

}  // namespace

const Command man_command{.name = "man",
                          .arguments = " [COMMAND]",
                          .summary = "print a manual page, as roff",
                          .about = "Without a COMMAND, it is the page of the program. The build calls this.\n",
                          .examples = "  gatecrash man run --date 2026-11-30 | man -l -\n",
                          .add_options = add_man,
                          .prepare = prepare<read_man, print_man_page>};

}  // namespace gatecrash::cli
