#include <fmt/format.h>

#include "cli/commands.hpp"
#include "cli/completion.hpp"

namespace gatecrash::cli {
namespace {

Words read_complete(const Values& values) { return values.arguments(); }

int print_completion(const Words& words) {
    const auto completion = complete(words);
    if (completion.files) fmt::print(":files\n");
    if (completion.folders) fmt::print(":folders\n");
    for (const auto& [word, description] : completion.candidates) fmt::print("{}\t{}\n", word, description);
    return 0;
}

}  // namespace

const Command complete_command{
    .name = "complete",
    .arguments = " -- [WORD...]",
    .summary = "print what can complete the last WORD of a command line",
    .about =
        "Each line has a word, a tab and a description. The lines :files and :folders allow the names of\n"
        "files and folders too.\n",
    .examples = "  gatecrash complete -- run --mach\n",
    .add_options = add_none,
    .prepare = prepare<read_complete, print_completion>};

}  // namespace gatecrash::cli
