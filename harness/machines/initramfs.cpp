#include "machines/initramfs.hpp"

#include <fmt/format.h>

#include <system_error>

#include "machines/cpio.hpp"
#include "machines/machine_error.hpp"
#include "posix/file.hpp"

namespace gatecrash::machines {

namespace fs = std::filesystem;

std::string make_initramfs(const std::vector<Module>& modules, const std::vector<fs::path>& libraries,
                           const InsideFiles& files) {
    CpioWriter archive;
    archive.character_device("/dev/console", 0600, 5, 1);
    archive.file("/init", agent_image(), 0755);
    int index = 0;
    for (const auto& module : modules) {
        const auto file = fmt::format("/modules/{:02}-{}", index++, module.name);
        archive.file(file + ".ko", module.object);
        if (!module.parameters.empty()) archive.file(file + ".parameters", module.parameters);
    }
    for (const auto& library : libraries) archive.file(library, posix::read_file(library), 0755);
    for (const auto& [path, file] : files) archive.file(path, file.content, file.mode);
    return archive.finish();
}

std::vector<Module> modules_for(const MachineFiles& files, std::span<const std::string> wanted) {
    auto modules = read_modules(files.modules, wanted);
    auto left = files.machine->module_parameters;
    for (auto& module : modules) {
        const auto found = left.find(module.name);
        if (found == left.end()) continue;
        module.parameters = found->second;
        left.erase(found);
    }
    if (left.empty()) return modules;
    throw MachineError(fmt::format("the machine '{}' has parameters for {}, which it does not load",
                                   files.machine->name, left.begin()->first),
                       "correct `module_parameters` in the machine's file");
}

std::string read_kernel(const fs::path& path) {
    const std::string remedy = "run `./dev setup`, or name a bzImage with GATECRASH_KERNEL";
    std::string kernel;
    try {
        kernel = posix::read_file(path);
    } catch (const std::system_error& error) {
        throw MachineError(fmt::format("cannot read the kernel {}: {}", path.string(), error.code().message()), remedy);
    }
    // The setup header has a magic number (Documentation/arch/x86/boot.rst).
    if (kernel.size() < 0x10000 || kernel.compare(0x202, 4, "HdrS") != 0) {
        throw MachineError(fmt::format("{} is not a Linux kernel (bzImage)", path.string()), remedy);
    }
    return kernel;
}

}  // namespace gatecrash::machines
