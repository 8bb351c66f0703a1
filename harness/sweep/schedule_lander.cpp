#include "sweep/schedule_lander.hpp"

#include <fmt/format.h>

namespace gatecrash::sweep {

using vm::Guest;
using vm::Virtual;

bool ScheduleLander::is_wanted(const vm::SymbolTable& symbols, const Reached& here) const {
    const auto& wanted = (*schedule_)[next_].boundary;
    if (wanted.index) return here.index == *wanted.index;
    return here.hit == wanted.hit && symbols.has(wanted.symbol, Virtual{number(here.rip) - wanted.offset});
}

std::optional<vm::Event> ScheduleLander::operator()(Guest& guest) {
    const auto here = hits_.reach(guest.rip());
    if (next_ == schedule_->size()) return std::nullopt;
    if (!is_wanted(guest.image().symbols, here)) return std::nullopt;
    const auto& [event, wanted] = (*schedule_)[next_];
    if (!guest.can_land(event)) {
        throw ScheduleError(
            fmt::format("{} cannot occur at {}: {}", to_string(event), to_string(wanted), vm::why_not(event)));
    }
    hits_.restart();
    ++next_;
    return event;
}

}  // namespace gatecrash::sweep
