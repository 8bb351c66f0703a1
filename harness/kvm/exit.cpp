#include "kvm/exit.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace gatecrash::kvm {
namespace {

struct Describe {
    std::string operator()(const IoExit& e) const {
        return fmt::format("KVM_EXIT_IO: {} of {} byte{} port {:#x}", e.is_out ? "out" : "in", e.size,
                           e.is_out ? " to" : " from", e.port);
    }
    std::string operator()(const HltExit&) const { return "KVM_EXIT_HLT"; }
    std::string operator()(const DebugExit& e) const {
        return fmt::format("KVM_EXIT_DEBUG: exception {} at {:#x}, DR6 {:#x}, DR7 {:#x}", e.exception, e.pc, e.dr6,
                           e.dr7);
    }
    std::string operator()(const MmioExit& e) const {
        return fmt::format("KVM_EXIT_MMIO: {} of {} bytes at guest-physical {:#x}", e.is_write ? "write" : "read",
                           e.size, e.address);
    }
    std::string operator()(const IrqWindowExit&) const { return "KVM_EXIT_IRQ_WINDOW_OPEN"; }
    std::string operator()(const ShutdownExit&) const { return "KVM_EXIT_SHUTDOWN (triple fault)"; }
    std::string operator()(const FailEntryExit& e) const {
        return fmt::format("KVM_EXIT_FAIL_ENTRY: hardware reason {:#x}", e.reason);
    }
    std::string operator()(const InternalErrorExit& e) const {
        return fmt::format("KVM_EXIT_INTERNAL_ERROR: suberror {}, data [{:#x}]", e.suberror, fmt::join(e.data, ", "));
    }
    std::string operator()(const TprExit&) const { return "KVM_EXIT_SET_TPR"; }
    std::string operator()(const InterruptedExit&) const { return "KVM_RUN was interrupted"; }
    std::string operator()(const ExceptionExit& e) const {
        return fmt::format("KVM_EXIT_EXCEPTION: vector {}, error code {:#x}", e.vector, e.error);
    }
    std::string operator()(const OtherExit& e) const { return fmt::format("KVM exit reason {}", e.reason); }
};

}  // namespace

std::string describe(const Exit& exit) { return std::visit(Describe{}, exit); }

}  // namespace gatecrash::kvm
