#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "cli/command_explore.hpp"
#include "cli/command_linux.hpp"
#include "cli/commands.hpp"
#include "cli/kernel_options.hpp"
#include "cli/machine_choice.hpp"
#include "cli/report_results.hpp"
#include "cli/saved_kernels.hpp"

namespace gatecrash::cli {
namespace {

/// The events that land on a workload, and their places.
struct Plan {
    std::string name;  ///< follows the workload's name; empty: nothing does
    std::vector<vm::Event> events;
    unsigned depth = 1;
    std::vector<sweep::SymbolRange> window{};
    bool in_order = false;
};

struct LinuxOptions {
    SweepingOptions sweeping;
    KernelOptions kernel;
    std::optional<std::string> workloads;  ///< comma-separated; empty: all
    std::optional<Plan> plan;              ///< empty: the usual ones
    bool prune = true;
};

void add_linux(OptionList& options) {
    add_kernel(options);
    add_text(options, "workload", "LIST", "sweep only these workloads, comma-separated (default: all)");
    add_events(options);
    add_text(
        options, "window", "RANGES",
        "land events only in RANGES, comma-separated: FROM..TO from one symbol to another, SYMBOL for one "
        "instruction, `entry` for the entry text, or `all`. EVENT:RANGE applies only to events of that kind. Other "
        "code runs freely");
    add_sweeping(options);
}

std::optional<Plan> read_plan(const Values& values) {
    const auto events = read_events(values);
    if (!events && !values.has("window")) return std::nullopt;
    const auto [list, depth, in_order] = events.value_or(KernelEvents{});
    Plan plan{.name = {}, .events = list, .depth = depth, .in_order = in_order};
    try {
        if (const auto text = values.text_if_given("window")) plan.window = parse_kernel_window(*text);
    } catch (const sweep::ScheduleError& error) {
        values.fail(fmt::format("--window {}", error.what()));
    }
    return plan;
}

LinuxOptions read_linux(const Values& values) {
    if (!values.arguments().empty())
        values.fail(fmt::format("unexpected argument '{}': name a kernel with --kernel", values.arguments().front()));
    LinuxOptions options{.sweeping = read_sweeping(values, Machines::one),
                         .kernel = read_kernel(values),
                         .workloads = values.text_if_given("workload"),
                         .plan = read_plan(values),
                         .prune = !values.is_set("no-prune")};
    refuse_stepper(options.sweeping.common, values);
    if (!options.sweeping.limits.max_findings && !options.sweeping.limits.budget)
        options.sweeping.limits.max_findings = usual_max_findings;
    return options;
}

/// Returns what is swept if the user names no events. These are each event everywhere, and pairs in the entry text. The
/// last plan has two NMIs and an exception in between, whose IRET unmasks NMIs.
std::vector<Plan> usual_plans(const std::string& nmi_code) {
    using vm::Event;
    std::vector<Plan> plans{{"", {Event::nmi(), Event::irq(), Event::db()}},
                            {"pairs", {Event::nmi(), Event::irq()}, 2, parse_kernel_window("entry")}};
    if (!nmi_code.empty()) {
        plans.push_back({"nested-nmi",
                         {Event::nmi(), Event::db(), Event::nmi()},
                         3,
                         parse_kernel_window(fmt::format("nmi:entry,nmi:{0},db:{0}", nmi_code)),
                         true});
    }
    return plans;
}

/// Returns the numbers of the workloads that the user wants.
std::vector<unsigned> chosen(const std::vector<kernel::WorkloadInfo>& workloads,
                             const std::optional<std::string>& list) {
    std::vector<unsigned> numbers;
    for (unsigned i = 0; !list && i < workloads.size(); ++i) numbers.push_back(i);
    for (const auto name : sweep::split_list(list ? std::string_view(*list) : "")) {
        const auto found = std::ranges::find(workloads, name, &kernel::WorkloadInfo::name);
        if (found == workloads.end()) {
            std::vector<std::string> names;
            names.reserve(workloads.size());
            for (const auto& workload : workloads) names.push_back(workload.name);
            throw UsageError(fmt::format("no workload '{}': the init program has {}", name, fmt::join(names, ", ")),
                             "linux");
        }
        numbers.push_back(static_cast<unsigned>(found - workloads.begin()));
    }
    return numbers;
}

Words deciding_words(const LinuxOptions& options) {
    auto words = cli::deciding_words("linux", options.sweeping);
    const auto kernel = words_of(options.kernel);
    words.insert(words.end(), kernel.begin(), kernel.end());
    if (options.workloads) words.push_back("--workload=" + *options.workloads);
    if (options.plan) {
        const auto& [name, events, depth, window, in_order] = *options.plan;
        words.insert(words.end(), {"--events=" + joined(events), fmt::format("--depth={}", depth)});
        if (!window.empty()) words.push_back("--window=" + joined(window));
        if (in_order) words.emplace_back("--in-order");
    }
    if (!options.prune) words.emplace_back("--no-prune");
    return words;
}

Sweeping sweeping_of(const LinuxOptions& options, const ReadyKernel& kernel) {
    Sweeping sweeping{
        .command = "linux", .options = options.sweeping, .deciding = deciding_words(options), .tasks = {}};
    const auto plans = options.plan ? std::vector{*options.plan} : usual_plans(kernel.head.facts.nmi_code);
    for (const auto number : chosen(kernel.head.workloads, options.workloads)) {
        const auto target = "linux/" + kernel.head.workloads[number].name;
        for (const auto& plan : plans) {
            worker::Sweep sweep{.guest = worker::KernelWorkload{kernel.place.file, target, number, options.kernel.pokes,
                                                                kernel.place.exits, options.kernel.ignored_memory},
                                .events = plan.events,
                                .depth = plan.depth,
                                .window = plan.window,
                                .prune = options.prune,
                                .in_order = plan.in_order};
            limit(sweep, options.sweeping);
            auto replay_options = words_of(options.kernel);
            if (!plan.window.empty()) replay_options.insert(replay_options.end(), {"--window", joined(plan.window)});
            sweeping.tasks.push_back({.name = target + (plan.name.empty() ? "" : "/" + plan.name),
                                      .selection = {},
                                      .is_judged = false,
                                      .sweep = std::move(sweep),
                                      .replay_options = std::move(replay_options)});
        }
    }
    return sweeping;
}

Sweeping ready_sweeping(LinuxOptions options) {
    const auto kernel = ready_kernel(options.kernel, options.sweeping.common.machine);
    options.sweeping.common.machine = kernel.machine;
    return sweeping_of(options, kernel);
}

int sweep_linux(const LinuxOptions& options) { return sweep_and_report(ready_sweeping(options), report_run); }

}  // namespace

Sweeping sweeping_of_kernel(const Values& values) { return ready_sweeping(read_linux(values)); }

Sweeping sweeping_of_kernel_shards(const Values& values, const report::ShardDocument& document) {
    const auto options = read_linux(values);
    Sweeping sweeping{
        .command = "linux", .options = options.sweeping, .deciding = deciding_words(options), .tasks = {}};
    for (const auto& result : document.results) {
        worker::Sweep sweep{.guest = worker::KernelWorkload{}};
        limit(sweep, options.sweeping);
        sweeping.tasks.push_back({.name = result.case_name,
                                  .selection = {},
                                  .is_judged = false,
                                  .sweep = std::move(sweep),
                                  .replay_options = result.replay_options});
    }
    return sweeping;
}

const Command linux_command{
    .name = "linux",
    .arguments = "",
    .summary = "sweep the entry code of a Linux kernel, as it is",
    .about =
        "Boots the kernel once, and lands events on every instruction boundary of each workload of an init\n"
        "program. Without --events, --depth and --window it sweeps each workload three times: with nmi, irq\n"
        "and db at every boundary; with pairs of nmi and irq in the entry text; and with two NMIs, and in\n"
        "between a #DB, whose IRET unmasks NMIs.\n"
        "The exit code is 1 if a schedule breaks an invariant.\n",
    .examples =
        "  gatecrash linux\n"
        "  gatecrash linux --kernel arch/x86/boot/bzImage --append pti=on --workload getpid,page-fault\n"
        "  gatecrash linux --workload getpid --events nmi,irq,db --depth 2 --window entry\n"
        "  gatecrash linux --workload getpid --poke paranoid_entry+0x80=0f1f440000\n",
    .add_options = add_linux,
    .prepare = prepare<read_linux, sweep_linux>};

}  // namespace gatecrash::cli
