#include "qualify/answer.hpp"

#include <fmt/format.h>

#include <array>
#include <string_view>

#include "gatecrash/abi.h"
#include "kvm/exit.hpp"
#include "qualify/guest_to_step.hpp"

namespace gatecrash::qualify {
namespace {

struct StatementText {
    Statement statement;
    std::string_view text;
};

constexpr std::array statement_texts{
    StatementText{Statement::no_event, "no event"},
    StatementText{Statement::shutdown, "KVM_EXIT_SHUTDOWN"},
    StatementText{Statement::signal_ends_run, "a signal ends KVM_RUN"},
    StatementText{Statement::own_handler_entered, "the guest's own handler is entered"},
    StatementText{Statement::runs_on, "runs on"},
    StatementText{Statement::same_rf, "RF is the same"},
    StatementText{Statement::doorbell_never_rings, "the doorbell never rings"},
    StatementText{Statement::write_exits, "the write exits as MMIO"},
    StatementText{Statement::write_does_not_exit, "the write does not exit"},
    StatementText{Statement::memory_as_before, "the memory is as before"},
    StatementText{Statement::memory_changed, "the memory has changed"},
    StatementText{Statement::after_the_restore, "after the restore"},
    StatementText{Statement::bases_exchanged, "the two bases are exchanged"},
    StatementText{Statement::r11_has_rf, "R11 has RF"},
    StatementText{Statement::r11_has_no_rf, "R11 has no RF"},
    StatementText{Statement::gd_set_in_handler, "GD set in the handler"},
    StatementText{Statement::gd_clear_in_handler, "GD clear in the handler"},
    StatementText{Statement::cr2_changes_at_once, "CR2 changes at once"},
    StatementText{Statement::cr2_stays, "CR2 stays"},
    StatementText{Statement::vc_without_error_code, "#VC's handler, without an error code"},
    StatementText{Statement::gp_without_error_code, "#GP's handler, without an error code"},
    StatementText{Statement::gs_base_stays, "the GS base stays"},
    StatementText{Statement::gs_base_cleared, "the GS base becomes 0"},
    StatementText{Statement::gs_base_cleared_as_announced, "the GS base becomes 0, which CPUID announces"},
    StatementText{Statement::upper_half_zero, "zero"},
    StatementText{Statement::upper_half_left, "left as it was"},
    StatementText{Statement::upper_half_mixed, "zero in some, left in others"},
    StatementText{Statement::syscall_never_arrives, "SYSCALL never arrives"},
    StatementText{Statement::unmeasured_below_hypervisor, "not measured below another hypervisor"},
    StatementText{Statement::no_shadow_stacks, "KVM offers no shadow stacks"},
};

/// True if the table has each statement at its own index.
constexpr bool has_every_statement() {
    for (std::size_t i = 0; i < statement_texts.size(); ++i) {
        if (static_cast<std::size_t>(statement_texts.at(i).statement) != i) return false;
    }
    return statement_texts.back().statement == Statement::no_shadow_stacks;
}
static_assert(has_every_statement());

std::string_view text(Known known) {
    constexpr std::array<std::string_view, 6> texts{"right",    "the payload",   "as IRET loaded it",
                                                    "from RCX", "of the kernel", "of the frame"};
    return texts.at(static_cast<std::size_t>(known));
}

std::string_view text(Stack stack) {
    constexpr std::array<std::string_view, 3> texts{"the stack of RSP0", "the IST stack", "another stack"};
    return texts.at(static_cast<std::size_t>(stack));
}

std::string_view text(Register of) {
    constexpr std::array<std::string_view, 4> texts{"RCX", "DR6", "SS", "GS base"};
    return texts.at(static_cast<std::size_t>(of));
}

std::string_view text(kvm::Capability capability) {
    using enum kvm::Capability;
    switch (capability) {
        case readonly_memory:
            return "KVM_CAP_READONLY_MEM";
        case vcpu_events:
            return "KVM_CAP_VCPU_EVENTS";
        case user_nmi:
            return "KVM_CAP_USER_NMI";
        case machine_check:
            return "KVM_CAP_MCE";
        case debug_registers:
            return "KVM_CAP_DEBUGREGS";
        case set_guest_debug:
            return "KVM_CAP_SET_GUEST_DEBUG";
        case immediate_exit:
            return "KVM_CAP_IMMEDIATE_EXIT";
        default:
            return "a capability that may be missing";
    }
}

std::string text(const Value& value) {
    if (const auto* known = std::get_if<Known>(&value)) return std::string(text(*known));
    return fmt::format("{:#x}", std::get<std::uint64_t>(value));
}

std::string text(const Selectors& selectors) { return fmt::format("CS {:#x}, SS {:#x}", selectors.cs, selectors.ss); }

std::string text(const Parts& parts) {
    constexpr std::array<std::string_view, 6> texts{"registers", "special registers", "MSRs", "NMI mask", "memory",
                                                    "events"};
    std::string joined;
    for (const auto part : parts) {
        joined += joined.empty() ? "" : ", ";
        joined += texts.at(static_cast<std::size_t>(part));
    }
    return joined;
}

std::string text(const ShadowStackPointer& pointer) {
    if (pointer.of == ShadowStackOf::nobody) return fmt::format("{:#x}", pointer.below);
    constexpr std::array<std::string_view, 4> texts{"", "the token of PL0_SSP", "the IST token",
                                                    "the end of the user's"};
    const auto name = texts.at(static_cast<std::size_t>(pointer.of));
    if (pointer.below == 0) return fmt::format("at {}", name);
    return fmt::format("{} bytes below {}", pointer.below, name);
}

std::string causes(std::uint64_t dr6) {
    constexpr std::array<std::pair<std::uint64_t, const char*>, 6> bits{
        {{dr6_b0, "B0"}, {2, "B1"}, {4, "B2"}, {8, "B3"}, {dr6_bd, "BD"}, {dr6_bs, "BS"}}};
    std::string text;
    for (const auto& [bit, name] : bits) {
        if ((dr6 & bit) != 0) text += fmt::format(", DR6.{}", name);
    }
    return text;
}

const char* set_or_clear(bool is_set) { return is_set ? "set" : "clear"; }
const char* on_or_off(bool is_set) { return is_set ? "IF on" : "IF off"; }

std::string text(const Details& details) {
    std::string all;
    if (details.cpl) all += fmt::format(", CPL {}", *details.cpl);
    all += causes(details.dr6);
    if (details.error) all += fmt::format(", error {:#x}", *details.error);
    if (details.cr2) all += ", CR2 " + text(*details.cr2);
    if (details.resume_flag) all += fmt::format(", RF {}", set_or_clear(*details.resume_flag));
    if (details.selectors) all += ", " + text(*details.selectors);
    if (details.rflags) all += fmt::format(", RFLAGS {:#x}", *details.rflags);
    if (details.rsp) all += ", RSP " + text(*details.rsp);
    if (details.esp) {
        const bool known = std::holds_alternative<Known>(*details.esp);
        all += (known ? ", ESP[31:16] " : ", ESP ") + text(*details.esp);
    }
    if (details.stack) all += fmt::format(", on {}", text(*details.stack));
    return all;
}

/// Makes the words for one observation.
struct Text {
    std::string operator()(const Delivery& d) const {
        return fmt::format("{}, RIP {}{}", vector_name(d.vector), describe(d.place), text(d.details));
    }
    std::string operator()(const Ended& e) const { return ending(e.outcome); }
    std::string operator()(Statement s) const {
        return std::string(statement_texts.at(static_cast<std::size_t>(s)).text);
    }
    std::string operator()(const Unforeseen& u) const { return u.message; }
    std::string operator()(const EntryRefused& e) const { return kvm::describe(kvm::FailEntryExit{e.reason}); }
    std::string operator()(const Arrival& a) const {
        std::string all;
        const auto add = [&](const std::string& more) { all += (all.empty() ? "" : ", ") + more; };
        if (a.selectors) add(text(*a.selectors));
        if (a.rcx) add("RCX " + describe(*a.rcx));
        if (a.direction_flag) add(fmt::format("DF {}", set_or_clear(*a.direction_flag)));
        if (a.rflags) add(fmt::format("RFLAGS {:#x}", *a.rflags));
        return "arrives with " + all;
    }
    std::string operator()(const SyscallArrival& a) const {
        return fmt::format("SYSCALL with {}, RCX {}, R11 {}, {}", text(a.selectors), describe(a.rcx),
                           on_or_off(a.if_in_r11), on_or_off(a.if_set));
    }
    std::string operator()(const SysretArrival& a) const {
        return fmt::format("SYSRET with {}, {}", text(a.selectors), on_or_off(a.if_set));
    }
    std::string operator()(const Stop& s) const { return "stops " + describe(s.place); }
    std::string operator()(const DebugStop& s) const {
        return fmt::format("KVM_EXIT_DEBUG of {} {}", vector_name(s.vector), describe(s.place));
    }
    std::string operator()(const TrapFlagSeen& t) const {
        return fmt::format("TF {} in what it pushed, {} in KVM_GET_REGS", set_or_clear(t.pushed),
                           set_or_clear(t.in_registers));
    }
    std::string operator()(const Reading& r) const { return fmt::format("{} {:#x}", text(r.of), r.value); }
    std::string operator()(const RipReading& r) const { return "RIP " + describe(r.place); }
    std::string operator()(const GsBases& b) const {
        return fmt::format("GS base {:#x}, KERNEL_GS_BASE {:#x}", b.current, b.other);
    }
    std::string operator()(const SegmentLimit& l) const {
        return fmt::format("ZF {}, limit {:#x}", set_or_clear(l.found), l.limit);
    }
    std::string operator()(const DebugAliases& a) const {
        return fmt::format("DR4 is {}, DR5 is {}", a.dr4_is_dr6 ? "DR6" : "another", a.dr5_is_dr7 ? "DR7" : "another");
    }
    std::string operator()(const FrameGap& g) const {
        return fmt::format("the frame is {} bytes below RSP, and has {} in it", g.bytes,
                           g.has_that_rsp ? "that RSP" : "another RSP");
    }
    std::string operator()(const FlagsPopped& p) const {
        return fmt::format("pops {} bytes, RFLAGS {:#x}", p.bytes, p.rflags);
    }
    std::string operator()(const SegmentsPushed& p) const {
        return fmt::format("pushes {} bytes onto words of ones, which become {:#x} and {:#x}", p.bytes, p.first,
                           p.second);
    }
    std::string operator()(const DoorbellRings& r) const { return fmt::format("the doorbell rings at CPL {}", r.cpl); }
    std::string operator()(const ShadowStackSeen& s) const {
        return fmt::format("SSP {}{}{}", text(s.ssp),
                           !s.is_busy   ? ""
                           : *s.is_busy ? ", token busy"
                                        : ", token free",
                           s.pl3_ssp ? ", PL3_SSP " + text(*s.pl3_ssp) : "");
    }
    std::string operator()(const NmiMask& m) const {
        return fmt::format("{} in the handler, where a second one {}; {} after the IRET",
                           m.masked_in_handler ? "masked" : "not masked", m.second_waits ? "waits" : "does not wait",
                           m.masked_after_iret ? "still masked" : "unmasked");
    }
    std::string operator()(const NmisDelivered& d) const {
        return fmt::format("of three NMIs that land in the handler, {} delivered after it", d.count);
    }
    std::string operator()(const PhantomNmis& p) const {
        if (p.unmasked == 0 && p.masked == 0) return "none comes";
        return fmt::format("{} come with NMIs unmasked, {} with NMIs masked", p.unmasked, p.masked);
    }
    std::string operator()(const PagesNotReported& p) const {
        if (p.count != 0) return fmt::format("{} are not reported", p.count);
        return p.late_after_hlt ? "all are reported, some of them one exit after a HLT" : "all are reported";
    }
    std::string operator()(const MissingCapabilities& m) const {
        std::string names;
        for (const auto capability : m.missing) {
            names += names.empty() ? "" : " and ";
            names += text(capability);
        }
        return names.empty() ? "all that are needed" : "no " + names;
    }
    std::string operator()(const SyncedParts& s) const {
        return (s.offered.empty() ? "none" : text(s.offered)) +
               (s.wrong_rbx ? fmt::format("; RBX is {} and not 42 after an INC", *s.wrong_rbx) : "");
    }
    std::string operator()(const RestoredRun& r) const {
        return r.differing.empty() ? "the restored run ends as the first"
                                   : "the restored run ends with other " + text(r.differing);
    }
    std::string operator()(const FreeRun& f) const {
        if (!f.ended && f.differing.empty()) return "a free run from any step ends the same";
        return (f.steps ? fmt::format("after {} steps ", *f.steps) : "") + "a free run ends with " +
               (f.ended ? ending(*f.ended) : "other " + text(f.differing));
    }
    std::string operator()(const SteppedRun& s) const {
        auto steps = !s.steps ? "no end"
                     : *s.steps == instructions_to_step
                         ? "every instruction"
                         : fmt::format("{} steps for {} instructions", *s.steps, instructions_to_step);
        if (s.ended) steps += ", then " + ending(*s.ended);
        return steps + ", " +
               (s.differing.empty() ? "the same end as a free run"
                                    : "other " + text(s.differing) + " at the end than a free run");
    }
};

/// Returns the words between two observations.
const char* between(const Observation& one, const Observation& next) {
    if (one == Observation(Statement::after_the_restore)) return ": ";
    if (std::holds_alternative<SysretArrival>(next)) return "; ";
    if (std::holds_alternative<TrapFlagSeen>(next)) return ", ";
    if (std::holds_alternative<Ended>(next) && std::holds_alternative<Delivery>(one)) return ", ";
    if (const auto* statement = std::get_if<Statement>(&next)) {
        using enum Statement;
        if (*statement == gd_set_in_handler || *statement == gd_clear_in_handler) return "; ";
        if (*statement == memory_as_before || *statement == memory_changed) return ", ";
    }
    return ", then ";
}

}  // namespace

std::string describe(const Answer& answer) {
    std::string all;
    for (std::size_t i = 0; i < answer.size(); ++i) {
        if (i != 0) all += between(answer[i - 1], answer[i]);
        all += std::visit(Text{}, answer[i]);
    }
    return all;
}

std::string describe(const Allowed& allowed) {
    std::string all;
    for (const auto& answer : allowed) all += (all.empty() ? "" : " | ") + describe(answer);
    return all;
}

bool rang(const vm::Outcome& outcome, std::uint16_t port) {
    const auto* doorbell = std::get_if<vm::Doorbell>(&outcome);
    return doorbell != nullptr && doorbell->port == port;
}

std::string ending(const vm::Outcome& outcome) {
    if (rang(outcome, GATECRASH_PORT_DONE)) return "and so on without end";
    if (rang(outcome, GATECRASH_PORT_FATAL)) return "which was not expected";
    return vm::describe(outcome);
}

}  // namespace gatecrash::qualify
