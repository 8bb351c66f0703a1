// Tells facts about vectors (SDM volume 3, table 6-1; APM volume 2, table 8-1).
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>

#include "gatecrash/abi.h"

namespace gatecrash::vm {

/// True if the CPU pushes an error code for that vector.
[[nodiscard]] constexpr bool pushes_error_code(unsigned vector) {
    constexpr std::array with_code{8, 10, 11, 12, 13, 14, 17, 21, 29, 30};
    return std::ranges::find(with_code, static_cast<int>(vector)) != with_code.end();
}

/// True if an instruction raises `vector`, so that one delivery cannot stand for two.
[[nodiscard]] constexpr bool is_exception(unsigned vector) {
    return vector < GATECRASH_FIRST_IRQ && vector != GATECRASH_VECTOR_NMI && vector != GATECRASH_VECTOR_HV;
}

/// Returns the mnemonic of an exception, such as "#PF", or "NMI". Empty for a reserved vector, and for an interrupt.
[[nodiscard]] constexpr std::string_view mnemonic_of(unsigned vector) {
    constexpr std::array<std::string_view, GATECRASH_FIRST_IRQ> mnemonics{
        "#DE", "#DB", "NMI", "#BP", "#OF", "#BR", "#UD", "#NM", "#DF", "", "#TS", "#NP", "#SS", "#GP", "#PF", "",
        "#MF", "#AC", "#MC", "#XM", "#VE", "#CP", "",    "",    "",    "", "",    "",    "#HV", "#VC", "#SX", ""};
    return vector < mnemonics.size() ? mnemonics[vector] : "";
}

}  // namespace gatecrash::vm
