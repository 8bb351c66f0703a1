// Plants one bug at a time in the entry code of a kernel that nobody changed, and compares what a sweep finds with a
// prediction. Each prediction was written before its first run. Runs in an emulated machine that has the kernel at
// /kernel, and its init program at /kernel-test-init.
//
// The code is that of Linux 6.1 for x86-64 (arch/x86/entry/entry_64.S) after its boot, with FSGSBASE and SMAP. Page
// table isolation is off unless a plant asks for it. The kernel runs with "the user's GS" up to the SWAPGS at
// entry_SYSCALL_64, and after the SWAPGS of the way out. It runs with "the user's RSP" up to
// entry_SYSCALL_64_safe_stack, and after the POP %rsp of the way out.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <array>
#include <iostream>
#include <map>
#include <ostream>
#include <set>
#include <unordered_map>

#include "kernel/booted_kernel.hpp"
#include "sweep/sweep.hpp"

namespace gatecrash::kernel {
namespace {

using sweep::Invariant;
using testing::ContainerEq, testing::IsEmpty;
using vm::Event;

/// Code to replace, in bytes: `before` stands once in the first 512 bytes after a symbol.
struct Patch {
    const char* symbol;
    std::vector<int> before, after;
};
constexpr int any = Booted::any_byte;

/// The code from one place up to, but not including, another. An empty one: only the first boundary.
struct Places {
    const char *from, *to;
};

/// Boundaries at which the last event breaks the kernel, and how.
struct Broken {
    Places places;
    Invariant invariant;
};

struct Plant {
    const char* name;
    const char* why;  ///< says why exactly these boundaries break
    Patch patch;
    std::vector<Event> events{};      ///< land in this order. With fewer of them, all schedules hold
    std::vector<const char*> only{};  ///< the only boundaries at which the first events land
    std::vector<Places> text{};       ///< symbols of the code where events land. None: all code
    std::vector<Broken> broken{};
    std::size_t count = 0;       ///< of boundaries that break
    std::uint64_t unproven = 0;  ///< schedules that go on and on without coming back to an earlier state
    Workload workload{"getpid", 0};
    const char* command_line = "";
};

constexpr Places everywhere{"0", "0xffffffffffffffff"}, entry{"__entry_text_start", "__entry_text_end"},
    program{"program_syscall", "program_after"}, breakpoint{"default_get_nmi_reason", ""},
    way_out{"syscall_return_via_sysret", "entry_SYSRETQ_end"};
constexpr const char* first_boundary = "entry_SYSCALL_64";
const std::vector<Event> nmi{Event::nmi()}, irq{Event::irq()}, two_nmis{Event::nmi(), Event::nmi()},
    nmi_db_nmi{Event::nmi(), Event::db(), Event::nmi()},
    nmi_db_two_nmis{Event::nmi(), Event::db(), Event::nmi(), Event::nmi()};
const Workload high_stack{"high-stack", 1};
constexpr const char* with_isolation = " pti=on";

// Four plants need an exception inside the first NMI. The IRET of a #DB at `breakpoint` unmasks NMIs, and from there to
// the IRET of the first NMI a further one nests. `breakpoint` is C code that each of these NMIs executes once, and
// where Linux accepts a breakpoint. It refuses one on nmi_handle() and unknown_nmi_error(), on which it accepts no
// kprobe.
const std::vector<Plant> plants{
    {
        .name = "paranoid_entry_keeps_user_gs",
        .why = "An NMI must load the kernel's GS base if the kernel ran with the user's GS: at the SYSCALL's first "
               "boundary, and at the two after the SWAPGS of the way out. Each use of per-CPU data then faults, and so "
               "does the handler of that fault; the double fault enters through paranoid_entry, too, and never ends.",
        .patch = {"paranoid_entry", {0xf3, 0x48, 0x0f, 0xae, 0xd8}, {0x0f, 0x1f, 0x44, 0x00, 0x00}},  // WRGSBASE RAX
        .events = nmi,
        .broken = {{{"entry_SYSCALL_64", ""}, Invariant::progress},
                   {{"entry_SYSRETQ_unsafe_stack+3", "entry_SYSRETQ_end"}, Invariant::progress}},
        .count = 3,
    },
    {
        .name = "paranoid_entry_keeps_user_gs_inside_an_interrupt",
        .why = "An interrupt from user mode has the user's GS before the SWAPGS of error_entry (4 boundaries of "
               "the stub, 33 of error_entry), and after that of the way out (3). An NMI there breaks as at the 3 "
               "boundaries of the SYSCALL that follows.",
        .patch = {"paranoid_entry", {0xf3, 0x48, 0x0f, 0xae, 0xd8}, {0x0f, 0x1f, 0x44, 0x00, 0x00}},
        .events = {Event::irq(), Event::nmi()},
        .only = {"program_syscall"},
        .text = {entry, program},
        .broken = {{{"asm_sysvec_reschedule_ipi", "asm_sysvec_reschedule_ipi+0xb"}, Invariant::progress},
                   {{"error_entry", "error_entry+0x50"}, Invariant::progress},
                   {{"common_interrupt_return+0x9e", "restore_regs_and_return_to_kernel"}, Invariant::progress},
                   {{"native_irq_return_iret", ""}, Invariant::progress},
                   {{"entry_SYSCALL_64", ""}, Invariant::progress},
                   {{"entry_SYSRETQ_unsafe_stack+3", "entry_SYSRETQ_end"}, Invariant::progress}},
        .count = 43,
    },
    {
        .name = "paranoid_entry_forgets_gs",
        .why = "An NMI returns with a GS base of 0, which is the user's: all boundaries of the way out break but the "
               "two after the SWAPGS. Up to the last use of GS, 0x3d bytes after the beginning, the kernel "
               "faults; from there on the SWAPGS puts the 0 into KERNEL_GS_BASE.",
        .patch = {"paranoid_entry", {0xf3, 0x48, 0x0f, 0xae, 0xcb}, {0x31, 0xdb, 0x0f, 0x1f, 0x00}},  // RDGSBASE RBX
        .events = nmi,
        .text = {way_out},
        .broken = {{{"syscall_return_via_sysret", "syscall_return_via_sysret+0x3d"}, Invariant::no_unexpected_vector},
                   {{"syscall_return_via_sysret+0x3d", "entry_SYSRETQ_unsafe_stack+3"}, Invariant::kernel_gs}},
        .count = 25,
    },
    {
        .name = "nmi_does_not_restore_gs",
        .why = "Only where the kernel ran with the user's GS does the NMI have another GS base to restore. The user "
               "gets the kernel's: at once after the SWAPGS of the way out, and by the SWAPGS of the way in, which "
               "makes both bases the kernel's.",
        .patch = {"end_repeat_nmi", {0xf3, 0x48, 0x0f, 0xae, 0xdb, 0xeb}, {0x0f, 0x1f, 0x44, 0x00, 0x00, 0xeb}},
        .events = nmi,
        .broken = {{{"entry_SYSCALL_64", ""}, Invariant::kernel_gs},
                   {{"entry_SYSRETQ_unsafe_stack+3", "entry_SYSRETQ_end"}, Invariant::kernel_gs}},
        .count = 3,
    },
    {
        .name = "nmi_from_user_mode_keeps_user_gs",
        .why = "Only an NMI from user mode takes that SWAPGS: the program has two boundaries. The faults use up the "
               "NMI's stack, and the double fault, whose own entry repairs GS, reports it.",
        .patch = {"asm_exc_nmi",
                  {0x0f, 0x01, 0xf8, 0x0f, 0x1f, 0x00, 0xeb},
                  {0x0f, 0x1f, 0x00, 0x0f, 0x1f, 0x00, 0xeb}},
        .events = nmi,
        .broken = {{program, Invariant::no_unexpected_vector}},
        .count = 2,
    },
    {
        .name = "nmi_executing_is_not_cleared",
        .why = "After one NMI in kernel mode, each later NMI in kernel mode takes itself for a nested one, and is "
               "lost: all 91 boundaries of the system call's entry text, which the second NMI can meet after the first "
               "at the first of them.",
        .patch = {"nmi_restore",
                  {0x48, 0xc7, 0x44, 0x24, 0x28, 0x00, 0x00, 0x00, 0x00},
                  {0x66, 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00}},
        .events = two_nmis,
        .only = {first_boundary},
        .text = {entry},
        .broken = {{everywhere, Invariant::event_conservation}},
        .count = 91,
    },
    {
        .name = "nested_nmi_test_is_never_true",
        .why = "The nested NMI overwrites the frames of the first, so that the first's IRET returns to the boundary "
               "where the nested one landed, for ever: the 22 boundaries from the return of exc_nmi() up to the STD. "
               "After it, the second test (on the NMI stack, and DF is set) still finds the nesting. Inside "
               "exc_nmi(), leaving the first NMI a second time is a BUG().",
        .patch = {"asm_exc_nmi",
                  {0x83, 0x7c, 0x24, 0xf8, 0x01, 0x74, 0x21},
                  {0x83, 0x7c, 0x24, 0xf8, 0x01, 0x66, 0x90}},
        .events = nmi_db_nmi,
        .only = {first_boundary, breakpoint.from},
        .text = {entry, breakpoint},
        .broken = {{breakpoint, Invariant::no_unexpected_vector},
                   {{"end_repeat_nmi+0x16", "nmi_restore+0x1c"}, Invariant::progress}},
        .count = 23,
    },
    {
        .name = "no_std_before_nmi_executing_is_cleared",
        .why = "At the IRET nothing says that an NMI executes, but its stack is in use. An NMI there returns "
               "to the IRET, which returns to itself.",
        .patch = {"nmi_restore", {0xfd, 0x48, 0xc7, 0x44, 0x24, 0x28}, {0x90, 0x48, 0xc7, 0x44, 0x24, 0x28}},
        .events = nmi_db_nmi,
        .only = {first_boundary, breakpoint.from},
        .text = {entry, breakpoint},
        .broken = {{{"nmi_restore+0x25", ""}, Invariant::progress}},
        .count = 1,
    },
    {
        .name = "no_test_of_the_repeat",
        .why = "At repeat_nmi no NMI executes yet, so that one more makes it its own return address: NMIs without end. "
               "After two, three or four of the five PUSHes, it overwrites the half of the frame that is there: RSP "
               "becomes that of the repeat. Before that, the PUSHes repair everything (SS is equal); after them, the "
               "whole frame leads to one more repeat.",
        .patch = {"asm_exc_nmi", {0x77, 0x0e, 0x48, 0xc7, 0xc2}, {0xeb, 0x0e, 0x48, 0xc7, 0xc2}},
        .events = nmi_db_two_nmis,
        .only = {first_boundary, breakpoint.from, "nmi_restore"},
        .text = {entry, breakpoint},
        .broken = {{{"repeat_nmi", ""}, Invariant::progress},
                   {{"repeat_nmi+0x15", "repeat_nmi+0x1e"}, Invariant::round_trip}},
        .count = 4,
        .unproven = 1,  // the counter of NMIs grows, so no state comes again
    },
    {
        .name = "nmi_trusts_the_stack_pointer",
        .why = "Only DF tells an NMI's own stack pointer from one that the program chose. Without that test, an NMI is "
               "lost wherever the kernel runs with the user's RSP: four boundaries of the way in, three of the way "
               "out.",
        .patch = {"asm_exc_nmi",
                  {0xf6, 0x44, 0x24, 0x19, 0x04, 0x74, 0x1b},
                  {0xf6, 0x44, 0x24, 0x19, 0x04, 0x66, 0x90}},
        .events = nmi,
        .broken = {{{"entry_SYSCALL_64", "entry_SYSCALL_64_safe_stack"}, Invariant::event_conservation},
                   {{"entry_SYSRETQ_unsafe_stack", "entry_SYSRETQ_end"}, Invariant::event_conservation}},
        .count = 7,
        .workload = high_stack,
    },
    {
        .name = "exc_nmi_forgets_a_latched_nmi",
        .why = "An NMI from user mode runs on the task's stack, where exc_nmi() itself must notice that another one "
               "came. The only boundary in reach inside exc_nmi() is the breakpoint. NMIs that come after its return "
               "are ordinary ones.",
        .patch = {"exc_nmi",
                  {0x83, 0xf8, 0x01, 0x0f, 0x85, any, any, any, any},
                  {0x83, 0xf8, 0x01, 0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00}},
        .events = nmi_db_nmi,
        .only = {"program_syscall", breakpoint.from},
        .text = {entry, breakpoint, program},
        .broken = {{breakpoint, Invariant::event_conservation}},
        .count = 1,
    },
    {
        .name = "interrupt_from_user_mode_keeps_user_gs",
        .why = "Only an interrupt from user mode takes that SWAPGS: the program has two boundaries. The faults use up "
               "the entry stack, and the double fault reports it.",
        .patch = {"error_entry", {0x74, 0x4b, 0x0f, 0x01, 0xf8}, {0x74, 0x4b, 0x0f, 0x1f, 0x00}},
        .events = irq,
        .broken = {{program, Invariant::no_unexpected_vector}},
        .count = 2,
    },
    {
        .name = "return_to_user_mode_keeps_kernel_gs",
        .why = "Only an interrupt from user mode takes that SWAPGS. At the program's last boundary the program is left "
               "with the kernel's GS base; at the SYSCALL, the next SWAPGS gives the kernel the user's.",
        .patch = {"common_interrupt_return",
                  {0x5f, 0x0f, 0x01, 0xf8, 0xeb, 0x07},
                  {0x5f, 0x0f, 0x1f, 0x00, 0xeb, 0x07}},
        .events = irq,
        .broken = {{{"program_syscall", "program_end"}, Invariant::no_unexpected_vector},
                   {{"program_end", ""}, Invariant::kernel_gs}},
        .count = 2,
    },
    {
        .name = "system_call_returns_with_interrupts_on",
        .why = "An interrupt on the entry stack does no harm. After the POP %rsp the CPU pushes its frame to the "
               "user's stack, which SMAP forbids: the fault's frame goes there, too, and the double fault reports it.",
        .patch = {"syscall_exit_to_user_mode",
                  {0xfa, 0x0f, 0x1f, 0x44, 0x00, 0x00, 0x48, 0x89, 0xdf},
                  {0x90, 0x0f, 0x1f, 0x44, 0x00, 0x00, 0x48, 0x89, 0xdf}},
        .events = irq,
        .broken = {{{"entry_SYSRETQ_unsafe_stack", "entry_SYSRETQ_end"}, Invariant::no_unexpected_vector}},
        .count = 3,
    },
    {
        .name = "interrupt_is_not_acknowledged",
        .why = "The local APIC keeps the interrupt in service, wherever it arrived: the program's two boundaries.",
        .patch = {"sysvec_reschedule_ipi",
                  {0x48, 0x8b, 0x00, 0xe8, any, any, any, any},
                  {0x48, 0x8b, 0x00, 0x0f, 0x1f, 0x44, 0x00, 0x00}},
        .events = irq,
        .text = {program},
        .broken = {{program, Invariant::event_conservation}},
        .count = 2,
    },
    {
        .name = "swapgs_before_the_stack_pointer_is_restored",
        .why = "This is no bug: interrupts are off, and NMIs accept either GS base anywhere.",
        .patch = {"syscall_return_via_sysret",
                  {0x58, 0x5f, 0x5c, 0x0f, 0x01, 0xf8},
                  {0x0f, 0x01, 0xf8, 0x58, 0x5f, 0x5c}},
        .events = nmi,
    },
    {
        .name = "nmi_keeps_user_page_tables",
        .why = "With page table isolation, the user's tables lack exc_nmi(), and the handlers of the fault and of the "
               "double fault that follow: 7 boundaries up to the MOV to CR3 of the way in, and 6 after "
               "that of the way out.",
        .patch = {"paranoid_entry", {0x0f, 0x22, 0xd8, 0x66, 0x90}, {0x0f, 0x1f, 0x00, 0x66, 0x90}},
        .events = nmi,
        .text = {entry},
        .broken = {{{"entry_SYSCALL_64", "entry_SYSCALL_64+0x20"}, Invariant::progress},
                   {{"syscall_return_via_sysret+0x88", "entry_SYSRETQ_end"}, Invariant::progress}},
        .count = 13,
        .command_line = with_isolation,
    },
    {
        .name = "nmi_does_not_restore_user_page_tables",
        .why = "On the way in, the kernel loads its own tables next, whatever CR3 is. After the MOV to CR3 of the way "
               "out, at 6 boundaries, the program comes to run on the kernel's tables, which do not let it execute: "
               "init gets a signal, and Linux panics.",
        .patch = {"end_repeat_nmi", {0x41, 0x0f, 0x22, 0xde}, {0x0f, 0x1f, 0x40, 0x00}},
        .events = nmi,
        .text = {entry},
        .broken = {{{"syscall_return_via_sysret+0x88", "entry_SYSRETQ_end"}, Invariant::no_unexpected_vector}},
        .count = 6,
        .command_line = with_isolation,
    },
};

// --- how a plant is swept --------------------------------------------------------------------------------------------

/// A kernel, and names for the two boundaries of its program.
class Kernel {
  public:
    /// Has one kernel at a time, since the machine has little memory.
    static Kernel& with(const std::string& command_line) {
        if (!only_ || only_->command_line_ != command_line) {
            only_.reset();
            only_ = std::make_unique<Kernel>(command_line);
        }
        return *only_;
    }
    static void forget() { only_.reset(); }

    explicit Kernel(const std::string& command_line) : command_line_(command_line), booted_(command_line) {
        constexpr std::array code{0xe6, GATECRASH_DOORBELL_BEGIN, 0x0f, 0x05, 0xe6, GATECRASH_DOORBELL_END};
        booted_.guest().restore(booted_.next());
        const auto start = booted_.guest().rip();
        std::vector<std::byte> bytes(64);
        bytes.resize(booted_.guest().read(start, bytes));
        const auto found =
            std::ranges::search(bytes, code, [](std::byte a, int b) { return std::to_integer<int>(a) == b; });
        EXPECT_FALSE(found.empty()) << "the program has another form";
        const auto begin = number(start) + static_cast<std::uint64_t>(found.begin() - bytes.begin());
        auto symbols = own_symbols(booted_.image());
        symbols.push_back({'T', "program_syscall", vm::Virtual{begin + 2}});
        symbols.push_back({'T', "program_end", vm::Virtual{begin + 4}});
        symbols.push_back({'T', "program_after", vm::Virtual{begin + 6}});
        symbols_ = symbol_table(symbols);
    }

    Booted& booted() { return booted_; }
    [[nodiscard]] WaitingKernel waiting(const KernelState& state) {
        auto waiting = booted_.waiting(state);
        return {waiting.guest, waiting.facts, symbols_, waiting.state};
    }
    /// Returns the address of SYMBOL[+OFFSET], or of a number.
    [[nodiscard]] vm::Virtual place(const std::string& name) const {
        const auto plus = name.find('+');
        const auto symbol = name.substr(0, plus);
        const auto offset = plus == std::string::npos ? 0 : std::stoull(name.substr(plus + 1), nullptr, 0);
        if (symbol.front() == '0') return vm::Virtual{std::stoull(symbol, nullptr, 0)};
        return vm::Virtual{number(symbols_.find(symbol).value()) + offset};
    }
    [[nodiscard]] AddressRange range(const Places& places) const {
        const auto from = place(places.from);
        return {from, *places.to == '\0' ? vm::Virtual{number(from) + 1} : place(places.to)};
    }

  private:
    static inline std::unique_ptr<Kernel> only_;

    std::string command_line_;
    Booted booted_;
    vm::SymbolTable symbols_;
};

sweep::SweepOptions options_of(const Plant& plant) {
    sweep::SweepOptions options;
    options.events = plant.events;
    options.depth = static_cast<unsigned>(plant.events.size());
    options.in_order = true;
    for (const auto& [from, to] : plant.text) options.window.push_back({from, to, {}});
    return options;
}

/// A workload in which the first events land only where the plant says.
class PlantSubject : public KernelSubject {
  public:
    PlantSubject(Kernel& kernel, const KernelState& state, const Plant& plant)
        : KernelSubject(kernel.waiting(state), plant.workload, options_of(plant)) {
        for (const auto* const name : plant.only) only_.push_back(kernel.place(name));
    }

    [[nodiscard]] sweep::Path path_of(std::size_t window, sweep::HitCounter& hits) override {
        auto path = KernelSubject::path_of(window, hits);
        for (const auto& point : path) levels_[point.get()] = 0;
        return path;
    }
    [[nodiscard]] sweep::Path path_after(const sweep::Point& from, Event event, const sweep::Point& to,
                                         bool compare) override {
        const auto level = levels_.at(&from) + 1;
        auto path = KernelSubject::path_after(from, event, to, compare);
        for (const auto& point : path) levels_[point.get()] = level;
        return path;
    }
    [[nodiscard]] bool can_land(Event event, const sweep::Point& at) const override {
        const auto level = levels_.at(&at);
        return (level >= only_.size() || only_[level] == at.rip()) && KernelSubject::can_land(event, at);
    }
    [[nodiscard]] sweep::Ending run(std::size_t window, std::span<const sweep::Landed> landed,
                                    sweep::Extremes& extremes) override {
        const auto ending = KernelSubject::run(window, landed, extremes);
        if (ending == sweep::Ending::unclear) ++unproven_;
        if (!landed.empty()) ends_[landed.size()].insert(landed.back().at->rip());
        return ending;
    }

    /// Returns where the last of `count` events was delivered.
    [[nodiscard]] const std::set<vm::Virtual>& ends(std::size_t count) { return ends_[count]; }
    [[nodiscard]] std::uint64_t unproven() const { return unproven_; }

  private:
    std::vector<vm::Virtual> only_;
    std::unordered_map<const sweep::Point*, unsigned> levels_;  ///< how many events have landed before
    std::map<std::size_t, std::set<vm::Virtual>> ends_;
    std::uint64_t unproven_ = 0;
};

std::string name_of(const sweep::Boundary& boundary) {
    return fmt::format("{}+{:#x}", boundary.symbol, boundary.offset);
}

std::string line(const std::string& place, Invariant invariant) { return place + ": " + sweep::describe(invariant); }

void PrintTo(const Plant& plant, std::ostream* out) { *out << plant.name; }

class PlantedBug : public testing::TestWithParam<Plant> {
  protected:
    static void TearDownTestSuite() { Kernel::forget(); }
};

TEST_P(PlantedBug, IsFoundExactlyWhereItMustBe) {
    const auto& plant = GetParam();
    const auto depth = plant.events.size();
    auto& kernel = Kernel::with(plant.command_line);
    {
        PlantSubject subject(kernel, kernel.booted().next(), plant);
        const auto result = sweep::sweep(subject, options_of(plant));
        EXPECT_THAT(result.findings, IsEmpty()) << "without the bug";
        EXPECT_FALSE(subject.ends(depth).empty());
    }
    const auto state = kernel.booted().patched(plant.patch.symbol, plant.patch.before, plant.patch.after);
    PlantSubject subject(kernel, state, plant);
    const auto result = sweep::sweep(subject, options_of(plant));

    std::set<std::string> found, predicted;
    for (const auto& finding : result.findings) {
        if (finding.schedule.landings.empty()) continue;  // the depth tells
        const auto& last = finding.schedule.landings.back().boundary;
        found.insert(line(name_of(last), finding.violation.invariant));
    }
    for (const auto& [places, invariant] : plant.broken) {
        const auto range = kernel.range(places);
        for (const auto end : subject.ends(depth))
            if (range.contains(end)) predicted.insert(line(name_of(subject.boundary_of({end, 1, 0})), invariant));
    }
    EXPECT_THAT(found, ContainerEq(predicted)) << plant.why;
    EXPECT_EQ(found.size(), plant.count);
    EXPECT_EQ(result.depth, depth) << "a shorter schedule must hold";
    EXPECT_EQ(subject.unproven(), plant.unproven);
    if (HasFailure()) {
        for (const auto& finding : result.findings)
            std::cout << to_string(finding.schedule) << ": " << describe(finding.violation) << '\n';
    }
}

INSTANTIATE_TEST_SUITE_P(Linux, PlantedBug, testing::ValuesIn(plants),
                         [](const auto& plant) { return std::string(plant.param.name); });

}  // namespace
}  // namespace gatecrash::kernel
