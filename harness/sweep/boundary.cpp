#include "sweep/boundary.hpp"

namespace gatecrash::sweep {

Boundary boundary_of(const vm::SymbolTable& symbols, const Reached& reached) {
    Boundary boundary;
    const auto name = symbols.name_of(reached.rip);
    const auto plus = name.find('+');
    // Below all symbols, the name is a number, which would read as an index.
    if (!name.starts_with("0x")) boundary.symbol = name.substr(0, plus);
    if (plus != std::string::npos) boundary.offset = std::stoull(name.substr(plus + 1), nullptr, 16);
    boundary.hit = reached.hit;
    boundary.index = reached.index;
    return boundary;
}

bool is_at(const vm::SymbolTable& symbols, const Boundary& boundary, const Reached& reached) {
    if (boundary.index) return reached.index == *boundary.index;
    return reached.hit == boundary.hit &&
           symbols.has(boundary.symbol, vm::Virtual{number(reached.rip) - boundary.offset});
}

}  // namespace gatecrash::sweep
