#include "kernel/memory_names.hpp"

#include <fmt/format.h>

#include <string_view>

namespace gatecrash::kernel {
namespace {

constexpr std::string_view task_name = "task_struct", physical_name = "physical";

}  // namespace

MemoryNames::MemoryNames(KernelGuest& guest, const KernelFacts& facts, const vm::SymbolTable& symbols)
    : symbols_(symbols) {
    // `shift` leads from the addresses of symbols to those of the data.
    const auto add = [&](std::optional<vm::Virtual> begin, std::optional<vm::Virtual> end, std::uint64_t shift,
                         bool is_task = false) {
        if (!begin || !end || *begin >= *end) return;
        if (const auto at = guest.translate(vm::Virtual{number(*begin) + shift}))
            pieces_.push_back({{*begin, *end}, *at, is_task});
    };
    const auto per_cpu = guest.word_at(facts.per_cpu_offset).value_or(0);
    add(symbols.find("__per_cpu_start"), symbols.find("__per_cpu_end"), per_cpu);
    add(symbols.find("_text"), symbols.find("_end"), 0);
    if (!facts.current_task) return;
    const auto task = guest.word_at(vm::Virtual{number(*facts.current_task) + per_cpu}).value_or(0);
    add(vm::Virtual{0}, vm::Virtual{facts.task_size}, task, true);
}

std::string MemoryNames::name_of(vm::Physical word) const {
    for (const auto& [range, at, is_task] : pieces_) {
        const auto offset = number(word) - number(at);
        if (offset >= number(range.end) - number(range.begin)) continue;
        if (is_task) return fmt::format("{}+{:#x}", task_name, offset);
        return symbols_.name_of(vm::Virtual{number(range.begin) + offset});
    }
    return fmt::format("{}+{:#x}", physical_name, number(word));
}

std::string MemoryNames::describe(const WordChange& change) const {
    constexpr unsigned half = 32;
    auto [at, now, then] = change;
    if (((now ^ then) & 0xffffffff) == 0) {
        at = vm::Physical{number(at) + sizeof(std::uint32_t)};
        now >>= half;
        then >>= half;
    }
    return fmt::format("{} is {:#x}, and should be {:#x}", name_of(at), now, then);
}

bool MemoryNames::has(const std::string& name) const {
    const auto owner = name.substr(0, name.find('+'));
    return owner == task_name || owner == physical_name || symbols_.find(owner).has_value();
}

}  // namespace gatecrash::kernel
