#include "cases/registry.hpp"
#include "cli/commands.hpp"
#include "cli/output.hpp"
#include "cli/select.hpp"
#include "cli/version.hpp"
#include "report/coverage.hpp"

namespace gatecrash::cli {

namespace {

struct ListOptions {
    CommonOptions common;
    Words patterns;
    bool covers = false;
};

void add_list(OptionList& options) {
    add_flag(options, "covers", "list the rows of the catalogue instead, each with the variants that cover it");
}

ListOptions read_list(const Values& values) {
    ListOptions options{
        .common = read_common(values), .patterns = values.arguments(), .covers = values.is_set("covers")};
    values.check(destinations_of(options.common));
    return options;
}

int list(const ListOptions& options) {
    const auto selections = select(cases::all_cases(), options.patterns);
    Documents documents("list", destinations_of(options.common));
    if (options.covers) {
        const auto coverage = report::coverage_of(suite::catalogue(), selections);
        TextOutput(options.common).print(report::text_coverage(coverage));
        documents.write("--json", report::json_coverage(version, coverage));
        return 0;
    }
    TextOutput(options.common).print(report::text_listing(selections));
    documents.write("--json", report::json_listing(version, selections));
    return 0;
}

}  // namespace

const Command list_command{
    .name = "list",
    .arguments = " [PATTERN...]",
    .summary = "list cases and variants: what each asks, where it comes from, what it expects",
    .about = "A PATTERN is a shell glob on CASE or CASE/VARIANT. Without a PATTERN, all variants are listed.\n",
    .examples =
        "  gatecrash list\n"
        "  gatecrash list 'nested-nmi/linus-*'\n"
        "  gatecrash list --covers             rows of the catalogue, covered and open\n"
        "  gatecrash list --json -             for a script\n",
    .add_options = add_list,
    .prepare = prepare<read_list, list>,
    .known_arguments = [] { return pattern_names(cases::all_cases()); }};

}  // namespace gatecrash::cli
