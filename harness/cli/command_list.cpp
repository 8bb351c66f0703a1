#include "cases/registry.hpp"
#include "cli/commands.hpp"
#include "cli/output.hpp"
#include "cli/select.hpp"
#include "cli/version.hpp"
#include "report/coverage.hpp"

namespace gatecrash::cli {

int list(const Options& options) {
    const auto selections = select(cases::all_cases(), options.patterns);
    Documents documents(options);
    if (options.covers) {
        const auto coverage = report::coverage_of(suite::catalogue(), selections);
        TextOutput(options).print(report::text_coverage(coverage));
        documents.write(&Options::json, report::json_coverage(version, coverage));
        return 0;
    }
    TextOutput(options).print(report::text_listing(selections));
    documents.write(&Options::json, report::json_listing(version, selections));
    return 0;
}

}  // namespace gatecrash::cli
