#include <fmt/format.h>

#include "commands.hpp"
#include "gatecrash/bench/harness_bench.hpp"
#include "gatecrash/report/bench_table.hpp"
#include "gatecrash/report/json_report.hpp"
#include "inside.hpp"
#include "machine_choice.hpp"
#include "output.hpp"
#include "target.hpp"
#include "version.hpp"

namespace gatecrash::cli {
namespace {

/// Its window is the longest of those that hold, with user code, SYSCALL, IST stacks and a nested fault in it.
constexpr const char* measured = "nested-nmi/copied-frame";

}  // namespace

int bench(const Options& options) {
    if (options.patterns != std::vector<std::string>{"harness"}) {
        throw UsageError("this version measures the harness only: gatecrash bench harness", "bench");
    }
    Documents documents(options);
    auto local = choose_machine(options.machine, !documents.empty());
    if (!local) return run_inside(options, documents);
    const auto figures = gatecrash::bench::measure_harness(local->system, find_target(measured).image,
                                                           options.stepper.value_or(local->stepper));
    TextOutput(options).print(report::bench_table(figures));
    documents.write(&Options::json, report::bench_report(version, local->description, figures));
    return 0;
}

}  // namespace gatecrash::cli
