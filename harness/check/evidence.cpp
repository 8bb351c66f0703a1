#include "check/evidence.hpp"

#include "check/decoder.hpp"
#include "vm/instruction.hpp"

namespace gatecrash::check {
namespace {

/// Returns the function or label around an address.
std::string symbol_of(const CodeFile& file, std::uint64_t address) {
    const auto name = file.name_of(address);
    return name.substr(0, name.find('+'));
}

}  // namespace

std::string_view to_string(Evidence evidence) {
    switch (evidence) {
        case Evidence::reached:
            return "reached";
        case Evidence::confirmed:
            return "confirmed";
        case Evidence::not_reached:
            break;
    }
    return "not reached";
}

Evidence evidence_for(const Finding& finding, const CodeFile& file, const RunRecord& record) {
    if (!record.executed.contains(vm::Virtual{finding.address})) return Evidence::not_reached;
    const auto decoded =
        Decoder(file.bits).decode(file.at(finding.address, vm::Instruction::max_length), finding.address);
    // A conditional jump may not have been taken.
    const bool is_certain = decoded && decoded->flow != Flow::conditional_jump;
    return is_certain && text_of(finding.rule).is_of_instruction ? Evidence::confirmed : Evidence::reached;
}

std::vector<Unreached> unreached_of(const std::vector<std::uint64_t>& instructions, const CodeFile& file,
                                    const RunRecord& record) {
    std::vector<Unreached> all;
    std::string symbol;
    bool goes_on = false;  // the instruction before was not executed, either
    for (const auto address : instructions) {
        if (record.executed.contains(vm::Virtual{address})) {
            goes_on = false;
            continue;
        }
        auto now = symbol_of(file, address);
        if (!goes_on || now != symbol) all.push_back({address, 0});
        ++all.back().instructions;
        symbol = std::move(now);
        goes_on = true;
    }
    return all;
}

}  // namespace gatecrash::check
