#include "cli/commands.hpp"
#include "cli/every_machine.hpp"
#include "cli/output.hpp"
#include "cli/report_results.hpp"
#include "cli/sweeping.hpp"
#include "cli/workers.hpp"
#include "worker/interrupt.hpp"

namespace gatecrash::cli {

int run(const Options& options) {
    const auto selections = selections_of(options);
    Documents documents(options);
    const worker::InterruptGuard guard;
    if (options.machine == MachineName::all) return run_on_every_machine(options, selections, documents);
    Workers workers(options, selections);
    return report_run(options, selections, documents, workers.machine(),
                      [&](const Selection& /*next*/) { return workers.next(); });
}

}  // namespace gatecrash::cli
