#include "kernel/loaded_kernel.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "kernel/symbols.hpp"

namespace gatecrash::kernel {

LoadedKernel::LoadedKernel(const kvm::System& system, const std::string& file, const std::vector<Poke>& pokes,
                           const std::vector<vm::Virtual>& exits)
    : saved_(file),
      symbols_([this] { return named(saved_.symbols()); }),
      guest_(system, saved_),
      facts_(saved_.head().facts) {
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
    for (const auto exit : exits) {
        const auto instruction = guest_.instruction_at(exit);
        if (!instruction || !instruction->target) continue;
        const auto stays = [&](const auto& range) { return range.contains(*instruction->target); };
        if (std::ranges::none_of(facts_.without_breakpoints, stays)) facts_.exits.emplace(exit, *instruction->target);
    }
    guest_.watch(facts_);
    state_ = guest_.save();
}

}  // namespace gatecrash::kernel
