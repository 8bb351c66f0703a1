// Makes expected answers, for the tables.
#pragma once

#include <cstdint>
#include <utility>

#include "gatecrash/abi.h"
#include "qualify/answer.hpp"
#include "qualify/probe.hpp"

namespace gatecrash::qualify {

/// The vectors of expected deliveries.
namespace vectors {
inline constexpr std::uint64_t db = GATECRASH_VECTOR_DB, nmi = GATECRASH_VECTOR_NMI, bp = GATECRASH_VECTOR_BP, ud = 6,
                               np = 11, ss = 12, gp = GATECRASH_VECTOR_GP, pf = GATECRASH_VECTOR_PF,
                               mc = GATECRASH_VECTOR_MC, vc = GATECRASH_VECTOR_VC, cp = GATECRASH_VECTOR_CP,
                               irq = GATECRASH_DEFAULT_IRQ, software = 0x40;
}  // namespace vectors

/// Expects the same answer of both vendors' CPUs.
[[nodiscard]] inline Expected always(const Answer& answer) { return {{answer}, {answer}}; }
/// Expects one of these answers of both vendors' CPUs: the manuals leave open which.
[[nodiscard]] inline Expected any_of(const Allowed& answers) { return {answers, answers}; }
/// Expects the same answer of both vendors' CPUs, but knows that some of AMD's give another one.
[[nodiscard]] inline Expected unless_amd(const Answer& answer, Answer some_amd) {
    return {{answer}, {answer}, {}, {std::move(some_amd)}};
}
/// Expects the same answer of both vendors' CPUs, but knows that some real machines of each vendor give another one.
[[nodiscard]] inline Expected unless(const Answer& answer, const Answer& some) {
    return {{answer}, {answer}, {some}, {some}};
}
/// Expects an NMI at the first instruction of the handler of `vector`, whose event came after `place`. `before`
/// precedes both. KVM ends the entry that delivers the event by an interrupt that it sends to its own CPU
/// (__kvm_request_immediate_exit()). It does so on AMD's CPUs without virtual NMIs, and below a hypervisor that offers
/// no preemption timer. If that interrupt is late, the NMI comes an instruction late, on real machines of each vendor.
[[nodiscard]] inline Expected nmi_after_event(std::uint64_t vector, const Place& place, const Answer& before = {}) {
    const auto answer = [&](unsigned late) {
        return then(before, {Delivery{vectors::nmi, handler_of(vector, late)}, Delivery{vector, place}});
    };
    return unless(answer(0), answer(1));
}
/// Expects the answers of by_vendor(), but knows that some real machines with AMD's CPUs answer as Intel's: there KVM
/// emulates the instruction.
[[nodiscard]] inline Expected unless_emulated_on_amd(const Answer& intel, Answer amd) {
    return {{intel}, {std::move(amd)}, {}, {intel}};
}
/// Expects the same answer of both vendors' CPUs that have shadow stacks. Without them, or with a KVM that does not
/// offer them, a CPU is not at fault.
[[nodiscard]] inline Expected with_shadow_stacks(const Answer& answer) {
    const Allowed none{{Statement::no_shadow_stacks}};
    return {{answer}, {answer}, none, none};
}
[[nodiscard]] inline Expected by_vendor(Answer intel, Answer amd) { return {{std::move(intel)}, {std::move(amd)}}; }

}  // namespace gatecrash::qualify
