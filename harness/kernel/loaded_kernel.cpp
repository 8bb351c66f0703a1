#include "kernel/loaded_kernel.hpp"

#include <fmt/format.h>

#include <utility>

namespace gatecrash::kernel {

LoadedKernel::LoadedKernel(const kvm::System& system, SavedKernel saved, const std::vector<Poke>& pokes)
    : saved_(std::move(saved)), symbols_(symbol_table(saved_.symbols)), guest_(system, saved_.memory, saved_.cpuid) {
    std::vector<std::byte>().swap(saved_.memory);  // the guest has a copy
    auto devices = std::make_shared<DeviceState>(saved_.devices);
    guest_.set_registers(saved_.cpu, devices);
    for (const auto& [symbol, offset, bytes] : pokes) {
        const auto address = symbols_.find(symbol);
        if (!address) throw ImageError(fmt::format("the kernel has no symbol '{}' to poke at", symbol));
        const vm::Virtual at{number(*address) + offset};
        try {
            guest_.write(at, std::as_bytes(std::span(bytes)));
        } catch (const std::out_of_range& error) {
            throw ImageError(fmt::format("cannot poke at {}: {}", symbols_.name_of(at), error.what()));
        }
    }
    guest_.watch(saved_.head.facts);
    state_ = guest_.save();
}

}  // namespace gatecrash::kernel
