#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <initializer_list>
#include <iterator>
#include <optional>
#include <span>

#include "cases/registry.hpp"
#include "cli/commands.hpp"
#include "cli/gdb_session.hpp"
#include "cli/inside.hpp"
#include "cli/machine_choice.hpp"
#include "cli/replay_kernel.hpp"
#include "cli/target.hpp"
#include "debug/guest_debuggee.hpp"
#include "debug/kernel_debuggee.hpp"
#include "kernel/elf_reader.hpp"
#include "kernel/loaded_image.hpp"
#include "kernel/loaded_kernel.hpp"
#include "sweep/schedule.hpp"

namespace gatecrash::cli {
namespace {

constexpr const char *socket_option = "socket", *gdb_option = "gdb";

struct DebugOptions {
    CommonOptions common;
    GdbOptions gdb;
    std::string schedule;
    KernelReplayOptions kernel{};
};

void add_gdb(OptionList& options) {
    add_kernel_replay(options);
    add_text(options, socket_option, "PATH", "make the socket here (default: in a private folder)");
    add_flag(options, gdb_option, "start gdb, and end with it");
}

DebugOptions read_gdb(const Values& values) {
    DebugOptions options{
        .common = read_common(values),
        .gdb = {.socket = values.file_if_given(socket_option), .starts_gdb = values.is_set(gdb_option)},
        .schedule = values.only_argument("SCHEDULE")};
    if (options.common.json) values.fail("--json is for commands that have results");
    const auto command = schedule_of(options.schedule);
    refuse_other_options(values, command);
    if (command != ScheduleOf::guest) refuse_stepper(options.common, values);
    options.kernel = read_kernel_replay(values, command);
    return options;
}

/// Serves gdb from this process, which may be inside an emulated machine.
int debug_here(debug::Debuggee& debuggee, std::optional<GdbSession>& session) {
    return session ? session->serve_here(debuggee) : serve_outside(debuggee);
}

/// Gives gdb the guest's symbols.
void use_symbols(GdbSession& session, const Target& target, const std::string& name) {
    if (target.is_file()) return session.use_symbols(name);
    const auto& variant = target.selection.variant->name;
    const auto guest = cases::guest_of(target.selection.of->name, variant);
    session.use_symbols(target.selection.of->name + "-" + variant + ".elf",
                        {reinterpret_cast<const char*>(guest.data()), guest.size()});
}

/// Names the first of the user's files that is an ELF file, which gdb can read.
void use_symbols(GdbSession& session, std::initializer_list<std::optional<std::string>> files) {
    for (const auto& file : files) {
        std::array<char, SELFMAG> magic{};
        if (file && std::ifstream(*file).read(magic.data(), magic.size()) &&
            kernel::is_elf(std::as_bytes(std::span(magic))))
            return session.use_symbols(*file);
    }
}

int debug_linux(const DebugOptions& options, const sweep::Schedule& schedule, std::optional<GdbSession>& session) {
    const auto& kernel = options.kernel.kernel;
    auto inside = options.common;
    auto place = options.kernel.place.value_or(KernelPlace{});
    if (session) {
        use_symbols(*session, {kernel.symbols, kernel.kernel});
        const auto ready = ready_kernel(kernel, options.common.machine);
        place = ready.place;
        inside.machine = ready.machine;
    }
    const auto local = choose_machine(inside.machine, false);
    if (!local) {
        const auto words = words_of(place);
        inside.words.insert(inside.words.end(), words.begin(), words.end());
        return session->serve_from_inside(
            [&](int streams) { return run_inside(inside, {.inputs = {place.file}, .in = streams, .out = streams}); });
    }
    kernel::LoadedKernel loaded(local->system, place.file, kernel.pokes, place.exits);
    const auto sweep = sweep_options(schedule, options.kernel.window);
    kernel::KernelSubject subject(
        loaded.waiting(), {schedule.target, workload_of(schedule, loaded.head().workloads), kernel.ignored_memory},
        sweep);
    debug::KernelDebuggee debuggee(subject, loaded.waiting(), schedule);
    return debug_here(debuggee, session);
}

int debug_image(const DebugOptions& options, const sweep::Schedule& schedule, std::optional<GdbSession>& session) {
    const auto& [setup, seconds, description, words] = *options.kernel.image;
    const auto& window = *options.kernel.image_window;
    (void)find_places(kernel::read_image_file(setup.file), setup.description, window);
    if (session) use_symbols(*session, {setup.file});
    const auto local = choose_machine(options.common.machine, false);
    if (!local) {
        return session->serve_from_inside([&](int streams) {
            return run_inside(options.common,
                              {.inputs = files_of(*options.kernel.image), .in = streams, .out = streams});
        });
    }
    const auto sweep = sweep_options(schedule, {});
    kernel::LoadedImage image(local->system, {setup, window, seconds}, sweep.events);
    kernel::KernelSubject subject(image.waiting(), schedule.target, image.window(), sweep);
    debug::KernelDebuggee debuggee(subject, image.waiting(), schedule);
    return debug_here(debuggee, session);
}

int debug_guest(const DebugOptions& options, const sweep::Schedule& schedule, std::optional<GdbSession>& session) {
    const auto target = find_target(schedule.target);
    check_symbols(schedule, target.image);
    if (session) use_symbols(*session, target, schedule.target);
    const auto local = choose_machine(options.common.machine, false);
    if (!local) {
        return session->serve_from_inside([&](int streams) {
            Connection connection{.in = streams, .out = streams};
            if (target.is_file()) connection.inputs = {schedule.target};
            return run_inside(options.common, connection);
        });
    }
    std::vector<vm::Event> events;
    std::ranges::transform(schedule.landings, std::back_inserter(events), &sweep::Landing::event);
    check_that_it_lands(events, *local);
    vm::Guest guest(local->system, target.image, local->repairs);
    debug::GuestDebuggee debuggee(
        guest, schedule, options.common.stepper.value_or(vm::stepper_for(target.image, events, local->stepper)));
    return debug_here(debuggee, session);
}

int debug(const DebugOptions& options) {
    const bool is_guest = schedule_of(options.schedule) == ScheduleOf::guest;
    const auto schedule =
        is_guest ? sweep::parse_schedule(options.schedule, address_of_symbol) : sweep::parse_schedule(options.schedule);
    std::optional<GdbSession> session;
    if (emulated_machine().empty()) session.emplace(options.gdb);
    if (is_guest) return debug_guest(options, schedule, session);
    return options.kernel.image ? debug_image(options, schedule, session) : debug_linux(options, schedule, session);
}

}  // namespace

const Command gdb_command{
    .name = "gdb",
    .arguments = " SCHEDULE",
    .summary = "debug one schedule with gdb, from its first boundary on",
    .about =
        "The guest stops where the first event of SCHEDULE lands. gdb connects to a unix socket; the output has\n"
        "the command. Breakpoints, stepping and reverse execution work as usual. In gdb, `monitor boundary` says\n"
        "where the guest is, and `monitor land nmi` lands one more event there.\n",
    .examples =
        "  gatecrash gdb 'nested-nmi/flag-only@nmi:nmi_iret'\n"
        "  gatecrash gdb --gdb 'nested-nmi/linus-2010-irq@irq:nmi_iret,nmi:entry_irq_stubs'\n"
        "  gatecrash gdb --symbols vmlinux --kernel bzImage 'linux/getpid@nmi:entry_SYSCALL_64'\n",
    .add_options = add_gdb,
    .prepare = prepare<read_gdb, debug>,
    .known_arguments = beginnings_of_schedules};

}  // namespace gatecrash::cli
