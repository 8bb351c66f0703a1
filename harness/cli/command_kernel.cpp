#include <fmt/format.h>

#include "cli/commands.hpp"
#include "cli/image_options.hpp"
#include "cli/inside.hpp"
#include "cli/kernel_options.hpp"
#include "cli/machine_choice.hpp"
#include "report/exit_code.hpp"

namespace gatecrash::cli {
namespace {

using report::ExitCode;

struct KernelCommandOptions {
    CommonOptions common;
    ImageOptions image;
    unsigned seconds = 0;
};

constexpr unsigned usual_seconds = 60;

void add_kernel_command(OptionList& options) {
    add_boot(options);
    add_image(options);
    add_text(options, "seconds", "N",
             fmt::format("patience with an image that has not ended yet (default: {})", usual_seconds));
}

KernelCommandOptions read_kernel_command(const Values& values) {
    return {.common = read_common(values),
            .image = read_image(values, values.only_argument("IMAGE")),
            .seconds = values.number_if_given("seconds", 1U).value_or(usual_seconds)};
}

/// Says how the image ended, and returns the exit code.
ExitCode report_end(const kernel::ImageEnd& end, const KernelCommandOptions& options) {
    const auto& file = options.image.setup.file;
    if (std::holds_alternative<kernel::StillRuns>(end.stop)) {
        fmt::print(stderr,
                   "gatecrash: {} has no end after {} s: it runs at {}. Let it write to port {:#x}, or give it longer "
                   "with --seconds\n",
                   file, options.seconds, end.where, options.image.setup.description.ports.exit);
        return ExitCode::error;
    }
    fmt::print(stderr, "gatecrash: {}: the kernel {}{}\n", file, describe(end.stop),
               end.where.empty() ? "" : ", at " + end.where);
    return is_good(end.stop, options.image.setup.description) ? ExitCode::as_expected : ExitCode::unexpected;
}

int run_image(const KernelCommandOptions& options) {
    const auto file = kernel::read_image_file(options.image.setup.file);
    const auto local = choose_machine(options.common.machine, false);
    if (!local) return run_inside(options.common, {.inputs = files_of(options.image)});
    const auto end = kernel::run_to_end(local->system, file, options.image.setup, options.seconds, [](char byte) {
        (void)std::fputc(byte, stdout);
        if (byte == '\n') (void)std::fflush(stdout);
    });
    (void)std::fflush(stdout);
    return static_cast<int>(report_end(end, options));
}

}  // namespace

const Command kernel_command{
    .name = "kernel",
    .arguments = " IMAGE",
    .summary = "boot a kernel image, and run it to its end",
    .about =
        "IMAGE is an ELF file with a header of multiboot or multiboot2 or with a PVH note, a flat file with\n"
        "a multiboot header, or a bzImage. What it sends to its serial port comes to standard output.\n"
        "The exit code is 0 if it ends by writing the good value to its exit port, and 1 if it ends in\n"
        "another way.\n",
    .examples =
        "  gatecrash kernel ./kernel.elf\n"
        "  gatecrash kernel ./kernel.elf --append 'test=all' --exit-port 0x501 --good-exit 0x10\n",
    .add_options = add_kernel_command,
    .prepare = prepare<read_kernel_command, run_image>};

}  // namespace gatecrash::cli
