#include "commands.hpp"
#include "every_machine.hpp"
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
    if (options.machine == MachineName::all) return run_on_every_machine(options, selections, documents);
    Workers workers(options, selections);
    return report_run(options, selections, documents, workers.machine(),
                      [&](const Selection& /*next*/) { return workers.next(); });
}

}  // namespace gatecrash::cli
