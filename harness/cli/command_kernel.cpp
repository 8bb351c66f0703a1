#include "cli/command_kernel.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "cli/command_explore.hpp"
#include "cli/commands.hpp"
#include "cli/image_options.hpp"
#include "cli/inside.hpp"
#include "cli/kernel_options.hpp"
#include "cli/machine_choice.hpp"
#include "cli/report_results.hpp"
#include "report/exit_code.hpp"

namespace gatecrash::cli {
namespace {

using report::ExitCode;

struct KernelCommandOptions {
    SweepingOptions sweeping;
    ImageOptions image;
    std::optional<kernel::ImageWindow> window;  ///< empty: the image runs to its end
    KernelEvents events;
    bool prune = true;
};

/// Adds the options that need --window.
void add_sweep(OptionList& options) {
    add_events(options);
    add_sweeping(options);
}

void add_kernel_command(OptionList& options) {
    add_boot(options);
    add_image(options);
    add_image_window(options);
    add_sweep(options);
}

/// Refuses options that a run to the end would ignore.
void refuse_sweep_options(const Values& values) {
    OptionList options;
    add_sweep(options);
    add_text(options, "json", "FILE", "");
    add_text(options, "jobs", "N", "");
    if (const auto given = values.given_of(options))
        values.fail(fmt::format("--{} is for sweeps, which need --window", *given));
}

/// Checks what a sweep needs beyond the image.
void check_sweep(const KernelCommandOptions& options, const Values& values) {
    const bool has_irq = std::ranges::find(options.events.events, vm::Event::irq()) != options.events.events.end();
    if (has_irq && !options.image.setup.description.irq_vector) {
        values.fail(
            "irq needs a vector: give irq.vector in the description, or write irq=VECTOR with another one than 0x20, "
            "which is the same as irq");
    }
}

KernelCommandOptions read_kernel_command(const Values& values) {
    KernelCommandOptions options{.sweeping = read_sweeping(values, Machines::one),
                                 .image = read_image(values, values.only_argument("IMAGE")),
                                 .window = read_image_window(values),
                                 .events = read_events(values).value_or(KernelEvents{}),
                                 .prune = !values.is_set("no-prune")};
    refuse_stepper(options.sweeping.common, values);
    if (options.window) {
        check_sweep(options, values);
    } else {
        refuse_sweep_options(values);
    }
    if (!options.sweeping.limits.max_findings && !options.sweeping.limits.budget)
        options.sweeping.limits.max_findings = usual_max_findings;
    return options;
}

/// Says how the image ended, and returns the exit code.
ExitCode report_end(const kernel::ImageEnd& end, const KernelCommandOptions& options) {
    const auto& file = options.image.setup.file;
    if (std::holds_alternative<kernel::StillRuns>(end.stop)) {
        fmt::print(stderr,
                   "gatecrash: {} has no end after {} s: it runs at {}. Let it write to port {:#x}, or give it longer "
                   "with --seconds\n",
                   file, options.image.seconds, end.where, options.image.setup.description.ports.exit);
        return ExitCode::error;
    }
    fmt::print(stderr, "gatecrash: {}: the kernel {}{}\n", file, describe(end.stop),
               end.where.empty() ? "" : ", at " + end.where);
    return is_good(end.stop, options.image.setup.description) ? ExitCode::as_expected : ExitCode::unexpected;
}

int run_image(const KernelCommandOptions& options, const kernel::ImageFile& file) {
    const auto local = choose_machine(options.sweeping.common.machine, false);
    if (!local) return run_inside(options.sweeping.common, {.inputs = files_of(options.image)});
    const auto end = kernel::run_to_end(local->system, file, options.image.setup, options.image.seconds, [](char byte) {
        (void)std::fputc(byte, stdout);
        if (byte == '\n') (void)std::fflush(stdout);
    });
    (void)std::fflush(stdout);
    return static_cast<int>(report_end(end, options));
}

Sweeping sweeping_of(const KernelCommandOptions& options) {
    const auto& setup = options.image.setup;
    auto deciding = deciding_words("kernel", options.sweeping);
    deciding.insert(deciding.end(), options.image.words.begin(), options.image.words.end());
    deciding.push_back("--window=" + to_string(*options.window));
    deciding.push_back("--events=" + joined(options.events.events));
    deciding.push_back(fmt::format("--depth={}", options.events.depth));
    if (options.events.in_order) deciding.emplace_back("--in-order");
    if (!options.prune) deciding.emplace_back("--no-prune");
    deciding.insert(deciding.end(), {"--", setup.file});

    const auto target = image_target(setup.file);
    worker::Sweep sweep{.guest = worker::ImageTarget{target, {setup, *options.window, options.image.seconds}},
                        .events = options.events.events,
                        .depth = options.events.depth,
                        .prune = options.prune,
                        .in_order = options.events.in_order};
    limit(sweep, options.sweeping);
    return {.command = "kernel",
            .options = options.sweeping,
            .deciding = std::move(deciding),
            .tasks = {{.name = target,
                       .selection = {},
                       .is_judged = false,
                       .sweep = std::move(sweep),
                       .replay_options = replay_options(options.image, *options.window)}}};
}

}  // namespace

Sweeping sweeping_of_image(const Values& values) {
    const auto options = read_kernel_command(values);
    if (!options.window) values.fail("--window is missing");
    return sweeping_of(options);
}

namespace {

int kernel_command_main(const KernelCommandOptions& options) {
    const auto file = kernel::read_image_file(options.image.setup.file);
    if (!options.window) return run_image(options, file);
    (void)find_places(file, options.image.setup.description, *options.window);
    return sweep_and_report(sweeping_of(options), report_exploration);
}

}  // namespace

const Command kernel_command{
    .name = "kernel",
    .arguments = " IMAGE",
    .summary = "run a kernel image to its end, or sweep a window of it",
    .about =
        "IMAGE is an ELF file with a header of multiboot or multiboot2 or with a PVH note, a flat file with\n"
        "a multiboot header, or a bzImage. Without --window it runs to its end. What it sends to its serial\n"
        "port comes to standard output, and the exit code is 0 if it writes the good value to its exit port,\n"
        "and 1 if it ends in another way. With --window, events land between two places of its code, and the\n"
        "exit code is 1 if a schedule breaks an invariant.\n",
    .examples =
        "  gatecrash kernel ./kernel.elf\n"
        "  gatecrash kernel ./kernel.elf --append 'test=all' --exit-port 0x501 --good-exit 0x10\n"
        "  gatecrash kernel ./kernel.elf --window entry_syscall..syscall_exit --events nmi,db --depth 2\n",
    .add_options = add_kernel_command,
    .prepare = prepare<read_kernel_command, kernel_command_main>};

}  // namespace gatecrash::cli
