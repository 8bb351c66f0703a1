#include "machines/intel.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <system_error>

#include "machines/disc.hpp"
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
constexpr const char* bios = "/usr/share/bochs/BIOS-bochs-latest";
constexpr const char* vga_bios = "/usr/share/vgabios/vgabios-stdvga.bin";
/// Bochs cannot do without a display. This one has a mode that shows nothing, and listens on nothing.
constexpr const char* display = "/usr/lib/x86_64-linux-gnu/bochs/plugins/libbx_sdl2_gui.so";

const std::array<std::string, 2> intel_modules = {"kvm", "kvm_intel"};

/// Booting takes 8 s on an idle fast host, 20 s on a slow one, and as much longer as others keep it busy.
constexpr std::chrono::seconds intel_boot_limit{300};
constexpr std::chrono::seconds clock_limit{30};

/// The descriptor numbers under which Bochs finds what it is handed.
enum BochsFd : int { settings_fd = 3, debugger_fd, disc_fd, serial_fd, parallel_fd, console_fd, log_fd };

/// The second line is about time, as in the amd machine. What the agent's StallBreaker needs: access to the I/O APIC,
/// and that interrupt 0 is not the HPET's.
const std::string kernel_arguments = fmt::format(
    "console=ttyS0,115200 quiet panic=-1 mitigations=off nokaslr iomem=relaxed hpet=disable {}={} "
    "tsc=reliable lpj=4000000 no_timer_check nowatchdog cryptomgr.notests init_on_alloc=0 audit=0 lsm=",
    port_variable, serial_port);

std::string settings() {
    return fmt::format(
        "plugin_ctrl: voodoo=0, sb16=0, es1370=0, speaker=0\n"
        "config_interface: textconfig\n"
        "display_library: sdl2\n"
        "memory: guest=512, host=512\n"
        "romimage: file={}\n"
        "vgaromimage: file={}\n"
        // Time is counted in instructions, so that a run is the same each time.
        "cpu: model=corei7_haswell_4770, count=1, ips=50000000, reset_on_triple_fault=0, ignore_bad_msrs=1\n"
        "clock: sync=none, time0=1700000000, rtc_sync=0\n"
        "ata0-master: type=cdrom, path={}, status=inserted\n"
        "boot: cdrom\n"
        "com1: enabled=1, mode=file, dev={}\n"
        "com2: enabled=1, mode=term, dev={}\n"
        "parport1: enabled=1, file={}\n"
        "log: {}\n"
        "info: action=ignore\n"
        "error: action=ignore\n"
        "panic: action=fatal\n",
        bios, vga_bios, posix::handed_path(disc_fd), posix::handed_path(console_fd), posix::handed_path(serial_fd),
        posix::handed_path(parallel_fd), posix::handed_path(log_fd));
}

class Bochs : public Emulator {
  public:
    static std::unique_ptr<Bochs> start(const posix::FileDescriptor& disc, const fs::path& cache) {
        const auto program = posix::find_program(bochs_name);
        if (!program) throw_no_bochs(bochs_name);
        const auto settings_file = posix::memory_file("settings", settings());
        // Debian builds Bochs with its debugger, which has to be told to go on.
        const auto debugger_file = posix::memory_file("debugger", "c\n");
        auto console = posix::memory_file("console");
        auto log = posix::memory_file("log");
        auto serial_line = posix::make_pseudo_terminal();
        auto answers = posix::make_pipe();
        auto process = std::make_unique<posix::ChildProcess>(
            *program,
            std::vector<std::string>{"-q", "-f", posix::handed_path(settings_fd), "-rc",
                                     posix::handed_path(debugger_fd)},
            std::vector<posix::HandedDescriptor>{{settings_fd, settings_file.get()},
                                                 {debugger_fd, debugger_file.get()},
                                                 {disc_fd, disc.get()},
                                                 {serial_fd, serial_line.terminal.get()},
                                                 {parallel_fd, answers.write.get()},
                                                 {console_fd, console.get()},
                                                 {log_fd, log.get()}},
            std::vector<std::string>{"PATH=/usr/bin:/bin", "HOME=/", "SDL_VIDEODRIVER=dummy", "SDL_AUDIODRIVER=dummy"});
        return std::unique_ptr<Bochs>(
            new Bochs({.to = std::move(serial_line.controller), .from = std::move(answers.read)}, std::move(process),
                      std::move(console), std::move(log), cache));
    }

  private:
    Bochs(AgentConnection agent, std::unique_ptr<posix::ChildProcess> process, posix::FileDescriptor console,
          posix::FileDescriptor log, fs::path cache)
        : Emulator({.name = "intel",
                    .window = serial_window,
                    .silence = "a guest that loops with interrupts off stops all of it, since Bochs lets no interrupt "
                               "through to KVM then"},
                   std::move(agent), std::move(process)),
          console_(std::move(console)),
          log_(std::move(log)),
          cache_(std::move(cache)) {}

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
            return {};  // a second failure is of no interest
        }
        return fmt::format("\nall of it is in {}", path.string());
    }

    posix::FileDescriptor console_;
    posix::FileDescriptor log_;
    fs::path cache_;
};

}  // namespace

void check_bochs() {
    if (!posix::find_program(bochs_name)) throw_no_bochs(bochs_name);
    for (const auto* file : {bios, vga_bios, display}) {
        if (::access(file, R_OK) != 0) throw_no_bochs(file);
    }
    check_disc_tools();
}

std::unique_ptr<Emulator> start_intel(const MachineFiles& machine, const std::vector<fs::path>& libraries,
                                      const InsideFiles& files, posix::SignalPipe& signals) {
    check_bochs();
    const auto disc = get_disc(machine.cache, {.kernel = read_kernel(machine.kernel),
                                               .kernel_arguments = kernel_arguments,
                                               .modules = read_modules(machine.modules, intel_modules),
                                               .libraries = libraries,
                                               .files = files});
    if (::isatty(STDERR_FILENO) == 1) fmt::print(stderr, "gatecrash: booting the intel machine (about 20 s)...\n");
    auto bochs = Bochs::start(disc, machine.cache);
    bochs->wait_for(Message::ready, intel_boot_limit, signals);
    bochs->set_clock(clock_limit, signals);
    return bochs;
}

}  // namespace gatecrash::machines
