#include "boot.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <system_error>

#include "emulator.hpp"
#include "gatecrash/emulator/cpio.hpp"
#include "gatecrash/emulator/digest.hpp"
#include "gatecrash/emulator/modules.hpp"

namespace gatecrash::emulator {

namespace fs = std::filesystem;

namespace {

/// virtio first: with the port there, the agent can say what is wrong with the others.
const std::array<std::string, 4> wanted_modules = {"virtio_pci", "virtio_console", "kvm", "kvm_amd"};

constexpr std::chrono::seconds boot_limit{180};

Fd memory_file(const char* name, std::string_view content = {}) {
    Fd fd(::memfd_create(name, MFD_CLOEXEC));
    if (!fd) throw_errno("memfd_create");
    write_all(fd.get(), content);
    ::lseek(fd.get(), 0, SEEK_SET);
    return fd;
}

std::string make_initramfs(const fs::path& module_folder, const std::vector<fs::path>& libraries) {
    CpioWriter archive;
    archive.character_device("/dev/console", 0600, 5, 1);
    archive.file("/init", agent_image(), 0755);
    int index = 0;
    for (const auto& module : read_modules(module_folder, wanted_modules)) {
        archive.file(fmt::format("/modules/{:02}-{}.ko", index++, module.name), module.object);
    }
    for (const auto& library : libraries) archive.file(library, read_file(library), 0755);
    return archive.finish();
}

std::string read_kernel(const fs::path& path) {
    const std::string remedy = "run `./dev setup`, or name a bzImage with GATECRASH_KERNEL";
    std::string kernel;
    try {
        kernel = read_file(path);
    } catch (const std::system_error& error) {
        throw MachineError(fmt::format("cannot read the kernel {}: {}", path.string(), error.code().message()), remedy);
    }
    // Documentation/arch/x86/boot.rst: the setup header's magic number.
    if (kernel.size() < 0x10000 || kernel.compare(0x202, 4, "HdrS") != 0) {
        throw MachineError(fmt::format("{} is not a Linux kernel (bzImage)", path.string()), remedy);
    }
    return kernel;
}

}  // namespace

Parts collect_parts(const MachineFiles& files, const std::vector<fs::path>& libraries) {
    Parts parts;
    parts.qemu = find_qemu();
    parts.version = qemu_version(parts.qemu);
    parts.kernel = read_kernel(files.kernel);
    parts.initramfs = make_initramfs(files.modules, libraries);
    return parts;
}

std::string state_key(const Parts& parts) {
    Digest digest;
    digest.add(parts.qemu.string()).add(parts.version).add(parts.kernel).add(parts.initramfs);
    for (const auto& arguments : {boot_arguments(), restore_arguments()}) {
        for (const auto& argument : arguments) digest.add(argument);
    }
    return digest.text();
}

void boot_and_save(const Parts& parts, const fs::path& folder) {
    fmt::print(stderr, "gatecrash: booting the amd machine once (about 5 s)...\n");
    // In memory, not in the cache folder: a full disk would end QEMU by SIGBUS, while save_state can say what is wrong.
    const auto memory = memory_file("memory");
    if (::ftruncate(memory.get(), static_cast<off_t>(memory_size)) != 0) throw_errno("ftruncate");
    const auto devices = memory_file("devices");
    const auto kernel = memory_file("kernel", parts.kernel);
    const auto initramfs = memory_file("initramfs", parts.initramfs);
    Emulator emulator(
        parts.qemu, boot_arguments(),
        {{QemuFd::memory, memory.get()}, {QemuFd::kernel, kernel.get()}, {QemuFd::initramfs, initramfs.get()}});
    emulator.wait_for(Message::ready, boot_limit);
    emulator.save_devices(devices.get());
    save_state(folder, memory.get(), devices.get());
}

}  // namespace gatecrash::emulator
