#include "kernel/place_window.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "kernel/end_memory.hpp"

namespace gatecrash::kernel {

std::optional<vm::Event> PlaceWindow::begin() {
    auto& guest = kernel_.guest;
    const auto where = [&] { return kernel_.symbols.name_of(guest.rip()); };
    if (const auto stop = guest.run_patiently(); !is_end(stop)) {
        throw ImageError(
            fmt::format("the image never arrives at the end of the window: it {}, at {}. Name code that it executes in "
                        "kernel mode after the beginning",
                        describe(stop), where()));
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
