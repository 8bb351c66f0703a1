#include "machines/qemu.hpp"

#include <fmt/format.h>

#include "machines/machine_error.hpp"
#include "posix/child_process.hpp"

namespace gatecrash::machines {

namespace fs = std::filesystem;

namespace {

constexpr const char* qemu_name = "qemu-system-x86_64";

std::vector<std::string> common_arguments(const Machine& machine, bool shared_memory) {
    const auto* const share = shared_memory ? "on" : "off";
    std::vector<std::string> arguments{
        "-M",
        "q35,memory-backend=memory",
        "-accel",
        "tcg,thread=single",
        "-cpu",
        machine.cpu,
        // Uses one CPU. QEMU 7.2's SVM changes a CPU's pending interrupts without a lock at each VM entry and exit
        // (svm_helper.c, CPU_INTERRUPT_VIRQ). With two CPU threads an interrupt is lost now and then, and the machine
        // hangs.
        "-smp",
        "1",
        "-m",
        fmt::format("{}M", machine.memory >> 20),
        // The memory is a file. The first start shares it, so that this program can read and save it. Later starts map
        // the saved file privately: nothing is read until it is used, and nothing is written back.
        "-object",
        fmt::format("memory-backend-file,id=memory,size={},mem-path={},share={}", machine.memory,
                    posix::handed_path(memory_fd), share),
        // Input files come through a memory that nobody inside writes to. It is shared and private as the machine's
        // own: QEMU saves no shared memory, and refuses a shared one that another start has put elsewhere. QEMU saves a
        // machine with this device only if the device is the memory's master.
        "-object",
        fmt::format("memory-backend-file,id=window,size={},mem-path={},share={}", window_size,
                    posix::handed_path(window_fd), share),
        "-device",
        "ivshmem-plain,memdev=window,master=on",
        "-nodefaults",
        "-no-user-config",
        "-no-reboot",
        "-display",
        "none",
        "-chardev",
        "stdio,id=console,signal=off",
        "-serial",
        "chardev:console",
        "-device",
        "virtio-serial-pci",
        "-chardev",
        fmt::format("socket,id=agent,fd={}", static_cast<int>(agent_fd)),
        "-device",
        "virtserialport,chardev=agent,name=gatecrash.agent",
        "-chardev",
        fmt::format("socket,id=monitor,fd={}", static_cast<int>(monitor_fd)),
        "-mon",
        "chardev=monitor,mode=control",
        // The machine is saved while it is stopped, but must run when it is restored.
        "-global",
        "migration.store-global-state=off",
    };
    if (!machine.emulator.empty()) {
        for (const auto* folder : {"usr/share/qemu", "usr/share/seabios"})
            arguments.insert(arguments.end(), {"-L", root_of(machine) / folder});
    }
    return arguments;
}

}  // namespace

fs::path find_qemu(const Machine& machine) {
    if (!machine.emulator.empty()) return program_in(machine);
    if (auto found = posix::find_program(qemu_name)) return *found;
    throw MachineError(fmt::format("the {} machine needs QEMU, but {} is not in PATH", machine.name, qemu_name),
                       remedy_of(machine));
}

std::string qemu_version(const fs::path& qemu) {
    const auto text = posix::ChildProcess(qemu, {"--version"}).finish().output;
    if (text.empty()) {
        throw MachineError(qemu.string() + " does not print its version", "reinstall qemu-system-x86");
    }
    return text.substr(0, text.find('\n'));
}

std::vector<std::string> boot_arguments(const Machine& machine) {
    auto arguments = common_arguments(machine, true);
    // The last line saves time. The kernel then does not probe a clock that an emulator makes look broken, runs no
    // self-tests, and does not zero each page twice.
    std::string kernel_arguments =
        "console=ttyS0 quiet panic=-1 mitigations=off lpj=4000000 tsc=reliable no_timer_check nowatchdog "
        "cryptomgr.notests init_on_alloc=0 audit=0 lsm= nokaslr";
    if (!machine.kernel_arguments.empty()) kernel_arguments += " " + machine.kernel_arguments;
    arguments.insert(arguments.end(), {"-kernel", posix::handed_path(kernel_fd), "-initrd",
                                       posix::handed_path(initramfs_fd), "-append", kernel_arguments});
    return arguments;
}

std::vector<std::string> restore_arguments(const Machine& machine) {
    auto arguments = common_arguments(machine, false);
    arguments.insert(arguments.end(), {"-incoming", "defer"});
    return arguments;
}

}  // namespace gatecrash::machines
