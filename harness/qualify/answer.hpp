// What a measurement gives, as values. Judging compares these values; describe() makes the words for people, and no
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

/// Values that have a meaning in the guest that was run.
enum class Known : std::uint8_t {
    right_address,     ///< CR2: the address of the access
    payload,           ///< CR2: the payload of the injected exception
    loaded_by_iret,    ///< RSP: as the IRET loaded it
    rcx,               ///< RSP: what RCX was
    high_half_kernel,  ///< ESP: its upper half is that of the kernel's RSP
    high_half_frame,   ///< ESP: its upper half is that of the RSP in the frame
};
/// A register: what it means, else its number.
using Value = std::variant<Known, std::uint64_t>;

struct Selectors {
    std::uint64_t cs, ss;
    bool operator==(const Selectors&) const = default;
};

/// Where a CPU pushed a frame.
enum class Stack : std::uint8_t { rsp0, ist, another };

/// What a measurement looks at besides the vector and RIP. Empty: not looked at.
struct Details {
    std::optional<std::uint64_t> cpl{};
    std::uint64_t dr6 = 0;  ///< of its bits only the causes
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

/// The causes in DR6 (SDM volume 3, 17.2.3).
constexpr std::uint64_t dr6_b0 = 1, dr6_bd = 0x2000, dr6_bs = 0x4000, dr6_causes = 0x600f;

/// One entry into a handler.
struct Delivery {
    std::uint64_t vector;
    Place place;  ///< RIP in the frame
    Details details{};
    bool operator==(const Delivery&) const = default;
};

/// The guest ended otherwise than by END.
struct Ended {
    vm::Outcome outcome;
    bool operator==(const Ended&) const = default;
};

/// Answers without a number in them.
enum class Statement : std::uint8_t {
    no_event,
    shutdown,
    signal_ends_run,
    own_handler_entered,
    runs_on,
    doorbell_never_rings,
    write_exits,
    write_does_not_exit,
    memory_as_before,
    memory_changed,
    behind_the_restore,  ///< what follows happened there
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
};

/// What KVM or the harness said instead of an answer. No expected answer has one.
struct Unforeseen {
    std::string message;
    bool operator==(const Unforeseen&) const = default;
};

/// KVM_EXIT_FAIL_ENTRY.
struct EntryRefused {
    std::uint64_t reason;  ///< the hardware's
    bool operator==(const EntryRefused&) const = default;
};

/// A fast call came to its entry. Of the fields only those that are looked at.
struct Arrival {
    std::optional<Selectors> selectors{};
    std::optional<Place> rcx{};
    std::optional<bool> direction_flag{};
    std::optional<std::uint64_t> rflags{};
    bool operator==(const Arrival&) const = default;
};

/// SYSCALL came to its entry.
struct SyscallArrival {
    Selectors selectors;
    Place rcx;
    bool if_in_r11, if_set;
    bool operator==(const SyscallArrival&) const = default;
};
/// SYSRET came to user mode.
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
/// KVM_EXIT_DEBUG of an exception.
struct DebugStop {
    std::uint64_t vector;
    Place place;
    bool operator==(const DebugStop&) const = default;
};
/// RFLAGS.TF while the guest is stepped: in what PUSHF pushed, and in KVM_GET_REGS.
struct TrapFlagSeen {
    bool pushed, in_registers;
    bool operator==(const TrapFlagSeen&) const = default;
};

/// The registers that answers consist of.
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
/// What LSL gives.
struct SegmentLimit {
    bool found;
    std::uint64_t limit;
    bool operator==(const SegmentLimit&) const = default;
};
/// What MOV of DR4 and DR5 reaches.
struct DebugAliases {
    bool dr4_is_dr6, dr5_is_dr7;
    bool operator==(const DebugAliases&) const = default;
};
/// Where a frame is that was pushed with RSP misaligned.
struct FrameGap {
    std::uint64_t bytes;  ///< between RSP and the frame's end
    bool has_that_rsp;
    bool operator==(const FrameGap&) const = default;
};
/// The doorbell rings in user mode.
struct DoorbellRings {
    unsigned cpl;
    bool operator==(const DoorbellRings&) const = default;
};

struct NmiMask {
    bool masked_in_handler, second_waits, masked_behind_iret;
    bool operator==(const NmiMask&) const = default;
};
/// Of three NMIs that land in the handler.
struct NmisDelivered {
    std::size_t count;
    bool operator==(const NmisDelivered&) const = default;
};

/// Parts of a machine's state.
enum class Part : std::uint8_t { registers, special_registers, msrs, nmi_mask, memory, events };
using Parts = std::vector<Part>;

struct MissingCapabilities {
    std::vector<kvm::Capability> missing;
    bool operator==(const MissingCapabilities&) const = default;
};
/// What KVM_CAP_SYNC_REGS offers, and RBX behind an INC if it is not what was written plus 1.
struct SyncedParts {
    Parts offered;
    std::optional<std::uint64_t> wrong_rbx{};
    bool operator==(const SyncedParts&) const = default;
};
/// How the end of a run from a restored snapshot differs from the end of the first run.
struct RestoredRun {
    Parts differing;
    bool operator==(const RestoredRun&) const = default;
};
/// A free run, to be compared with: how it ended, if not as it should.
struct FreeRun {
    std::optional<std::size_t> steps{};  ///< before it began; empty: none, or it was tried behind each
    std::optional<vm::Outcome> ended{};  ///< otherwise than by END
    Parts differing{};                   ///< at the end
    bool operator==(const FreeRun&) const = default;
};
/// The guest to step, stepped to its end.
struct SteppedRun {
    std::optional<std::size_t> steps{};  ///< empty: there was no end
    std::optional<vm::Outcome> ended{};  ///< otherwise than by END
    Parts differing{};                   ///< from a free run at the end
    bool operator==(const SteppedRun&) const = default;
};

/// One thing that was seen.
using Observation = std::variant<Delivery, Ended, Statement, Unforeseen, EntryRefused, Arrival, SyscallArrival,
                                 SysretArrival, Stop, DebugStop, TrapFlagSeen, Reading, RipReading, GsBases,
                                 SegmentLimit, DebugAliases, FrameGap, DoorbellRings, NmiMask, NmisDelivered,
                                 MissingCapabilities, SyncedParts, RestoredRun, FreeRun, SteppedRun>;

/// Everything that a measurement saw, in order.
using Answer = std::vector<Observation>;
/// What a manual allows: one answer, or several.
using Allowed = std::vector<Answer>;

/// `first`, and what was seen behind it.
[[nodiscard]] inline Answer then(Answer first, Answer next) {
    for (auto& observation : next) first.push_back(std::move(observation));
    return first;
}

/// "#BP, RIP behind the INT3, then vector 0x40, RIP ...", for people.
[[nodiscard]] std::string describe(const Answer& answer);
/// The answers, with " | " between them.
[[nodiscard]] std::string describe(const Allowed& allowed);
/// How a guest ended.
[[nodiscard]] std::string ending(const vm::Outcome& outcome);
/// Whether a guest ended by this doorbell.
[[nodiscard]] bool rang(const vm::Outcome& outcome, std::uint16_t port);

}  // namespace gatecrash::qualify
