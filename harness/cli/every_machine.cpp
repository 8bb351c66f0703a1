#include "cli/every_machine.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "cli/host_error.hpp"
#include "cli/inside.hpp"
#include "cli/report_results.hpp"
#include "cli/sweeping.hpp"
#include "cli/version.hpp"
#include "cli/workers.hpp"
#include "report/exit_code.hpp"
#include "report/json_report.hpp"
#include "report/machine_matrix.hpp"
#include "report/text_report.hpp"
#include "worker/interrupt.hpp"
#include "worker/pool.hpp"

namespace gatecrash::cli {
namespace {

using report::MachineResults;

/// Throws if an emulated machine is not set up. Otherwise only its workers would notice that.
void require_set_up(const machines::Machine& machine) {
    if (const auto missing = machines::missing_for_machine(machine)) throw *missing;
}

void sweep_all(MachineResults& of, Workers& workers, const Sweeping& sweeping, TextOutput& text) {
    const auto& tasks = sweeping.tasks;
    const auto add = [&](suite::Result result) {
        text.print(lines_of(result, tasks));
        of.results.push_back(std::move(result));
    };
    try {
        for (auto result = workers.next(); result; result = workers.next()) {
            of.machine = workers.machine();
            add(std::move(*result));
            if (of.results.size() == tasks.size()) return;
        }
    } catch (const worker::WorkerError& error) {
        // The work continues on the other machines, which may do better.
        fmt::print(stderr, "{}", error.told());
        if (!workers.machine().name.empty()) of.machine = workers.machine();
        while (of.results.size() < tasks.size()) {
            add(suite::failed(about(tasks[of.results.size()], sweeping.options.limits.shard, of.machine.vendor),
                              error.what()));
        }
    }
}

MachineResults run_on(const machines::Machine& machine, Sweeping sweeping, TextOutput& text) {
    const auto start = std::chrono::steady_clock::now();
    sweeping.options.common.machine = MachineName(machine);
    MachineResults of;
    of.machine.name = machine.name;
    try {
        require_set_up(machine);
        Workers workers(sweeping);
        text.print(of.machine.name + "\n");
        sweep_all(of, workers, sweeping, text);
        const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
        const bool is_known = !of.machine.kvm.empty();  // false if the work was interrupted, or died, before its first
                                                        // result
        text.print((is_known ? report::summary_line(of.results, of.machine, seconds.count()) : "") + "\n");
    } catch (const Failure& failure) {
        of.missing = failure.what();
        of.remedy = failure.remedy();
        text.print(fmt::format("{} is not used: {}\n{}\n", of.machine.name, of.missing,
                               of.remedy.empty() ? "" : "  remedy: " + of.remedy + "\n"));
    }
    return of;
}

}  // namespace

int run_on_every_machine(const Sweeping& sweeping, Documents& documents) {
    TextOutput text(sweeping.options);
    std::vector<MachineResults> all_results;
    std::vector<suite::Result> all;
    for (const auto& machine : machines::all_machines()) {
        if (worker::InterruptGuard::stop()) break;
        all_results.push_back(run_on(machine, sweeping, text));
        std::ranges::copy(all_results.back().results, std::back_inserter(all));
    }
    const bool any = std::ranges::any_of(all_results, [](const auto& each) { return each.missing.empty(); });
    if (any) {
        text.print(report::machine_matrix(all_results, selections_of(sweeping.tasks)));
        documents.write_results(report::json_report(version, all_results));
    }
    if (worker::InterruptGuard::stop()) {
        fmt::print(stderr, "gatecrash: interrupted: run the same command again for the other machines\n");
        return 128 + worker::InterruptGuard::signal_number();
    }
    if (!any)
        throw HostError("no machine can run guests: the reasons are above",
                        "`gatecrash doctor` shows what each machine can do");
    for (const auto& each : all_results) {
        const auto step = each.missing.empty() ? report::next_step(each.results) : "";
        if (!step.empty()) fmt::print(stderr, "gatecrash: with --machine {}: {}\n", each.machine.name, step);
    }
    return static_cast<int>(report::exit_code_of(all));
}

}  // namespace gatecrash::cli
