#include "commands.hpp"
#include "interrupt.hpp"
#include "output.hpp"
#include "report_results.hpp"
#include "sweeping.hpp"
#include "workers.hpp"

namespace gatecrash::cli {

int run(const Options& options) {
    const auto selections = selections_of(options);
    Documents documents(options);
    const InterruptGuard guard;
    Workers workers(options, selections);
    return report_run(options, selections, documents, workers.machine(),
                      [&](const Selection& /*next*/) { return workers.next(); });
}

}  // namespace gatecrash::cli
