#include "machines/bochs_machine.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <system_error>

#include "machines/digest.hpp"
#include "machines/disc.hpp"
#include "machines/libraries.hpp"
#include "machines/machine_error.hpp"
#include "machines/modules.hpp"
#include "posix/child_process.hpp"
#include "posix/file.hpp"
#include "posix/pipe.hpp"
#include "posix/pseudo_terminal.hpp"

namespace gatecrash::machines {

namespace fs = std::filesystem;

namespace {

constexpr const char* bochs_name = "bochs-bin";
/// Files of Bochs's packages, below root_of().
constexpr const char* bios = "usr/share/bochs/BIOS-bochs-latest";
constexpr const char* vga_bios = "usr/share/vgabios/vgabios-stdvga.bin";
constexpr const char* plugins = "usr/lib/x86_64-linux-gnu/bochs/plugins";
/// Bochs needs a display. This one has a mode that shows nothing and listens on nothing.
constexpr const char* display = "usr/lib/x86_64-linux-gnu/bochs/plugins/libbx_sdl2_gui.so";

/// Booting takes 8 s on an idle fast host, 20 s on a slow one, and longer on a busy one.
constexpr std::chrono::seconds bochs_boot_limit{300};
constexpr std::chrono::seconds clock_limit{30};

/// The descriptor numbers under which Bochs gets its files.
enum BochsFd : int { settings_fd = 3, debugger_fd, disc_fd, serial_fd, parallel_fd, console_fd, log_fd };

/// The second line saves time, as in the machines of QEMU. The first line has what the agent's StallBreaker needs:
/// access to the I/O APIC, and no HPET on interrupt 0.
const std::string usual_arguments = fmt::format(
    "console=ttyS0,115200 quiet panic=-1 mitigations=off nokaslr iomem=relaxed hpet=disable {}={} "
    "tsc=reliable lpj=4000000 no_timer_check nowatchdog cryptomgr.notests init_on_alloc=0 audit=0 lsm=",
    port_variable, serial_port);

std::string settings(const Machine& machine) {
    return fmt::format(
        "plugin_ctrl: voodoo=0, sb16=0, es1370=0, speaker=0\n"
        "config_interface: textconfig\n"
        "display_library: sdl2\n"
        "memory: guest={0}, host={0}\n"
        "romimage: file={2}\n"
        "vgaromimage: file={3}\n"
        // Bochs counts time in instructions, so that a run is the same each time.
        "cpu: model={1}, count=1, ips=50000000, reset_on_triple_fault=0, ignore_bad_msrs=1\n"
        "clock: sync=none, time0=1700000000, rtc_sync=0\n"
        "ata0-master: type=cdrom, path={4}, status=inserted\n"
        "boot: cdrom\n"
        "com1: enabled=1, mode=file, dev={5}\n"
        "com2: enabled=1, mode=term, dev={6}\n"
        "parport1: enabled=1, file={7}\n"
        "log: {8}\n"
        "info: action=ignore\n"
        "error: action=ignore\n"
        "panic: action=fatal\n",
        machine.memory >> 20, machine.cpu, (root_of(machine) / bios).string(), (root_of(machine) / vga_bios).string(),
        posix::handed_path(disc_fd), posix::handed_path(console_fd), posix::handed_path(serial_fd),
        posix::handed_path(parallel_fd), posix::handed_path(log_fd));
}

fs::path find_bochs(const Machine& machine) {
    if (!machine.emulator.empty()) return program_in(machine);
    const auto program = posix::find_program(bochs_name);
    if (!program) throw_not_set_up(machine, bochs_name);
    return *program;
}

class Bochs : public Emulator {
  public:
    static std::unique_ptr<Bochs> start(const MachineFiles& files, const posix::FileDescriptor& disc) {
        const auto program = find_bochs(*files.machine);
        const auto settings_file = posix::memory_file("settings", settings(*files.machine));
        // Debian builds Bochs with its debugger, which waits for a command to continue.
        const auto debugger_file = posix::memory_file("debugger", "c\n");
        auto console = posix::memory_file("console");
        auto log = posix::memory_file("log");
        auto serial_line = posix::make_pseudo_terminal();
        auto answers = posix::make_pipe();
        auto process = std::make_unique<posix::ChildProcess>(
            program,
            std::vector<std::string>{"-q", "-f", posix::handed_path(settings_fd), "-rc",
                                     posix::handed_path(debugger_fd)},
            std::vector<posix::HandedDescriptor>{{settings_fd, settings_file.get()},
                                                 {debugger_fd, debugger_file.get()},
                                                 {disc_fd, disc.get()},
                                                 {serial_fd, serial_line.terminal.get()},
                                                 {parallel_fd, answers.write.get()},
                                                 {console_fd, console.get()},
                                                 {log_fd, log.get()}},
            std::vector<std::string>{"PATH=/usr/bin:/bin", "HOME=/", "SDL_VIDEODRIVER=dummy", "SDL_AUDIODRIVER=dummy",
                                     "LTDL_LIBRARY_PATH=" + (root_of(*files.machine) / plugins).string()});
        return std::unique_ptr<Bochs>(
            new Bochs({.to = std::move(serial_line.controller), .from = std::move(answers.read)}, std::move(process),
                      std::move(console), std::move(log), files));
    }

  private:
    Bochs(AgentConnection agent, std::unique_ptr<posix::ChildProcess> process, posix::FileDescriptor console,
          posix::FileDescriptor log, const MachineFiles& files)
        : Emulator({.name = files.machine->name,
                    .window = serial_window,
                    .silence = "a guest that loops with interrupts off stops the whole machine, because Bochs then "
                               "lets no interrupt through to KVM"},
                   std::move(agent), std::move(process)),
          console_(std::move(console)),
          log_(std::move(log)),
          cache_(files.cache) {}

    std::string console() override {
        const auto output = Emulator::console();
        return output + posix::read_all(posix::reopen(log_.get()).get()) +
               posix::read_all(posix::reopen(console_.get()).get());
    }

    std::string where_to_read_on() override {
        const auto path = cache_ / "last-failure.log";
        try {
            const auto file = posix::open_file(path, O_WRONLY | O_CREAT | O_TRUNC);
            posix::write_all(file.get(), console());
        } catch (const std::system_error&) {
            return {};  // the first failure matters, not this one
        }
        return fmt::format("\nthe whole output is in {}", path.string());
    }

    posix::FileDescriptor console_;
    posix::FileDescriptor log_;
    fs::path cache_;
};

/// Returns the parts of a disc without any program's files.
DiscParts disc_parts(const MachineFiles& files, const std::vector<fs::path>& libraries) {
    const auto& machine = *files.machine;
    const std::array<std::string, 2> modules = {"kvm", machine.kvm_module};
    return {.machine = machine,
            .kernel = read_kernel(files.kernel),
            .kernel_arguments = usual_arguments + " " + machine.kernel_arguments,
            .modules = modules_for(files, modules),
            .libraries = libraries,
            .files = {}};
}

}  // namespace

void check_bochs(const Machine& machine) {
    (void)find_bochs(machine);
    for (const auto* file : {bios, vga_bios, display}) {
        const auto path = root_of(machine) / file;
        if (::access(path.c_str(), R_OK) != 0) throw_not_set_up(machine, path.string());
    }
    check_disc_tools(machine);
}

std::string key_of_bochs_machine(const MachineFiles& files) {
    const auto& machine = *files.machine;
    check_bochs(machine);
    // Bochs prints its version only among many other lines, which change from run to run.
    Digest digest;
    digest.add(machine.emulator.empty() ? posix::read_file(find_bochs(machine)) : packages_in(machine));
    for (const auto* file : {bios, vga_bios}) digest.add(posix::read_file(root_of(machine) / file));
    return digest.add(settings(machine)).add(disc_key(disc_parts(files, own_libraries()))).text();
}

std::unique_ptr<Emulator> start_bochs_machine(StartRequest& request) {
    const auto& files = request.files;
    const auto& machine = *files.machine;
    check_bochs(machine);
    auto parts = disc_parts(files, request.libraries);
    parts.files = std::exchange(request.inside, {});
    const auto disc = get_disc(files.cache, parts);
    if (::isatty(STDERR_FILENO) == 1) {
        fmt::print(stderr, "gatecrash: booting the {} machine ({})...\n", machine.name, machine.boot_time);
    }
    auto bochs = Bochs::start(files, disc);
    bochs->wait_for(Message::ready, bochs_boot_limit, request.signals);
    bochs->set_clock(clock_limit, request.signals);
    return bochs;
}

}  // namespace gatecrash::machines
