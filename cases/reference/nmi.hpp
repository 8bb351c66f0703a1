// What an NMI's body has to itself, and has to give back. Of bodies.cpp. Guest side, freestanding.
#pragma once

#include "cpu.hpp"

namespace {

/// NMI bodies do not nest: one that comes while another runs has that one start over.
enum class NmiState : uint64_t { idle, executing, latched };
NmiState nmi_state = NmiState::idle;

#ifdef DB_MAY_COME_IN_NMI
constexpr bool db_may_come_in_nmi = true;
#else
constexpr bool db_may_come_in_nmi = false;
#endif

/// The address of a page fault that an NMI may have interrupted before it was read. Given back while other NMIs still
/// are kept from the body: the next one keeps what it finds.
class Cr2 {
  public:
    INLINED Cr2() { READ("cr2", kept); }
    INLINED void give_back() {
#ifndef DEFECT_NMI_KEEPS_NO_CR2
        uint64_t now = 0;
        READ("cr2", now);
        if (now != kept) WRITE("cr2", kept);
#endif
    }

  private:
    uint64_t kept = 0;
};

#ifdef VC_ON_IST
extern "C" {
extern const char vc_stack[], vc_stack_top[];
extern uint64_t tss_ist_vc;
}
#endif

/// An NMI's body may raise #VC, and may have interrupted one: then the next one is to begin below what was interrupted.
struct OwnVcStack {
#if defined(VC_ON_IST) && !defined(DEFECT_NMI_SHARES_VC_STACK)
    INLINED explicit OwnVcStack(const gatecrash::abi::Frame* frame) {
        const bool is_there =
            frame->rsp > reinterpret_cast<uint64_t>(vc_stack) && frame->rsp <= reinterpret_cast<uint64_t>(vc_stack_top);
        if (is_there) tss_ist_vc = frame->rsp;
    }
#ifndef DEFECT_NMI_KEEPS_VC_STACK
    INLINED ~OwnVcStack() { tss_ist_vc = found; }
#endif
    uint64_t found = tss_ist_vc;
#else
    INLINED explicit OwnVcStack(const gatecrash::abi::Frame*) {}
#endif
};

}  // namespace
