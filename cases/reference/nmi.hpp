// The steps of an NMI's body, for bodies.cpp: the sequence of its rounds, and the state that it must restore. Guest
// side, freestanding.
#pragma once

#include "debugging.hpp"

namespace {

/// The state of the NMI body. Bodies do not nest: an NMI that arrives while one runs makes that one start over.
enum class NmiState : uint64_t { idle, executing, latched };
NmiState nmi_state = NmiState::idle;

#ifdef DB_MAY_COME_IN_NMI
constexpr bool db_may_come_in_nmi = true;
#else
constexpr bool db_may_come_in_nmi = false;
#endif

/// False: one body runs at a time, although an IRET inside it unmasks NMIs. The next NMI makes it do another round.
#ifndef nmi_bodies_nest
constexpr bool nmi_bodies_nest = false;
#endif
INLINED void latch_nmi() { nmi_state = NmiState::latched; }

/// Keeps nothing over all rounds, since each round saves and restores DR7 and CR2 itself.
#ifndef KeptOverNmiRounds
struct KeptOverNmiRounds {};
#endif
#ifndef NmiBreakpoints
using NmiBreakpoints = WithoutBreakpoints;
#endif

#ifndef begin_nmi_round
INLINED void begin_nmi_round() { nmi_state = NmiState::executing; }
#endif

/// Ends a round by one decrement: latched becomes executing, which is another round, and executing becomes idle.
INLINED void next_nmi_state() { asm volatile("decq %0" : "+m"(nmi_state) : : "cc", "memory"); }

/// Ends a round without exit work, since the NMI may have interrupted exit work.
#ifndef end_nmi_round
INLINED void end_nmi_round(const gatecrash::abi::Frame*) { next_nmi_state(); }
#endif

/// Keeps CR2 over an NMI's body: the NMI may have interrupted a page fault that has not read it yet. The body restores
/// CR2 before it lets in another NMI, which in turn keeps the value that it finds.
class Cr2 {
  public:
    INLINED Cr2() { READ("cr2", kept_); }
    INLINED void give_back() const {
        uint64_t now = 0;
        READ("cr2", now);
        if (now != kept_) WRITE("cr2", kept_);
    }

  private:
    uint64_t kept_ = 0;
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

/// Protects a #VC that the NMI interrupted: a #VC in the NMI's body starts below it on the stack of #VC.
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
