#include "vm/outcome.hpp"

#include <fmt/format.h>

#include "gatecrash/abi.h"

namespace gatecrash::vm {
namespace {

const char* doorbell_name(std::uint16_t port) {
    switch (port) {
        case GATECRASH_PORT_BEGIN:
            return "BEGIN";
        case GATECRASH_PORT_BEGIN_NMI:
            return "BEGIN_NMI";
        case GATECRASH_PORT_BEGIN_ROUND_TRIP:
            return "BEGIN_ROUND_TRIP";
        case GATECRASH_PORT_END:
            return "END";
        case GATECRASH_PORT_DONE:
            return "DONE";
        case GATECRASH_PORT_FATAL:
            return "FATAL";
        default:
            return "unknown";
    }
}

struct Describe {
    std::string operator()(const Doorbell& d) const { return fmt::format("doorbell {}", doorbell_name(d.port)); }
    std::string operator()(const Halted&) const { return "HLT"; }
    std::string operator()(const TripleFault&) const { return "triple fault"; }
    std::string operator()(const BadAccess& b) const {
        return fmt::format("{} guest-physical {:#x}",
                           b.is_write ? "write to read-only or absent memory at" : "read of absent memory at",
                           number(b.address));
    }
    std::string operator()(const BadPort& b) const { return fmt::format("access to port {:#x}", b.port); }
    std::string operator()(const BadUse&) const {
        return "KVM stopped with an emulation error: code or a stack is in read-only or absent memory";
    }
    std::string operator()(const NestedDebugException&) const {
        return "each delivery of #DB meets a watchpoint and causes the next #DB, so KVM stopped";
    }
    std::string operator()(const StillRunning&) const { return "still running"; }
};

}  // namespace

std::string describe(const Outcome& outcome) { return std::visit(Describe{}, outcome); }

}  // namespace gatecrash::vm
