#include "machines/qemu_machine.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <future>
#include <system_error>

#include "machines/digest.hpp"
#include "machines/initramfs.hpp"
#include "machines/libraries.hpp"
#include "machines/monitor.hpp"
#include "machines/qemu.hpp"
#include "machines/run.hpp"
#include "machines/saved_state.hpp"
#include "posix/error.hpp"
#include "posix/file.hpp"
#include "posix/pipe.hpp"

namespace gatecrash::machines {

namespace fs = std::filesystem;

namespace {

/// virtio comes first: once the port is there, the agent can say what is wrong with the other modules.
std::vector<std::string> modules_of(const Machine& machine) {
    return {"virtio_pci", "virtio_console", "kvm", machine.kvm_module};
}

constexpr std::chrono::seconds qemu_boot_limit{180};
/// The way from the start of QEMU to the agent's answer takes 0.2 s on an idle host.
constexpr std::chrono::seconds restore_limit{30};

/// A machine that has QEMU's monitor.
class Qemu : public Emulator {
  public:
    /// `fds` does not include the window, and the connections to agent and monitor: this function makes them.
    static std::unique_ptr<Qemu> start(const Parts& parts, std::vector<std::string> arguments,
                                       std::vector<posix::HandedDescriptor> fds) {
        auto agent = posix::make_socket_pair();
        auto monitor = posix::make_socket_pair();
        auto window = std::make_unique<FileWindow>(window_size);
        fds.push_back({window_fd, window->fd()});
        fds.push_back({agent_fd, agent.second.get()});
        fds.push_back({monitor_fd, monitor.second.get()});
        auto process = std::make_unique<posix::ChildProcess>(parts.qemu, std::move(arguments), fds);
        posix::FileDescriptor from(::fcntl(agent.first.get(), F_DUPFD_CLOEXEC, 0));
        if (!from) posix::throw_errno("fcntl");
        return std::unique_ptr<Qemu>(new Qemu(*parts.machine, {.to = std::move(agent.first), .from = std::move(from)},
                                              std::move(monitor.first), std::move(process), std::move(window)));
    }

    /// These call Monitor::save_devices and Monitor::restore_devices, and add the console to an error.
    void save_devices(int fd) { with_monitor(&Monitor::save_devices, fd); }
    void restore_devices(int fd) { with_monitor(&Monitor::restore_devices, fd); }

    FileWindow* window() override { return window_.get(); }

  private:
    Qemu(const Machine& machine, AgentConnection agent, posix::FileDescriptor monitor,
         std::unique_ptr<posix::ChildProcess> process, std::unique_ptr<FileWindow> window)
        : Emulator({.name = machine.name, .window = {}, .silence = {}}, std::move(agent), std::move(process)),
          monitor_(std::move(monitor)),
          window_(std::move(window)) {}

    void with_monitor(void (Monitor::*action)(int), int fd) {
        try {
            Monitor monitor(monitor_.get(), traits().name);
            (monitor.*action)(fd);
        } catch (const MachineError& error) {
            throw MachineError(with_console(error.what()));
        }
    }

    posix::FileDescriptor monitor_;
    std::unique_ptr<FileWindow> window_;
};

/// Boots the machine and saves it to `folder`.
void boot_and_save(const Parts& parts, const fs::path& folder, posix::SignalPipe& signals) {
    fmt::print(stderr, "gatecrash: booting the {} machine once ({})...\n", parts.machine->name,
               parts.machine->boot_time);
    // Keeps the state in memory, not in the cache folder, where a full disk would end QEMU by SIGBUS. This way
    // save_state() can say what is wrong.
    const auto memory = posix::memory_file("memory");
    if (::ftruncate(memory.get(), static_cast<off_t>(parts.machine->memory)) != 0) posix::throw_errno("ftruncate");
    const auto devices = posix::memory_file("devices");
    const auto kernel = posix::memory_file("kernel", parts.kernel);
    const auto initramfs = posix::memory_file("initramfs", parts.initramfs);
    const auto emulator =
        Qemu::start(parts, boot_arguments(*parts.machine),
                    {{memory_fd, memory.get()}, {kernel_fd, kernel.get()}, {initramfs_fd, initramfs.get()}});
    emulator->wait_for(Message::ready, qemu_boot_limit, signals);
    emulator->save_devices(devices.get());
    save_state(folder, memory.get(), devices.get());
}

/// Starts the machine from `state` and makes the agent answer. Throws MachineError, also if the state is damaged.
std::unique_ptr<Qemu> restore(const Parts& parts, const SavedState& state, posix::SignalPipe& signals) {
    // Checks the state during the start, since that takes about as long as the start itself.
    auto intact = std::async(std::launch::async, [&state] { return state.intact(); });
    auto emulator = Qemu::start(parts, restore_arguments(*parts.machine), {{memory_fd, state.memory()}});
    emulator->restore_devices(state.devices());
    emulator->set_clock(restore_limit, signals);
    if (!intact.get()) throw MachineError("its files differ from what was written");
    return emulator;
}

}  // namespace

Parts collect_parts(const MachineFiles& files, const std::vector<fs::path>& libraries) {
    Parts parts;
    parts.machine = files.machine;
    parts.qemu = find_qemu(*files.machine);
    parts.version = qemu_version(parts.qemu);
    if (!files.machine->emulator.empty()) parts.version += packages_in(*files.machine);
    parts.kernel = read_kernel(files.kernel);
    parts.initramfs = make_initramfs(modules_for(files, modules_of(*files.machine)), libraries);
    return parts;
}

std::string state_key(const Parts& parts) {
    Digest digest;
    digest.add(parts.qemu.string()).add(parts.version).add(parts.kernel).add(parts.initramfs);
    for (const auto& arguments : {boot_arguments(*parts.machine), restore_arguments(*parts.machine)}) {
        for (const auto& argument : arguments) digest.add(argument);
    }
    return digest.text();
}

void check_qemu(const Machine& machine) { (void)find_qemu(machine); }

std::string key_of_qemu_machine(const MachineFiles& files) { return state_key(collect_parts(files, own_libraries())); }

std::unique_ptr<Emulator> start_qemu_machine(StartRequest& request) {
    auto& signals = request.signals;
    const auto parts = collect_parts(request.files, request.libraries);
    const ContentCache cache(request.files.cache);
    const auto key = state_key(parts);
    const auto make = [&](const fs::path& folder) { boot_and_save(parts, folder, signals); };
    const auto state = get_state(cache, key, std::nullopt, make);
    try {
        return restore(parts, state, signals);
    } catch (const MachineError& error) {
        fmt::print(stderr, "gatecrash: the saved state of the {} machine does not work, so it is made again: {}\n",
                   parts.machine->name, error.what());
    }
    return restore(parts, get_state(cache, key, state.identity(), make), signals);
}

}  // namespace gatecrash::machines
