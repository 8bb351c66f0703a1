#include "kernel/kernel_stacks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "vm/boot/image.hpp"
#include "vm/state/cpu_mode.hpp"
#include "vm/stepping/stepper.hpp"

namespace gatecrash::kernel {
namespace {

/// No stack of Linux is larger: THREAD_SIZE with KASAN.
constexpr std::uint64_t most_bytes = 32 << 10;

// A TSS (SDM volume 3, figures 7-2 and 7-11). One of legacy mode has ESP0 in that place, and no IST.
constexpr std::uint64_t rsp0_offset = 4, ist_offset = 0x24;
constexpr unsigned ists = 7;

struct NamedVector {
    std::uint8_t vector;
    const char* name;
};
/// The exceptions for which Linux has IST stacks.
constexpr std::array named_vectors{NamedVector{GATECRASH_VECTOR_DB, "db"}, NamedVector{GATECRASH_VECTOR_NMI, "nmi"},
                                   NamedVector{GATECRASH_VECTOR_DF, "df"}, NamedVector{GATECRASH_VECTOR_MC, "mc"},
                                   NamedVector{GATECRASH_VECTOR_VC, "vc"}};

}  // namespace

std::string KernelStacks::stack_of(std::uint64_t rsp) {
    if (guest_.is_in_program() || facts_.programs.contains(vm::Virtual{rsp})) return "user";
    auto name = vm::stack_of(stacks_, rsp);
    if (name != "?") return name;
    find();  // the kernel may have gone to another task
    return vm::stack_of(stacks_, rsp);
}

void KernelStacks::find() {
    stacks_.clear();
    const auto& sregs = guest_.cpu().sregs();
    const auto word = [&](std::uint64_t address) {
        return guest_.word_at(vm::Virtual{address}, vm::frame_word(sregs)).value_or(0);
    };
    if (sregs.tr.selector != 0) add("entry", word(sregs.tr.base + rsp0_offset));
    if (sregs.tr.selector != 0 && vm::is_long_mode(sregs)) find_ists();
    const auto per_cpu = word(number(facts_.per_cpu_offset));
    if (facts_.task_stack) add("task", word(per_cpu + number(*facts_.task_stack)));
    // Linux keeps the last word of the interrupts' stack for the stack to go back to.
    if (facts_.irq_stack) add("irq", word(per_cpu + number(*facts_.irq_stack)) + 8);
    std::ranges::sort(stacks_, {}, &abi::Stack::high);
}

void KernelStacks::find_ists() {
    const auto& sregs = guest_.cpu().sregs();
    std::array<std::string, ists + 1> names;
    for (unsigned ist = 1; ist <= ists; ++ist) names.at(ist) = fmt::format("ist{}", ist);
    for (const auto& [vector, name] : named_vectors) {
        std::array<std::byte, vm::max_gate_size> gate{};
        (void)guest_.read(vm::Virtual{sregs.idt.base + vector * vm::max_gate_size}, gate);
        names.at(vm::decode_gate(gate).ist) = name;
    }
    for (unsigned ist = 1; ist <= ists; ++ist) {
        const vm::Virtual slot{sregs.tr.base + ist_offset + (ist - 1) * 8};
        add(names.at(ist), guest_.word_at(slot).value_or(0));
    }
}

/// Adds the stack that ends at `top`. It has the pages before that, up to one that is not mapped or is the GDT's, which
/// Linux has before the entry stack.
void KernelStacks::add(const std::string& name, std::uint64_t top) {
    const auto gdt = vm::page_of(vm::Virtual{guest_.cpu().sregs().gdt.base});
    const auto is_usable = [&](vm::Virtual page) { return page != gdt && guest_.translate(page).has_value(); };
    if (top == 0 || facts_.programs.contains(vm::Virtual{top})) return;
    auto low = number(vm::page_of(vm::Virtual{top - 1})) + vm::page_size;
    while (low + most_bytes > top && is_usable(vm::Virtual{low - vm::page_size})) low -= vm::page_size;
    if (low >= top) return;
    abi::Stack stack{{}, low, top};
    name.copy(stack.name, sizeof stack.name - 1);
    stacks_.push_back(stack);
}

}  // namespace gatecrash::kernel
