// The reasons for which KVM_RUN returns, as a closed set of types (Documentation/virt/kvm/api.rst, "5. The kvm_run
// structure").
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace gatecrash::kvm {

/// KVM_EXIT_IO. The instruction has not completed: see Vcpu::complete_exit().
struct IoExit {
    bool is_out;
    std::uint8_t size;  ///< bytes per access
    std::uint16_t port;
    std::uint32_t count;  ///< number of accesses, more than one for REP OUTS
    std::uint32_t value;  ///< value of the first access of an OUT; an IN reads all ones
};
/// KVM_EXIT_HLT. RIP is after the HLT.
struct HltExit {};
/// KVM_EXIT_DEBUG: a step or a breakpoint. `pc` is linear.
struct DebugExit {
    std::uint32_t exception;
    std::uint64_t pc, dr6, dr7;
};
/// KVM_EXIT_MMIO: an access outside every memory slot, or a write to a read-only one. `address` is guest-physical. A
/// read gets all ones.
struct MmioExit {
    std::uint64_t address;
    std::array<std::uint8_t, 8> data;
    std::uint32_t size;
    bool is_write;
};
/// KVM_EXIT_IRQ_WINDOW_OPEN: an external interrupt can be injected now.
struct IrqWindowExit {};
/// KVM_EXIT_SHUTDOWN: a triple fault. Registers are undefined on AMD.
struct ShutdownExit {};
/// KVM_EXIT_FAIL_ENTRY: the CPU refused the guest's state.
struct FailEntryExit {
    std::uint64_t reason;
};
/// KVM_EXIT_INTERNAL_ERROR: KVM could not continue.
struct InternalErrorExit {
    std::uint32_t suberror;
    std::vector<std::uint64_t> data;
};
/// KVM_EXIT_SET_TPR: the guest lowered CR8. The instruction is complete. There is no interrupt controller that needs to
/// know.
struct TprExit {};
/// KVM_RUN returned EINTR: a signal, or immediate_exit.
struct InterruptedExit {};
/// KVM_EXIT_EXCEPTION: KVM on Intel's CPUs intercepted an exception that it neither handles nor gives to the guest.
struct ExceptionExit {
    std::uint32_t vector, error;
};
/// Any other exit. This program never asks for one.
struct OtherExit {
    std::uint32_t reason;
};

using Exit = std::variant<IoExit, HltExit, DebugExit, MmioExit, IrqWindowExit, ShutdownExit, FailEntryExit,
                          InternalErrorExit, TprExit, InterruptedExit, ExceptionExit, OtherExit>;

/// Describes an exit in one line for people, such as "KVM_EXIT_IO: out of 1 byte to port 0xd2".
[[nodiscard]] std::string describe(const Exit& exit);

}  // namespace gatecrash::kvm
