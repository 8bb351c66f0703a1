#include "kernel/loaded_kernel.hpp"

#include <fmt/format.h>

#include <memory>

#include "kernel/symbols.hpp"

namespace gatecrash::kernel {

LoadedKernel::LoadedKernel(const kvm::System& system, const std::string& file, const std::vector<Poke>& pokes)
    : saved_(file), symbols_([this] { return named(saved_.symbols()); }), guest_(system, saved_) {
    guest_.set_registers(saved_.cpu(), std::make_shared<DeviceState>(saved_.devices()));
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
    guest_.watch(saved_.head().facts);
    state_ = guest_.save();
}

}  // namespace gatecrash::kernel
