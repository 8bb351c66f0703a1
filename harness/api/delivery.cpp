#include "gatecrash/delivery.hpp"

#include <fmt/format.h>

#include <array>
#include <ostream>

namespace gatecrash {
namespace {

/// The names of exceptions, by vector. Reserved vectors have no name.
constexpr std::array<const char*, GATECRASH_FIRST_IRQ> exception_names{
    "#DE", "#DB", "NMI", "#BP", "#OF", "#BR", "#UD", "#NM", "#DF", "", "#TS", "#NP", "#SS", "#GP", "#PF", "",
    "#MF", "#AC", "#MC", "#XM", "#VE", "#CP", "",    "",    "",    "", "",    "",    "#HV", "#VC", "#SX", ""};

}  // namespace

std::string to_string(Vector vector) {
    const auto number = static_cast<std::uint8_t>(vector);
    const std::string name = number < exception_names.size() ? exception_names.at(number) : "";
    return name.empty() ? fmt::format("vector {:#x}", number) : name;
}

std::string to_string(const Delivery& delivery) {
    auto text = fmt::format("{} at {:#x}, CPL {}", to_string(delivery.vector), delivery.where, delivery.cpl);
    if (delivery.error_code) text += fmt::format(", error code {:#x}", *delivery.error_code);
    return text;
}

std::ostream& operator<<(std::ostream& out, Vector vector) { return out << to_string(vector); }
std::ostream& operator<<(std::ostream& out, const Delivery& delivery) { return out << to_string(delivery); }

}  // namespace gatecrash
