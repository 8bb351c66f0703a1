#include "machines/qemu.hpp"

#include <fmt/format.h>

#include "machines/machine_error.hpp"
#include "machines/run.hpp"
#include "posix/child_process.hpp"

namespace gatecrash::machines {

namespace fs = std::filesystem;

namespace {

constexpr const char* qemu_name = "qemu-system-x86_64";

std::vector<std::string> common_arguments(bool shared_memory) {
    return {
        "-M",
        "q35,memory-backend=memory",
        "-accel",
        "tcg,thread=single",
        // Without ERMS what runs in there copies and clears by words, not by REP MOVSB, which TCG does byte by byte: to
        // start a program of 17 MB takes half the time.
        "-cpu",
        "max,+svm,+npt,-erms,-la57,vendor=AuthenticAMD",
        // One CPU. QEMU 7.2's SVM changes a CPU's pending interrupts without a lock at each VM entry and exit
        // (svm_helper.c, CPU_INTERRUPT_VIRQ); with two CPU threads that loses one now and then, and the machine hangs.
        "-smp",
        "1",
        "-m",
        fmt::format("{}M", memory_size >> 20),
        // The memory is a file. At the first start it is shared, so that this program can read and save it; later
        // starts map the saved file privately: nothing is read until it is used, and nothing is written back.
        "-object",
        fmt::format("memory-backend-file,id=memory,size={},mem-path={},share={}", memory_size,
                    posix::handed_path(memory_fd), shared_memory ? "on" : "off"),
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
        // Saved while stopped, but to run on when restored.
        "-global",
        "migration.store-global-state=off",
    };
}

}  // namespace

fs::path find_qemu() {
    if (auto found = posix::find_program(qemu_name)) return *found;
    throw MachineError(fmt::format("the amd machine needs QEMU, and there is no {} in PATH", qemu_name),
                       "run `./dev setup`, or `apt-get install qemu-system-x86`");
}

std::string qemu_version(const fs::path& qemu) {
    const auto text = posix::ChildProcess(qemu, {"--version"}).finish().output;
    if (text.empty()) {
        throw MachineError(qemu.string() + " does not even tell its version", "reinstall qemu-system-x86");
    }
    return text.substr(0, text.find('\n'));
}

std::vector<std::string> boot_arguments() {
    auto arguments = common_arguments(true);
    // The last line is about time: no probing of a clock that an emulator makes look broken, no self-tests, no zeroing
    // of each page twice.
    const std::string kernel_arguments =
        "console=ttyS0 quiet panic=-1 mitigations=off lpj=4000000 tsc=reliable no_timer_check nowatchdog "
        "cryptomgr.notests init_on_alloc=0 audit=0 lsm= nokaslr";
    arguments.insert(arguments.end(), {"-kernel", posix::handed_path(kernel_fd), "-initrd",
                                       posix::handed_path(initramfs_fd), "-append", kernel_arguments});
    return arguments;
}

std::vector<std::string> restore_arguments() {
    auto arguments = common_arguments(false);
    arguments.insert(arguments.end(), {"-incoming", "defer"});
    return arguments;
}

}  // namespace gatecrash::machines
