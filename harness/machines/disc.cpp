#include "machines/disc.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <system_error>

#include "machines/cache.hpp"
#include "machines/digest.hpp"
#include "machines/machine_error.hpp"
#include "posix/child_process.hpp"
#include "posix/file.hpp"

namespace gatecrash::machines {

namespace fs = std::filesystem;

namespace {

constexpr const char* boot_loader = "/usr/lib/ISOLINUX/isolinux.bin";
constexpr const char* boot_loader_library = "/usr/lib/syslinux/modules/bios/ldlinux.c32";

/// Arguments of objcopy. They remove symbols, debugging information and the signature after them, type information, and
/// the list of places that ftrace changes. Otherwise the kernel inside would read, check or patch these at the speed of
/// an interpreter.
const std::vector<std::string> strip = {"--strip-debug", "-R", ".BTF", "-R", "__mcount_loc", "-R", ".rela__mcount_loc"};

std::string boot_menu(const DiscParts& parts) {
    return fmt::format(
        "PROMPT 0\nTIMEOUT 1\nDEFAULT gatecrash\nLABEL gatecrash\n  KERNEL /linux\n  INITRD /initrd\n  APPEND {}\n",
        parts.kernel_arguments);
}

void run_tool(const Machine& machine, const std::string& name, const std::vector<std::string>& arguments) {
    const auto program = posix::find_program(name);
    if (!program) throw_not_set_up(machine, name);
    const auto ended = posix::ChildProcess(*program, arguments).finish();
    if (ended.code != 0) throw MachineError(fmt::format("{} failed: {}", name, ended.output));
}

std::vector<Module> stripped(const Machine& machine, const std::vector<Module>& modules, const fs::path& scratch) {
    std::vector<Module> result;
    for (const auto& module : modules) {
        const auto file = scratch / "module";
        posix::write_file(file, module.object);
        auto arguments = strip;
        arguments.push_back(file);
        run_tool(machine, "objcopy", arguments);
        result.push_back({module.name, posix::read_file(file), module.parameters});
        fs::remove(file);
    }
    return result;
}

/// Fills `folder` with `disc`, and with the digest of its content in `digest`.
void make_disc(const fs::path& folder, const DiscParts& parts) {
    const auto tree = folder / "tree";
    fs::create_directories(tree / "isolinux");
    const auto modules = stripped(parts.machine, parts.modules, folder);
    posix::write_file(tree / "initrd", make_initramfs(modules, parts.libraries, parts.files));
    posix::write_file(tree / "linux", parts.kernel);
    posix::write_file(tree / "isolinux" / "isolinux.cfg", boot_menu(parts));
    fs::copy_file(boot_loader, tree / "isolinux" / "isolinux.bin");
    fs::copy_file(boot_loader_library, tree / "isolinux" / "ldlinux.c32");
    run_tool(parts.machine, "xorriso",
             {"-as", "mkisofs", "-quiet", "-o", folder / "disc", "-b", "isolinux/isolinux.bin", "-c", "boot.cat",
              "-no-emul-boot", "-boot-load-size", "4", "-boot-info-table", tree});
    fs::remove_all(tree);
    posix::write_file(folder / "digest", Digest().add(posix::read_file(folder / "disc")).text());
}

}  // namespace

void check_disc_tools(const Machine& machine) {
    for (const auto* tool : {"objcopy", "xorriso"}) {
        if (!posix::find_program(tool)) throw_not_set_up(machine, tool);
    }
    for (const auto* file : {boot_loader, boot_loader_library}) {
        if (::access(file, R_OK) != 0) throw_not_set_up(machine, file);
    }
}

std::string disc_key(const DiscParts& parts) {
    Digest digest;
    digest.add(parts.kernel).add(boot_menu(parts)).add(agent_image());
    digest.add(posix::read_file(boot_loader)).add(posix::read_file(boot_loader_library));
    for (const auto& word : strip) digest.add(word);
    for (const auto& module : parts.modules) digest.add(module.name).add(module.object).add(module.parameters);
    for (const auto& library : parts.libraries) digest.add(library.string()).add(posix::read_file(library));
    for (const auto& [path, file] : parts.files) {
        digest.add(path.string()).add(std::to_string(file.mode)).add(file.content);
    }
    return digest.text();
}

posix::FileDescriptor get_disc(const fs::path& cache, const DiscParts& parts) {
    posix::FileDescriptor disc;
    const auto usable = [&](const fs::path& folder) {
        try {
            disc = posix::open_file(folder / "disc", O_RDONLY);
            return Digest().add(posix::read_all(disc.get())).text() == posix::read_file(folder / "digest");
        } catch (const std::system_error&) {
            return false;
        }
    };
    ContentCache(cache).get(disc_key(parts), usable, [&](const fs::path& folder) { make_disc(folder, parts); });
    return disc;
}

}  // namespace gatecrash::machines
