#include "debug/registers.hpp"

#include <fmt/format.h>

#include <array>
#include <cstddef>

#include "debug/packet.hpp"

namespace gatecrash::debug {
namespace {

// --- where a register is ---------------------------------------------------------------------------------------------

template <auto member>
constexpr Register general(std::string_view name, unsigned size, std::string_view type) {
    return {name, size, type, [](const Registers& from) -> std::uint64_t { return from.general.*member; },
            [](Registers& to, std::uint64_t value) { to.general.*member = value; }};
}

template <auto segment>
constexpr Register selector(std::string_view name) {
    return {
        name, 4, "int32", [](const Registers& from) -> std::uint64_t { return (from.special.*segment).selector; },
        [](Registers& to, std::uint64_t value) { (to.special.*segment).selector = static_cast<std::uint16_t>(value); }};
}

/// The base of a segment, or of a descriptor table.
template <auto owner>
constexpr Register base(std::string_view name, unsigned size) {
    return {name, size, size == 8 ? "int64" : "int32",
            [](const Registers& from) -> std::uint64_t { return (from.special.*owner).base; },
            [](Registers& to, std::uint64_t value) { (to.special.*owner).base = value; }};
}

template <auto member>
constexpr Register control(std::string_view name, unsigned size, std::string_view type) {
    return {name, size, type, [](const Registers& from) -> std::uint64_t { return from.special.*member; },
            [](Registers& to, std::uint64_t value) { to.special.*member = value; }};
}

// --- the names of bits -----------------------------------------------------------------------------------------------

struct Bit {
    std::string_view name;
    unsigned number;
};
struct Flags {
    std::string_view type;
    unsigned size;
    std::vector<Bit> bits;
};

/// SDM volume 1, 3.4.3; volume 3, 2.5 and 2.2.1.
const std::vector<Flags>& flags() {
    static const std::vector<Flags> all{
        {"eflags",
         4,
         {{"CF", 0},
          {"PF", 2},
          {"AF", 4},
          {"ZF", 6},
          {"SF", 7},
          {"TF", 8},
          {"IF", 9},
          {"DF", 10},
          {"OF", 11},
          {"NT", 14},
          {"RF", 16},
          {"VM", 17},
          {"AC", 18},
          {"VIF", 19},
          {"VIP", 20},
          {"ID", 21}}},
        {"cr0",
         8,
         {{"PE", 0},
          {"MP", 1},
          {"EM", 2},
          {"TS", 3},
          {"ET", 4},
          {"NE", 5},
          {"WP", 16},
          {"AM", 18},
          {"NW", 29},
          {"CD", 30},
          {"PG", 31}}},
        {"cr4", 8, {{"VME", 0},         {"PVI", 1},   {"TSD", 2},   {"DE", 3},        {"PSE", 4},
                    {"PAE", 5},         {"MCE", 6},   {"PGE", 7},   {"PCE", 8},       {"OSFXSR", 9},
                    {"OSXMMEXCPT", 10}, {"UMIP", 11}, {"LA57", 12}, {"FSGSBASE", 16}, {"PCIDE", 17},
                    {"OSXSAVE", 18},    {"SMEP", 20}, {"SMAP", 21}, {"PKE", 22},      {"CET", 23}}},
        {"efer", 8, {{"SCE", 0}, {"LME", 8}, {"LMA", 10}, {"NXE", 11}}},
    };
    return all;
}

// --- the registers ---------------------------------------------------------------------------------------------------

/// Returns the core registers that `shown` leaves out. gdb needs a floating-point unit, and guests use none.
Feature core_of(std::vector<Register> shown) {
    constexpr std::array stack{"st0", "st1", "st2", "st3", "st4", "st5", "st6", "st7"};
    constexpr std::array rest{"fctrl", "fstat", "ftag", "fiseg", "fioff", "foseg", "fooff", "fop"};
    constexpr unsigned extended = 10;
    for (const auto* name : stack) shown.push_back({name, extended, "i387_ext"});
    for (const auto* name : rest) shown.push_back({name, 4, "int"});
    return {"org.gnu.gdb.i386.core", std::move(shown)};
}

std::vector<Register> segments() {
    return {selector<&kvm_sregs::cs>("cs"), selector<&kvm_sregs::ss>("ss"), selector<&kvm_sregs::ds>("ds"),
            selector<&kvm_sregs::es>("es"), selector<&kvm_sregs::fs>("fs"), selector<&kvm_sregs::gs>("gs")};
}

std::vector<Register> controls(unsigned size) {
    return {control<&kvm_sregs::cr0>("cr0", 8, "cr0"),   control<&kvm_sregs::cr2>("cr2", 8, "int64"),
            control<&kvm_sregs::cr3>("cr3", 8, "int64"), control<&kvm_sregs::cr4>("cr4", 8, "cr4"),
            control<&kvm_sregs::cr8>("cr8", 8, "int64"), control<&kvm_sregs::efer>("efer", 8, "efer"),
            base<&kvm_sregs::gdt>("gdt_base", size),     base<&kvm_sregs::idt>("idt_base", size),
            base<&kvm_sregs::ldt>("ldt_base", size),     base<&kvm_sregs::tr>("tr_base", size)};
}

std::vector<Feature> features_64() {
    std::vector<Register> core{
        general<&kvm_regs::rax>("rax", 8, "int64"),    general<&kvm_regs::rbx>("rbx", 8, "int64"),
        general<&kvm_regs::rcx>("rcx", 8, "int64"),    general<&kvm_regs::rdx>("rdx", 8, "int64"),
        general<&kvm_regs::rsi>("rsi", 8, "int64"),    general<&kvm_regs::rdi>("rdi", 8, "int64"),
        general<&kvm_regs::rbp>("rbp", 8, "data_ptr"), general<&kvm_regs::rsp>("rsp", 8, "data_ptr"),
        general<&kvm_regs::r8>("r8", 8, "int64"),      general<&kvm_regs::r9>("r9", 8, "int64"),
        general<&kvm_regs::r10>("r10", 8, "int64"),    general<&kvm_regs::r11>("r11", 8, "int64"),
        general<&kvm_regs::r12>("r12", 8, "int64"),    general<&kvm_regs::r13>("r13", 8, "int64"),
        general<&kvm_regs::r14>("r14", 8, "int64"),    general<&kvm_regs::r15>("r15", 8, "int64"),
        general<&kvm_regs::rip>("rip", 8, "code_ptr"), general<&kvm_regs::rflags>("eflags", 4, "eflags")};
    for (const auto& segment : segments()) core.push_back(segment);
    auto system = controls(8);
    system.push_back({"k_gs_base", 8, "int64", [](const Registers& from) { return from.kernel_gs_base; },
                      [](Registers& to, std::uint64_t value) { to.kernel_gs_base = value; }});
    return {core_of(std::move(core)),
            {"org.gnu.gdb.i386.segments", {base<&kvm_sregs::fs>("fs_base", 8), base<&kvm_sregs::gs>("gs_base", 8)}},
            {"gatecrash.system", std::move(system)}};
}

std::vector<Feature> features_32() {
    std::vector<Register> core{
        general<&kvm_regs::rax>("eax", 4, "int32"),    general<&kvm_regs::rcx>("ecx", 4, "int32"),
        general<&kvm_regs::rdx>("edx", 4, "int32"),    general<&kvm_regs::rbx>("ebx", 4, "int32"),
        general<&kvm_regs::rsp>("esp", 4, "data_ptr"), general<&kvm_regs::rbp>("ebp", 4, "data_ptr"),
        general<&kvm_regs::rsi>("esi", 4, "int32"),    general<&kvm_regs::rdi>("edi", 4, "int32"),
        general<&kvm_regs::rip>("eip", 4, "code_ptr"), general<&kvm_regs::rflags>("eflags", 4, "eflags")};
    for (const auto& segment : segments()) core.push_back(segment);
    auto system = controls(4);
    for (const auto& segment : {base<&kvm_sregs::fs>("fs_base", 4), base<&kvm_sregs::gs>("gs_base", 4)})
        system.push_back(segment);
    return {core_of(std::move(core)), {"gatecrash.system", std::move(system)}};
}

std::string describe(std::string_view architecture, const std::vector<Feature>& features) {
    auto text = fmt::format(
        "<?xml version=\"1.0\"?>\n<!DOCTYPE target SYSTEM \"gdb-target.dtd\">\n<target>\n"
        "<architecture>{}</architecture>\n",
        architecture);
    for (const auto& feature : features) {
        text += fmt::format("<feature name=\"{}\">\n", feature.name);
        for (const auto& [type, size, bits] : flags()) {
            text += fmt::format("<flags id=\"{}\" size=\"{}\">\n", type, size);
            for (const auto& [name, number] : bits)
                text += fmt::format("<field name=\"{}\" start=\"{}\" end=\"{}\"/>\n", name, number, number);
            text += "</flags>\n";
        }
        for (const auto& [name, size, type, get, set] : feature.registers)
            text += fmt::format("<reg name=\"{}\" bitsize=\"{}\" type=\"{}\"/>\n", name, 8 * size, type);
        text += "</feature>\n";
    }
    return text + "</target>\n";
}

}  // namespace

RegisterSet::RegisterSet(std::string_view architecture, const std::vector<Feature>& features)
    : description_(describe(architecture, features)) {
    for (const auto& feature : features)
        registers_.insert(registers_.end(), feature.registers.begin(), feature.registers.end());
}

const RegisterSet& RegisterSet::of(bool is_64_bit) {
    static const RegisterSet long_mode("i386:x86-64", features_64()), legacy_mode("i386", features_32());
    return is_64_bit ? long_mode : legacy_mode;
}

std::string RegisterSet::read(const Registers& registers, std::size_t number) const {
    const auto& info = registers_.at(number);
    if (info.get == nullptr) return std::string(2 * std::size_t{info.size}, 'x');
    const auto value = info.get(registers);
    return to_hex(std::as_bytes(std::span(&value, 1)).first(info.size));
}

std::string RegisterSet::read_all(const Registers& registers) const {
    std::string digits;
    for (std::size_t number = 0; number < size(); ++number) digits += read(registers, number);
    return digits;
}

bool RegisterSet::write(Registers& registers, std::size_t number, std::string_view digits) const {
    if (number >= size()) return false;
    const auto& info = registers_[number];
    const auto bytes = from_hex(digits);
    if (info.set == nullptr || !bytes || bytes->size() != info.size) return false;
    std::uint64_t value = 0;
    bytes->copy(reinterpret_cast<char*>(&value), bytes->size());
    info.set(registers, value);
    return true;
}

bool RegisterSet::write_all(Registers& registers, std::string_view digits) const {
    for (std::size_t number = 0; number < size(); ++number) {
        const auto length = 2 * std::size_t{registers_[number].size};
        if (digits.size() < length) return false;
        if (registers_[number].set != nullptr && !write(registers, number, digits.substr(0, length))) return false;
        digits.remove_prefix(length);
    }
    return digits.empty();
}

}  // namespace gatecrash::debug
