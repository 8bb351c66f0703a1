#include "debug/landings.hpp"

#include <fmt/format.h>

namespace gatecrash::debug {

const sweep::Landing* Landings::due(const vm::SymbolTable& symbols) const {
    const auto* const landing = next();
    return landing != nullptr && is_at(symbols, landing->boundary, here_) ? landing : nullptr;
}

void Landings::note(vm::Event event, const vm::SymbolTable& symbols, bool is_next) {
    auto boundary = sweep::boundary_of(symbols, here_);
    if (!boundary.symbol.empty()) boundary.index.reset();
    landed_.push_back({event, boundary});
    if (is_next) ++next_;
    hits_.restart();
}

std::string Landings::describe(const vm::SymbolTable& symbols, const Pending& pending) const {
    auto text = fmt::format("at {}, CPL {}, stack {}\n", pending.place, pending.cpl, pending.stack);
    if (pending.is_due) {
        text += "the next step delivers an event\n";
    } else {
        auto boundary = sweep::boundary_of(symbols, here_);
        boundary.index.reset();
        text += fmt::format("boundary {}, number {} since {}\n", sweep::to_string(boundary), here_.index,
                            landed_.empty() ? "the window began" : "the last event landed");
    }
    text += fmt::format("NMIs: {}{}\n", pending.masks_nmis ? "masked" : "not masked",
                        pending.has_latched_nmi ? ", one is latched" : "");
    text += fmt::format("interrupts: {}{}{}\n", pending.has_interrupts_on ? "on" : "off",
                        pending.has_shadow ? ", held back by the shadow of the last instruction" : "",
                        pending.has_waiting_irq ? ", one waits" : "");
    text += fmt::format("schedule so far: {}\n", sweep::to_string(sweep::Schedule{schedule_.target, landed_}));
    if (const auto* const landing = next())
        text += fmt::format("still to land: {}:{}\n", sweep::to_string(landing->event),
                            sweep::to_string(landing->boundary));
    return text;
}

}  // namespace gatecrash::debug
