#pragma once

#include <cstdint>

namespace gatecrash::vm {

/// A guest-physical address, in bytes.
enum class Physical : std::uint64_t {};
/// A guest-virtual (linear) address, in bytes.
enum class Virtual : std::uint64_t {};

constexpr std::uint64_t page_size = 4096;

template <typename Address>
constexpr std::uint64_t number(Address address) {
    return static_cast<std::uint64_t>(address);
}
template <typename Address>
constexpr Address page_of(Address address) {
    return Address{number(address) & ~(page_size - 1)};
}
template <typename Address>
constexpr std::uint64_t offset_in_page(Address address) {
    return number(address) & (page_size - 1);
}

}  // namespace gatecrash::vm

namespace gatecrash {

using vm::Physical, vm::Virtual;

}  // namespace gatecrash
