#include "cli/commands.hpp"
#include "cli/output.hpp"
#include "cli/report_results.hpp"
#include "cli/target.hpp"
#include "cli/workers.hpp"
#include "worker/interrupt.hpp"

namespace gatecrash::cli {

int explore_target(const Options& options) {
    const auto target = find_target(options.target);
    for (const auto& range : options.window) {
        check_symbol(range.from, target.image);
        check_symbol(range.to, target.image);
    }
    Documents documents(options);
    const worker::InterruptGuard guard;
    Workers workers(options, {target.selection});
    return report_exploration(options, target.selection, documents, workers.machine(),
                              [&](const Selection& /*only*/) { return workers.next(); });
}

}  // namespace gatecrash::cli
