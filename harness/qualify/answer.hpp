// The answers of measurements, as values. Judging compares these values. describe() makes words for people, and no
// judgement reads them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "kvm/system.hpp"
#include "qualify/place.hpp"
#include "vm/outcome.hpp"

namespace gatecrash::qualify {

/// Values of registers that have a meaning in the guest that ran.
enum class Known : std::uint8_t {
    right_address,     ///< CR2: the address of the access
    payload,           ///< CR2: the payload of the injected exception
    loaded_by_iret,    ///< RSP: as the IRET loaded it
    rcx,               ///< RSP: the value of RCX
    high_half_kernel,  ///< ESP: its upper half is that of the kernel's RSP
    high_half_frame,   ///< ESP: its upper half is that of the RSP in the frame
};
/// A register's value: its meaning if that is known, else the number.
using Value = std::variant<Known, std::uint64_t>;

struct Selectors {
    std::uint64_t cs, ss;
    bool operator==(const Selectors&) const = default;
};

/// The stack that a CPU pushed a frame on.
enum class Stack : std::uint8_t { rsp0, ist, another };

/// Details of a delivery besides the vector and RIP. A measurement leaves empty what it does not look at.
struct Details {
    std::optional<std::uint64_t> cpl{};
    std::uint64_t dr6 = 0;  ///< only the bits that name a cause
    std::optional<std::uint64_t> error{};
    std::optional<Value> cr2{};
    std::optional<bool> resume_flag{};
    std::optional<Selectors> selectors{};
    std::optional<std::uint64_t> rflags{};
    std::optional<Value> rsp{};
    std::optional<Value> esp{};
    std::optional<Stack> stack{};
    bool operator==(const Details&) const = default;
};

/// The bits of DR6 that name a cause (SDM volume 3, 17.2.3).
constexpr std::uint64_t dr6_b0 = 1, dr6_bd = 0x2000, dr6_bs = 0x4000, dr6_causes = 0x600f;

/// One entry into a handler.
struct Delivery {
    std::uint64_t vector;
    Place place;  ///< RIP in the frame
    Details details{};
    bool operator==(const Delivery&) const = default;
};

/// The guest ended, but not by END.
struct Ended {
    vm::Outcome outcome;
    bool operator==(const Ended&) const = default;
};

/// Answers that have no number in them.
enum class Statement : std::uint8_t {
    no_event,
    shutdown,
    signal_ends_run,
    own_handler_entered,
    runs_on,
    same_rf,
    doorbell_never_rings,
    write_exits,
    write_does_not_exit,
    memory_as_before,
    memory_changed,
    after_the_restore,  ///< the observations that follow were made after the restore
    bases_exchanged,
    r11_has_rf,
    r11_has_no_rf,
    gd_set_in_handler,
    gd_clear_in_handler,
    cr2_changes_at_once,
    cr2_stays,
    vc_without_error_code,
    gp_without_error_code,
    gs_base_stays,
    gs_base_cleared,
    gs_base_cleared_as_announced,
    upper_half_zero,
    upper_half_left,
    upper_half_mixed,
    syscall_never_arrives,
    unmeasured_below_hypervisor,
    no_shadow_stacks,
};

/// A message of KVM or the harness instead of an answer. It is never an expected answer.
struct Unforeseen {
    std::string message;
    bool operator==(const Unforeseen&) const = default;
};

/// The CPU refused to enter the guest (KVM_EXIT_FAIL_ENTRY).
struct EntryRefused {
    std::uint64_t reason;  ///< the hardware's exit reason
    bool operator==(const EntryRefused&) const = default;
};

/// A fast call reached its entry. Fields that a measurement does not look at are empty.
struct Arrival {
    std::optional<Selectors> selectors{};
    std::optional<Place> rcx{};
    std::optional<bool> direction_flag{};
    std::optional<std::uint64_t> rflags{};
    bool operator==(const Arrival&) const = default;
};

/// SYSCALL reached its entry.
struct SyscallArrival {
    Selectors selectors;
    Place rcx;
    bool if_in_r11, if_set;
    bool operator==(const SyscallArrival&) const = default;
};
/// SYSRET reached user mode.
struct SysretArrival {
    Selectors selectors;
    bool if_set;
    bool operator==(const SysretArrival&) const = default;
};

/// A step or a breakpoint stopped the guest.
struct Stop {
    Place place;
    bool operator==(const Stop&) const = default;
};
/// KVM exited with KVM_EXIT_DEBUG for an exception.
struct DebugStop {
    std::uint64_t vector;
    Place place;
    bool operator==(const DebugStop&) const = default;
};
/// RFLAGS.TF while the guest is stepped: as PUSHF pushed it, and as KVM_GET_REGS returned it.
struct TrapFlagSeen {
    bool pushed, in_registers;
    bool operator==(const TrapFlagSeen&) const = default;
};

/// The registers that a Reading can name.
enum class Register : std::uint8_t { rcx, dr6, ss, gs_base };
struct Reading {
    Register of;
    std::uint64_t value;
    bool operator==(const Reading&) const = default;
};
struct RipReading {
    Place place;
    bool operator==(const RipReading&) const = default;
};
struct GsBases {
    std::uint64_t current, other;
    bool operator==(const GsBases&) const = default;
};
/// The result of LSL.
struct SegmentLimit {
    bool found;
    std::uint64_t limit;
    bool operator==(const SegmentLimit&) const = default;
};
/// The registers that a MOV of DR4 and of DR5 reaches.
struct DebugAliases {
    bool dr4_is_dr6, dr5_is_dr7;
    bool operator==(const DebugAliases&) const = default;
};
/// The place of a frame that the CPU pushed while RSP was misaligned.
struct FrameGap {
    std::uint64_t bytes;  ///< between the old RSP and the frame's end
    bool has_that_rsp;
    bool operator==(const FrameGap&) const = default;
};
/// A POPF executed.
struct FlagsPopped {
    std::uint64_t bytes;  ///< taken from the stack
    std::uint64_t rflags;
    bool operator==(const FlagsPopped&) const = default;
};
/// A PUSH FS and a PUSH GS executed. The two highest words of the stack were all ones before.
struct SegmentsPushed {
    std::uint64_t bytes;          ///< by which both together lowered RSP
    std::uint64_t first, second;  ///< the highest word of the stack, and the next one below it
    bool operator==(const SegmentsPushed&) const = default;
};
/// The doorbell rang, at this privilege level.
struct DoorbellRings {
    unsigned cpl;
    bool operator==(const DoorbellRings&) const = default;
};

/// The shadow stacks of a guest that enables them.
enum class ShadowStackOf : std::uint8_t { nobody, pl0, ist, user };
/// A value of SSP, in bytes below the token of a shadow stack, or below the end of the user's. For nobody, the value.
struct ShadowStackPointer {
    ShadowStackOf of;
    std::uint64_t below;
    bool operator==(const ShadowStackPointer&) const = default;
};
/// SSP at one point of a guest, and two more facts about that point if the measurement looks at them.
struct ShadowStackSeen {
    ShadowStackPointer ssp;
    std::optional<bool> is_busy{};                ///< the token that the measurement is about
    std::optional<ShadowStackPointer> pl3_ssp{};  ///< IA32_PL3_SSP
    bool operator==(const ShadowStackSeen&) const = default;
};

struct NmiMask {
    bool masked_in_handler, second_waits, masked_after_iret;
    bool operator==(const NmiMask&) const = default;
};
/// The number of NMIs that were delivered, of three that landed in the handler.
struct NmisDelivered {
    std::size_t count;
    bool operator==(const NmisDelivered&) const = default;
};

/// The number of NMIs that came although KVM_SET_VCPU_EVENTS had dropped them.
struct PhantomNmis {
    std::size_t unmasked, masked;  ///< with NMIs unmasked and masked at that call
    bool operator==(const PhantomNmis&) const = default;
};
/// The number of pages that the guest has written, and that KVM has not reported.
struct PagesNotReported {
    std::size_t count;
    bool late_after_hlt = false;  ///< KVM reported others one exit after the run that wrote them, which a HLT ended
    bool operator==(const PagesNotReported&) const = default;
};

/// Parts of a machine's state.
enum class Part : std::uint8_t { registers, special_registers, msrs, nmi_mask, memory, events };
using Parts = std::vector<Part>;

struct MissingCapabilities {
    std::vector<kvm::Capability> missing;
    bool operator==(const MissingCapabilities&) const = default;
};
/// The groups that KVM_CAP_SYNC_REGS offers. `wrong_rbx` is RBX after an INC, if it is not the written value plus 1.
struct SyncedParts {
    Parts offered;
    std::optional<std::uint64_t> wrong_rbx{};
    bool operator==(const SyncedParts&) const = default;
};
/// The parts by which the end of a run from a restored snapshot differs from the end of the first run.
struct RestoredRun {
    Parts differing;
    bool operator==(const RestoredRun&) const = default;
};
/// A free run that was compared with another one. It says how the run ended if that was wrong.
struct FreeRun {
    std::optional<std::size_t> steps{};  ///< steps before the run began; empty: none, or a run after each step
    std::optional<vm::Outcome> ended{};  ///< set if it did not end by END
    Parts differing{};                   ///< parts that differ at the end
    bool operator==(const FreeRun&) const = default;
};
/// A run of guest_to_step() that was stepped to its end.
struct SteppedRun {
    std::optional<std::size_t> steps{};  ///< empty if it did not end
    std::optional<vm::Outcome> ended{};  ///< set if it did not end by END
    Parts differing{};                   ///< parts that differ from the end of a free run
    bool operator==(const SteppedRun&) const = default;
};

/// One thing that a measurement saw.
using Observation =
    std::variant<Delivery, Ended, Statement, Unforeseen, EntryRefused, Arrival, SyscallArrival, SysretArrival, Stop,
                 DebugStop, TrapFlagSeen, Reading, RipReading, GsBases, SegmentLimit, DebugAliases, FrameGap,
                 FlagsPopped, SegmentsPushed, DoorbellRings, ShadowStackSeen, NmiMask, NmisDelivered, PhantomNmis,
                 PagesNotReported, MissingCapabilities, SyncedParts, RestoredRun, FreeRun, SteppedRun>;

/// Everything that a measurement saw, in order.
using Answer = std::vector<Observation>;
/// The answers that a manual allows: one, or several.
using Allowed = std::vector<Answer>;

/// Returns `first`, followed by `next`.
[[nodiscard]] inline Answer then(Answer first, Answer next) {
    for (auto& observation : next) first.push_back(std::move(observation));
    return first;
}

/// Returns words for people, such as "#BP, RIP after the INT3, then vector 0x40, RIP ...".
[[nodiscard]] std::string describe(const Answer& answer);
/// Returns the words for each answer, with " | " between them.
[[nodiscard]] std::string describe(const Allowed& allowed);
/// Describes how a guest ended.
[[nodiscard]] std::string ending(const vm::Outcome& outcome);
/// True if a guest ended by this doorbell.
[[nodiscard]] bool rang(const vm::Outcome& outcome, std::uint16_t port);

}  // namespace gatecrash::qualify
