#include "sweep/code_places.hpp"

#include "sweep/boundary.hpp"
#include "vm/disassembly.hpp"

namespace gatecrash::sweep {

std::vector<MapPlace> code_places(std::span<const vm::ProtectedCode::Range> ranges, const vm::SymbolTable& symbols,
                                  vm::CodeSize size, const CodeAt& code_at) {
    std::vector<MapPlace> places;
    std::size_t kept = 0;  // how many of them come before a gap
    const auto drop_gap = [&] { places.resize(kept); };
    for (const auto& [begin, end] : ranges) {
        for (auto at = begin; at < end;) {
            const auto code = code_at(at);
            const auto instruction = vm::decode(code, at, size);
            if (!instruction) break;
            const auto boundary = boundary_of(symbols, {.rip = at});
            if (boundary.offset == 0) drop_gap();
            places.push_back({at, boundary.symbol, boundary.offset});
            const auto text = vm::disassemble(code, at, size);
            if (!text.starts_with("nop") && !text.starts_with("int3")) kept = places.size();
            at = vm::Virtual{vm::number(at) + instruction->length};
        }
        drop_gap();
    }
    return places;
}

}  // namespace gatecrash::sweep
