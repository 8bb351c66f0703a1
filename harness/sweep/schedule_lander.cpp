#include "sweep/schedule_lander.hpp"

#include <fmt/format.h>

namespace gatecrash::sweep {

using vm::Guest;

std::optional<vm::Event> ScheduleLander::operator()(Guest& guest) {
    const auto here = hits_.reach(guest.rip());
    if (next_ == schedule_->size()) return std::nullopt;
    const auto& [event, wanted] = (*schedule_)[next_];
    if (!is_at(guest.image().symbols, wanted, here)) return std::nullopt;
    if (!guest.can_land(event)) {
        throw ScheduleError(
            fmt::format("{} cannot occur at {}: {}", to_string(event), to_string(wanted), vm::why_not(event)));
    }
    hits_.restart();
    ++next_;
    return event;
}

}  // namespace gatecrash::sweep
