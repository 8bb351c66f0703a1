// The steps of an NMI's body: how its rounds follow each other, and what it has to give back, for bodies.cpp. Guest
// side, freestanding.
#pragma once

#include "debugging.hpp"

namespace {

/// NMI bodies do not nest: one that comes while another runs has that one start over.
enum class NmiState : uint64_t { idle, executing, latched };
NmiState nmi_state = NmiState::idle;

#ifdef DB_MAY_COME_IN_NMI
constexpr bool db_may_come_in_nmi = true;
#else
constexpr bool db_may_come_in_nmi = false;
#endif

/// Runs one body at a time, since each NMI's IRET unmasks NMIs. The next NMI has it do another round.
#ifndef nmi_bodies_nest
constexpr bool nmi_bodies_nest = false;
#endif
INLINED void latch_nmi() { nmi_state = NmiState::latched; }

/// Nothing: DR7 and CR2 are saved and given back in each round.
#ifndef KeptOverNmiRounds
struct KeptOverNmiRounds {};
#endif
#ifndef NmiBreakpoints
using NmiBreakpoints = WithoutBreakpoints;
#endif

#ifndef begin_nmi_round
INLINED void begin_nmi_round() { nmi_state = NmiState::executing; }
#endif

/// Latched becomes executing: another round. Executing becomes idle.
INLINED void next_nmi_state() { asm volatile("decq %0" : "+m"(nmi_state) : : "cc", "memory"); }

/// An NMI's return does no work of the exit: it may have interrupted that.
#ifndef end_nmi_round
INLINED void end_nmi_round(const gatecrash::abi::Frame*) { next_nmi_state(); }
#endif

/// The address of a page fault that an NMI may have interrupted before it was read. Given back while other NMIs still
/// are kept from the body: the next one keeps what it finds.
class Cr2 {
  public:
    INLINED Cr2() { READ("cr2", kept); }
    INLINED void give_back() {
        uint64_t now = 0;
        READ("cr2", now);
        if (now != kept) WRITE("cr2", kept);
    }

  private:
    uint64_t kept = 0;
};
#ifndef give_cr2_back
INLINED void give_cr2_back(Cr2& cr2) { cr2.give_back(); }
#endif

#ifdef VC_ON_IST
extern "C" {
extern const char vc_stack[], vc_stack_top[];
extern uint64_t tss_ist_vc;
}

#ifndef give_vc_stack_back
INLINED void give_vc_stack_back(uint64_t found) { tss_ist_vc = found; }
#endif
#endif

/// An NMI's body may raise #VC, and may have interrupted one: then the next one is to begin below what was interrupted.
#ifndef OwnVcStack
struct OwnVcStack {
#ifdef VC_ON_IST
    INLINED explicit OwnVcStack(const gatecrash::abi::Frame* frame) {
        const bool is_there =
            frame->rsp > reinterpret_cast<uint64_t>(vc_stack) && frame->rsp <= reinterpret_cast<uint64_t>(vc_stack_top);
        if (is_there) tss_ist_vc = frame->rsp;
    }
    INLINED ~OwnVcStack() { give_vc_stack_back(found); }
    uint64_t found = tss_ist_vc;
#else
    INLINED explicit OwnVcStack(const gatecrash::abi::Frame*) {}
#endif
};
#endif

}  // namespace
