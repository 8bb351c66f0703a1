#include "cli/saved_kernels.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <csignal>
#include <cstdint>
#include <system_error>

#include "check/protected_code.hpp"
#include "cli/code_files.hpp"
#include "cli/command_boot.hpp"
#include "cli/inside.hpp"
#include "cli/machine_choice.hpp"
#include "kernel/symbols.hpp"
#include "machines/cache.hpp"
#include "machines/digest.hpp"
#include "machines/saved_state.hpp"
#include "posix/file.hpp"
#include "worker/guest.hpp"
#include "worker/pool.hpp"

namespace gatecrash::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* file_name = "kernel";

/// Returns a digest of a file of the cache, which shows damage.
std::string digest_of(const fs::path& file) { return machines::sparse_digest(posix::open_file(file, O_RDONLY).get()); }

/// Returns the absolute path of a file of the user's, so that it is the same in an emulated machine.
std::string path_of(const std::string& file, const char* option) {
    check_file(file, fmt::format("--{}", option), "linux");
    std::error_code error;
    return fs::absolute(file, error).lexically_normal();
}

/// Returns the options with absolute paths.
KernelOptions with_paths(KernelOptions options) {
    options.kernel = options.kernel ? path_of(*options.kernel, "kernel") : machines::default_kernel_image().string();
    if (options.symbols) options.symbols = path_of(*options.symbols, "symbols");
    if (options.init) options.init = path_of(*options.init, "init");
    options.pokes.clear();  // these come after the boot
    options.ignored_memory.clear();
    options.annotations.reset();
    return options;
}

/// Returns a digest of what decides how a kernel boots on `machine`.
std::string key_of(const machines::Machine& machine) {
    if (machine.is_emulated()) return machine.key(machines::MachineFiles::from_environment(machine));
    const auto here = describe_here();
    return machines::Digest().add(here.kvm).add(here.cpu).add(here.kernel).text();
}

void boot_inside(const machines::Machine& machine, const KernelOptions& options,
                 const std::vector<kernel::KernelSymbol>& symbols, const fs::path& file) {
    const fs::path inside = "/booted-kernel";
    machines::Launch launch;
    launch.arguments = boot_words(options, inside);
    launch.environment[machines::inside_variable] = machine.name;
    for (const auto& input : {options.kernel, options.init}) {
        if (input) launch.inputs[*input] = *input;
    }
    // A vmlinux with debug information may be larger than the machine.
    const auto map = posix::memory_file("gatecrash-symbols", kernel::to_system_map(symbols));
    if (options.symbols) launch.inputs[fmt::format("/proc/self/fd/{}", map.get())] = *options.symbols;
    launch.outputs[inside] = file;
    const int code = machines::run_in_machine(machines::MachineFiles::from_environment(machine), launch);
    constexpr int killed = 128 + SIGKILL;
    constexpr std::uint64_t mebibyte = 1 << 20;
    if (code == killed) {
        throw Failure(fmt::format("the boot was killed: machine `{}` has {} MiB itself, which seems not to be enough",
                                  machine.name, machine.memory / mebibyte),
                      "give the kernel less memory with --memory");
    }
    if (code != 0) throw worker::WorkerError("the kernel did not boot", code, "");
}

/// Returns the exits of a kernel's protected code, if its annotations are known.
std::vector<vm::Virtual> exits_of(const std::string& kernel, const std::optional<std::string>& annotations) {
    if (!annotations) return {};
    const auto code = read_code(kernel);
    return check::certain_exits(code, read_annotations(path_of(*annotations, annotations_option), code));
}

}  // namespace

Words words_of(const KernelPlace& place) {
    Words words{fmt::format("--{}={}", saved_kernel_option, place.file)};
    std::vector<std::string> exits;
    for (const auto exit : place.exits) exits.push_back(fmt::format("{:#x}", number(exit)));
    if (!exits.empty()) words.push_back(fmt::format("--{}={}", kernel_exits_option, fmt::join(exits, ",")));
    return words;
}

std::optional<KernelPlace> read_place(const Values& values) {
    const auto file = values.text_if_given(saved_kernel_option);
    if (!file) return std::nullopt;
    KernelPlace place{*file, {}};
    const auto exits = values.text_if_given(kernel_exits_option);
    for (const auto exit : sweep::split_list(exits ? std::string_view(*exits) : ""))
        place.exits.push_back(vm::Virtual{std::stoull(std::string(exit), nullptr, 16)});
    return place;
}

std::string saved_kernel_key(const KernelOptions& options, const KernelBooter& booter) {
    machines::Digest digest;
    digest.add(booter.program).add(booter.machine);
    for (const auto& file : {options.kernel, options.symbols, options.init})
        digest.add(file ? posix::read_file(*file) : "");
    digest.add(options.append).add(options.cpu).add(std::to_string(options.memory));
    return digest.text();
}

ReadyKernel ready_kernel(const KernelOptions& options, MachineName asked) {
    const auto whole = with_paths(options);
    const auto name = machine_to_use(asked);
    const auto& machine = *name.machine();
    const machines::ContentCache cache(machines::cache_folder(machine) / "kernels");
    const auto key =
        saved_kernel_key(whole, {.program = posix::read_file("/proc/self/exe"), .machine = key_of(machine)});
    auto exits = exits_of(*whole.kernel, options.annotations);
    std::optional<kernel::SavedKernelHead> head;
    const auto usable = [&](const fs::path& folder) {
        try {
            head = kernel::KernelFile(folder / file_name).head();
            return posix::read_file(folder / worker::kernel_digest_name) == digest_of(folder / file_name);
        } catch (const vm::ImageError&) {
            return false;
        } catch (const std::system_error&) {
            return false;
        }
    };
    cache.get(key, usable, [&](const fs::path& folder) {
        const auto symbols = symbols_of(whole);
        fmt::print(stderr, "gatecrash: booting {} once; later sweeps begin with the booted kernel\n", *whole.kernel);
        if (machine.is_emulated()) {
            boot_inside(machine, whole, symbols, folder / file_name);
        } else {
            boot_here(whole, folder / file_name);
        }
        posix::write_file(folder / worker::kernel_digest_name, digest_of(folder / file_name));
    });
    return {{(cache.folder() / key / file_name).string(), std::move(exits)}, std::move(*head), name};
}

}  // namespace gatecrash::cli
