#include "kernel/kernel_facts.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "kernel/btf.hpp"

namespace gatecrash::kernel {
namespace {

using vm::Virtual;

/// Tells what to do about a kernel that lacks a symbol.
constexpr const char* symbols_remedy =
    "name a vmlinux or a System.map of this build with --symbols, or build the kernel with CONFIG_KALLSYMS_ALL";

Virtual need(const vm::SymbolTable& symbols, const std::string& name) {
    if (const auto address = symbols.find(name)) return *address;
    throw ImageError(fmt::format("the kernel has no symbol '{}', which a sweep needs: {}", name, symbols_remedy));
}

std::optional<AddressRange> range(const vm::SymbolTable& symbols, const std::string& begin, const std::string& end) {
    const auto from = symbols.find(begin), to = symbols.find(end);
    if (!from || !to || *from >= *to) return std::nullopt;
    return AddressRange{*from, *to};
}

/// Finds room for the catchers: the linker fills up the entry text to a large page.
Virtual find_room(const BootImage& kernel, Virtual entry_text_end) {
    constexpr std::uint64_t alignment = 16, size = catchers_size;
    const Virtual room{(number(entry_text_end) + alignment - 1) & ~(alignment - 1)};
    const auto bytes = kernel.at(room, size);
    const auto is_padding = [](std::byte byte) { return byte == std::byte{0xcc} || byte == std::byte{0x90}; };
    if (bytes.size() != size || !std::ranges::all_of(bytes, is_padding)) {
        throw ImageError(
            fmt::format("{} bytes after the kernel's entry text, at {:#x}, are in use: stepping needs them. Please "
                        "report this kernel's version and configuration",
                        size, number(room)));
    }
    return room;
}

/// Returns the address of a member of the variable `name`, or nothing if the kernel has no such variable or member.
std::optional<Virtual> member(const std::optional<Btf>& types, const vm::SymbolTable& symbols, const std::string& name,
                              std::string_view type, std::string_view path) {
    const auto variable = symbols.find(name);
    const auto offset = variable && types ? types->offset_of(type, path) : std::nullopt;
    return offset ? std::optional(Virtual{number(*variable) + *offset}) : std::nullopt;
}

/// Returns the per-CPU address of a counter of the kernel's interrupt statistics.
std::optional<Virtual> counter(const std::optional<Btf>& types, const vm::SymbolTable& symbols, std::string_view name,
                               std::string_view enumerator) {
    if (const auto own = member(types, symbols, "irq_stat", "irq_cpustat_t", name)) return own;
    // Linux 7.2 made an array of these counters.
    const auto all = member(types, symbols, "irq_stat", "irq_cpustat_t", "counts");
    const auto index = all ? types->value_of(enumerator) : std::nullopt;
    return index ? std::optional(Virtual{number(*all) + *index * sizeof(std::uint32_t)}) : std::nullopt;
}

}  // namespace

KernelFacts find_facts(const BootImage& kernel, const vm::SymbolTable& symbols) {
    KernelFacts facts;
    facts.entry_text = {need(symbols, "__entry_text_start"), need(symbols, "__entry_text_end")};
    facts.without_breakpoints.push_back(facts.entry_text);
    if (const auto text = range(symbols, "__noinstr_text_start", "__noinstr_text_end"))
        facts.without_breakpoints.push_back(*text);
    facts.catchers = find_room(kernel, facts.entry_text.end);
    for (const auto* const name : {"panic", "oops_begin"}) facts.failures.emplace(need(symbols, name), name);
    for (const auto* const name : {"__warn", "__die"}) {
        if (const auto address = symbols.find(name)) facts.failures.emplace(*address, name);
    }
    facts.per_cpu_offset = need(symbols, "__per_cpu_offset");
    std::optional<Btf> types;
    if (const auto section = kernel.section(".BTF"); !section.empty()) types.emplace(section);
    facts.nmi_count = counter(types, symbols, "__nmi_count", "IRQ_COUNT_NMI");
    facts.irq_count = counter(types, symbols, "irq_resched_count", "IRQ_COUNT_RESCHEDULE");
    // Linux 6.2 to 6.14 have these variables in a structure. Up to 6.0, the task stack is in the TSS.
    facts.task_stack = symbols.find("cpu_current_top_of_stack");
    if (!facts.task_stack) facts.task_stack = member(types, symbols, "pcpu_hot", "pcpu_hot", "top_of_stack");
    if (!facts.task_stack) facts.task_stack = member(types, symbols, "cpu_tss_rw", "tss_struct", "x86_tss.sp1");
    facts.irq_stack = symbols.find("hardirq_stack_ptr");
    if (!facts.irq_stack) facts.irq_stack = member(types, symbols, "pcpu_hot", "pcpu_hot", "hardirq_stack_ptr");
    facts.current_task = symbols.find("current_task");
    if (!facts.current_task) facts.current_task = member(types, symbols, "pcpu_hot", "pcpu_hot", "current_task");
    if (types) facts.task_size = types->size_of("task_struct").value_or(0);
    facts.log = find_log(symbols, types);
    // A handler that is always registered. The compiler inlines most other functions on the way.
    if (symbols.find("nmi_cpu_backtrace_handler")) facts.nmi_code = "nmi_cpu_backtrace_handler";
    return facts;
}

}  // namespace gatecrash::kernel
