// Boots a kernel, as a process: see saved_kernels.hpp. Only this program starts it.
#include "cli/command_boot.hpp"

#include <fmt/format.h>

#include <span>

#include "cli/commands.hpp"
#include "cli/machine_choice.hpp"
#include "embedded_file.hpp"
#include "failure.hpp"
#include "kernel/elf_reader.hpp"
#include "kernel/kernel_guest.hpp"
#include "kernel/saved_kernel.hpp"
#include "kernel/symbols.hpp"
#include "machines/cpio.hpp"
#include "posix/file.hpp"

namespace gatecrash::cli {
namespace {

extern "C" const EmbeddedFile gatecrash_linux_init[];

/// Words that make a kernel quick to boot, and each run of it like the last one.
constexpr const char* command_line =
    "nokaslr norandmaps quiet panic=-1 oops=panic lpj=4000000 pci=off randomize_kstack_offset=off init_on_alloc=0 lsm= "
    "audit=0 cryptomgr.notests io_delay=none nowatchdog sysctl.debug.exception-trace=0";
constexpr unsigned seconds = 300;  ///< patience with a kernel that boots on a busy host

/// A kernel with its symbols, and what it boots with.
struct Kernel {
    kernel::BootImage image;
    std::vector<kernel::KernelSymbol> symbols;
    kernel::KernelFacts facts;
    kernel::BootInput input;
};

kernel::Bytes bytes_of(const std::string& file) {
    const auto text = posix::read_file(file);
    const auto bytes = std::as_bytes(std::span(text));
    return {bytes.begin(), bytes.end()};
}

/// Returns an archive with an init program and a console.
std::string initramfs(const std::optional<std::string>& init) {
    machines::CpioWriter archive;
    const auto program = init ? posix::read_file(*init) : std::string(gatecrash_linux_init[0].text());
    if (!kernel::is_elf(std::as_bytes(std::span(program))))
        throw vm::ImageError(fmt::format("{} is not an ELF file: --init takes a static program", init.value_or("")));
    archive.file("/init", program, 0755);
    archive.character_device("/dev/console", 0600, 5, 1);
    return archive.finish();
}

Kernel load(const KernelOptions& options) {
    const auto& file = options.kernel.value();
    Kernel kernel{kernel::read_boot_image(bytes_of(file), file), {}, {}, {}};
    kernel.symbols = options.symbols ? kernel::symbols_from(bytes_of(*options.symbols), *options.symbols, kernel.image)
                                     : kernel::own_symbols(kernel.image);
    kernel.facts = kernel::find_facts(kernel.image, kernel::symbol_table(kernel.symbols));
    kernel.input = {command_line, initramfs(options.init), options.cpu};
    if (!options.append.empty()) kernel.input.command_line += " " + options.append;
    return kernel;
}

void boot_on(const kvm::System& system, const KernelOptions& options, const std::filesystem::path& file) {
    auto loaded = load(options);
    try {
        const auto saved = kernel::boot(system, loaded.image, std::move(loaded.symbols), loaded.facts, loaded.input,
                                        options.memory, seconds);
        kernel::write_kernel(saved, file);
    } catch (const kernel::BootError& error) {
        throw Failure(error.what(), "give it more memory with --memory, or other words with --append");
    }
}

struct BootOptions {
    CommonOptions common;
    KernelOptions kernel;
    std::string file;
};

BootOptions read_boot(const Values& values) {
    return {read_common(values), read_kernel(values), values.only_argument("FILE")};
}

int boot(const BootOptions& options) {
    boot_here(options.kernel, options.file);
    return 0;
}

}  // namespace

std::vector<kernel::KernelSymbol> symbols_of(const KernelOptions& options) { return load(options).symbols; }

void boot_here(const KernelOptions& options, const std::filesystem::path& file) {
    boot_on(kvm::System::open(), options, file);
}

Words boot_words(const KernelOptions& options, const std::filesystem::path& file) {
    Words words{std::string(boot_command.name)};
    const auto kernel = words_of(options);
    words.insert(words.end(), kernel.begin(), kernel.end());
    words.insert(words.end(), {"--", file.string()});
    return words;
}

const Command boot_command{.name = "boot",
                           .arguments = " FILE",
                           .summary = "boot a kernel, and write it to FILE",
                           .about = "",
                           .examples = "",
                           .add_options = add_kernel,
                           .prepare = prepare<read_boot, boot>};

}  // namespace gatecrash::cli
