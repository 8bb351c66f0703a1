#include "commands.hpp"
#include "gatecrash/report/coverage.hpp"
#include "output.hpp"
#include "select.hpp"
#include "version.hpp"

namespace gatecrash::cli {

int list(const Options& options) {
    const auto selections = select(explore::all_cases(), options.patterns);
    Documents documents(options);
    if (options.covers) {
        const auto coverage = report::coverage_of(explore::catalogue(), selections);
        TextOutput(options).print(report::text_coverage(coverage));
        documents.write(&Options::json, report::json_coverage(version, coverage));
        return 0;
    }
    TextOutput(options).print(report::text_listing(selections));
    documents.write(&Options::json, report::json_listing(version, selections));
    return 0;
}

}  // namespace gatecrash::cli
