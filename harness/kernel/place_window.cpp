#include "kernel/place_window.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "kernel/end_memory.hpp"
#include "vm/instruction.hpp"
#include "vm/state/cpu_mode.hpp"

namespace gatecrash::kernel {

void check_mode(KernelGuest& guest, const char* verb) {
    const auto& sregs = guest.cpu().sregs();
    const auto refuse = [&](const std::string& where) {
        throw ImageError(
            fmt::format("the window {} in {}: gatecrash sweeps kernel code of 32 or 64 bits. Name a place in such code",
                        verb, where));
    };
    if ((guest.cpu().regs().rflags & vm::rflags_vm) != 0) refuse("virtual-8086 mode");
    if (vm::code_size(sregs.cs) == vm::CodeSize::bits16) refuse("16-bit code");
    if (guest.cpl() != 0) refuse("user mode");
    if (guest.rip() != vm::Virtual{guest.cpu().regs().rip} ||
        guest.stack_pointer() != vm::Virtual{guest.cpu().regs().rsp})
        refuse("a segment with a base");
}

std::optional<vm::Event> PlaceWindow::begin() {
    auto& guest = kernel_.guest;
    const auto begin = guest.cpu().sregs();
    const auto where = [&] { return kernel_.symbols.name_of(guest.rip()); };
    if (const auto stop = guest.run_patiently(); !is_end(stop)) {
        throw ImageError(
            fmt::format("the image never arrives at the end of the window: it {}, at {}. Name code that it executes in "
                        "kernel mode after the beginning",
                        describe(stop), where()));
    }
    check_mode(guest, "ends");
    const auto& end = guest.cpu().sregs();
    if (vm::is_long_mode(begin) != vm::is_long_mode(end)) {
        throw ImageError(
            "the window begins before the image switches to 64-bit mode, and ends after that: name two places in the "
            "same mode");
    }
    if (begin.idt.base != end.idt.base || begin.idt.limit != end.idt.limit) {
        throw ImageError(
            "the image loads an IDT inside the window, and gatecrash follows one IDT: name a beginning after the LIDT");
    }
    if (guest.cpu().events().nmi.masked != 0) {
        throw ImageError(
            "NMIs are masked at the end of the window, so an NMI that arrives last would not be handled there: name an "
            "end after the IRET");
    }
    end_ = run_on();
    output_ = guest.output();
    const bool is_halted = end_ == Stop{Ended{std::string(halted_for_ever)}};
    if (!std::holds_alternative<Exited>(end_) && !is_halted) {
        throw ImageError(
            fmt::format("after the window the image {}, at {}. A sweep needs an image that ends without its timer, by "
                        "writing to its exit port or by HLT with interrupts off",
                        describe(end_), where()));
    }
    guest.restore(kernel_.state);
    return std::nullopt;
}

std::unique_ptr<EndMemory> PlaceWindow::end_memory(const WindowRun&) const { return nullptr; }

Stop PlaceWindow::run_on() {
    kernel_.guest.leave_stop();
    return kernel_.guest.run_patiently();
}

std::optional<sweep::Violation> PlaceWindow::judge(const Stop& stop) const {
    using sweep::Invariant;
    auto& guest = kernel_.guest;
    if (const auto* const failing = std::get_if<Failing>(&stop))
        return sweep::Violation{Invariant::no_unexpected_vector,
                                fmt::format("after the window, the image called {}()", failing->function)};
    if (stop != end_) {
        return sweep::Violation{Invariant::no_unexpected_vector,
                                fmt::format("after the window, the image {} at {}; without events it {}",
                                            describe(stop), kernel_.symbols.name_of(guest.rip()), describe(end_))};
    }
    const auto& output = guest.output();
    if (output == output_) return std::nullopt;
    const auto differs = std::ranges::mismatch(output, output_).in1 - output.begin();
    return sweep::Violation{
        Invariant::round_trip,
        fmt::format("the image's output differs from the run without events, from byte {} on", differs)};
}

}  // namespace gatecrash::kernel
