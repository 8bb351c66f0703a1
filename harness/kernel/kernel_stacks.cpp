#include "kernel/kernel_stacks.hpp"

#include <fmt/format.h>

#include <cstdint>
#include <optional>

namespace gatecrash::kernel {
namespace {

// The 64-bit TSS (SDM volume 3, 8.7).
constexpr std::uint64_t tss_rsp0 = 4, tss_ist1 = 0x24;
constexpr unsigned ists = 7;

}  // namespace

std::vector<KernelStack> find_stacks(KernelGuest& guest, const KernelFacts& facts) {
    std::vector<KernelStack> stacks;
    // Guard pages are below most stacks. A stack has at most `pages`. The kernel leaves up to 16 bytes at the top.
    const auto add = [&](const std::string& name, vm::Virtual pointer, std::uint64_t pages) {
        const auto top = (guest.word_at(pointer).value_or(0) + vm::page_size - 1) & ~(vm::page_size - 1);
        auto bottom = top;
        while (top != 0 && top - bottom < pages * vm::page_size && guest.translate(vm::Virtual{bottom - vm::page_size}))
            bottom -= vm::page_size;
        if (bottom != top) stacks.push_back({name, {vm::Virtual{bottom}, vm::Virtual{top}}});
    };
    const auto at_offset = [](std::uint64_t base, std::uint64_t offset) { return vm::Virtual{base + offset}; };
    constexpr std::uint64_t entry_pages = 1, most_pages = 4;  // THREAD_SIZE of a kernel without KASAN
    const auto tss = guest.cpu().sregs().tr.base;
    add("entry stack", at_offset(tss, tss_rsp0), entry_pages);
    for (unsigned ist = 0; ist < ists; ++ist)
        add(fmt::format("IST {}", ist + 1), at_offset(tss, tss_ist1 + ist * sizeof(std::uint64_t)), most_pages);
    const auto per_cpu = guest.word_at(facts.per_cpu_offset).value_or(0);
    if (facts.task_stack) add("task stack", at_offset(per_cpu, number(*facts.task_stack)), most_pages);
    if (facts.interrupt_stack) add("interrupt stack", at_offset(per_cpu, number(*facts.interrupt_stack)), most_pages);
    return stacks;
}

}  // namespace gatecrash::kernel
