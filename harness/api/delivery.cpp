#include "gatecrash/delivery.hpp"

#include <fmt/format.h>

#include <ostream>

#include "vm/vectors.hpp"

namespace gatecrash {
std::string to_string(Vector vector) {
    const auto number = static_cast<std::uint8_t>(vector);
    const auto name = vm::mnemonic_of(number);
    return name.empty() ? fmt::format("vector {:#x}", number) : std::string(name);
}

std::string to_string(const Delivery& delivery) {
    auto text = fmt::format("{} at {:#x}, CPL {}", to_string(delivery.vector), delivery.where, delivery.cpl);
    if (delivery.error_code) text += fmt::format(", error code {:#x}", *delivery.error_code);
    return text;
}

std::ostream& operator<<(std::ostream& out, Vector vector) { return out << to_string(vector); }
std::ostream& operator<<(std::ostream& out, const Delivery& delivery) { return out << to_string(delivery); }

}  // namespace gatecrash
