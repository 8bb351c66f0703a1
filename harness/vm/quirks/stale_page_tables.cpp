#include "vm/quirks/stale_page_tables.hpp"

#include <cstdint>
#include <fstream>

namespace gatecrash::vm::quirks {

bool has_nested_paging(const std::filesystem::path& modules) {
    for (const char* parameter : {"kvm_amd/parameters/npt", "kvm_intel/parameters/ept"}) {
        char value = 'N';
        if (std::ifstream(modules / parameter) >> value && (value == 'Y' || value == '1')) return true;
    }
    return false;
}

void forget_page_tables(kvm::Vm& vm, std::span<std::byte> page) {
    constexpr std::uint32_t spare_slot = 7;
    constexpr std::uint64_t above_all_memory = std::uint64_t{1} << 32;
    for (const auto memory : {page, std::span<std::byte>()})
        vm.set_memory_slot(spare_slot, above_all_memory, memory, kvm::Access::read_write);
}

}  // namespace gatecrash::vm::quirks
