#include "debug/guest_debuggee.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "vm/stepping/walker.hpp"

namespace gatecrash::debug {

struct GuestDebuggee::GuestMoment : Moment {
    GuestMoment(vm::Snapshot snapshot, Landings landings, bool is_begin)
        : snapshot(std::move(snapshot)), landings(std::move(landings)), is_begin(is_begin) {}

    vm::Snapshot snapshot;
    Landings landings;
    bool is_begin;  ///< the window's opening event lands on it
};

class GuestDebuggee::GuestStepping : public Stepping {
  public:
    explicit GuestStepping(GuestDebuggee& of) : of_(of), walker_(of.guest_, *of.stepper_) {}

    std::optional<std::string> step() override {
        of_.is_at_begin_ = false;
        const auto step = walker_.step();
        of_.end_ = step.end;
        if (!step.end) return std::nullopt;
        return fmt::format("{} at {}", describe(*step.end), of_.symbols().name_of(of_.guest_.rip()));
    }

  private:
    GuestDebuggee& of_;
    vm::Walker walker_;
};

GuestDebuggee::GuestDebuggee(vm::Guest& guest, const sweep::Schedule& schedule, vm::StepperKind stepper)
    : guest_(guest), kind_(stepper), landings_(schedule) {
    guest_.expect_watchpoints();  // the user may land one
    stepper_ = vm::make_stepper(stepper, guest_);
    while (next_window()) {
        const auto at_begin = landings_;
        std::string news;
        if (!schedule.landings.empty()) {
            const auto stepping = begin_steps();
            for (news = arrive(); landings_.landed() == 0 && news.empty();) {
                if (stepping->step()) break;
                news = arrive();
            }
        }
        const bool is_here = schedule.landings.empty() || landings_.landed() != 0;
        if (!is_here && !news.empty()) throw sweep::ScheduleError(news);
        if (is_here) {
            landings_ = at_begin;
            open();
            return;
        }
        if (end_ != vm::Outcome{vm::Doorbell{GATECRASH_PORT_END}}) break;
    }
    const auto* const missed = landings_.next();
    throw sweep::ScheduleError(missed == nullptr
                                   ? "the guest has no window"
                                   : fmt::format("the run never reaches {}", sweep::to_string(missed->boundary)));
}

/// Goes to the next window. False if there is none.
bool GuestDebuggee::next_window() {
    window_ = sweep::next_window(guest_);
    if (window_) open();
    return window_.has_value();
}

void GuestDebuggee::open() {
    guest_.memory().repair_page_tables();
    sweep::open_window(guest_, *window_);
    is_at_begin_ = true;
}

Registers GuestDebuggee::registers() { return {guest_.cpu().regs(), guest_.cpu().sregs(), guest_.kernel_gs_base()}; }

void GuestDebuggee::set_registers(const Registers& registers) {
    guest_.set_sregs(registers.special);
    guest_.cpu().set_regs(registers.general);
    auto msrs = guest_.msrs();
    msrs.kernel_gs_base = registers.kernel_gs_base;
    guest_.set_msrs(msrs);
}

std::size_t GuestDebuggee::read(vm::Virtual address, std::span<std::byte> to) {
    std::size_t size = 0;
    while (size < to.size()) {
        const vm::Virtual from{number(address) + size};
        const auto left_in_page = vm::page_size - number(from) % vm::page_size;
        const auto piece = std::min<std::size_t>(to.size() - size, left_in_page);
        if (!guest_.memory().read(from, to.subspan(size, piece))) break;
        size += piece;
    }
    return size;
}

bool GuestDebuggee::write(vm::Virtual address, std::span<const std::byte> bytes) {
    // The harness knows the code from the image, and snapshots do not hold what no guest can write.
    const auto* const segment = guest_.image().segment_at(address);
    if (segment == nullptr || !segment->writable) return false;
    if (bytes.empty()) return true;
    const vm::Virtual last{number(address) + bytes.size() - 1};
    return guest_.image().segment_at(last) == segment && guest_.memory().write(address, bytes);
}

std::unique_ptr<Debuggee::Stepping> GuestDebuggee::begin_steps() { return std::make_unique<GuestStepping>(*this); }

std::unique_ptr<Debuggee::Moment> GuestDebuggee::save(const Moment* earlier) {
    if (is_at_begin_) return std::make_unique<GuestMoment>(window_->begin, landings_, true);
    if (is_delivering()) return nullptr;  // snapshots do not hold a trap
    const auto* const base = earlier == nullptr ? nullptr : &static_cast<const GuestMoment*>(earlier)->snapshot;
    return std::make_unique<GuestMoment>(guest_.snapshot(base), landings_, false);
}

void GuestDebuggee::restore(const Moment& moment) {
    const auto& [snapshot, landings, is_begin] = static_cast<const GuestMoment&>(moment);
    landings_ = landings;
    if (is_begin) return open();
    guest_.memory().repair_page_tables();
    guest_.restore(snapshot);
    is_at_begin_ = false;
}

std::string GuestDebuggee::arrive() {
    std::string news;
    while (!is_delivering()) {
        landings_.reach(guest_.rip());
        const auto* const landing = landings_.due(symbols());
        if (landing == nullptr) break;
        const auto [event, boundary] = *landing;
        if (!guest_.can_land(event)) {
            news += fmt::format("{} cannot occur at {}: {}\n", sweep::to_string(event), sweep::to_string(boundary),
                                vm::why_not(event));
            landings_.skip();
            break;
        }
        news += fmt::format("{} lands at {}{}\n", sweep::to_string(event), symbols().name_of(guest_.rip()),
                            guest_.can_deliver(event) ? "" : " (latched: it cannot be delivered yet)");
        landings_.note(event, symbols(), true);
        guest_.land(event);
    }
    return news;
}

void GuestDebuggee::land(const std::string& text) {
    const auto address_of = [this](const std::string&, const std::string& symbol) {
        const auto found = symbols().find(symbol);
        if (!found) throw sweep::ScheduleError(fmt::format("the guest has no symbol '{}'", symbol));
        return number(*found);
    };
    const auto events = sweep::parse_events(text, landings_.schedule().target, address_of);
    if (events.size() != 1) throw sweep::ScheduleError("name one event: monitor land nmi");
    const auto event = events.front();
    if (vm::arms_watchpoint(event) && kind_ != vm::StepperKind::stop_bytes)
        throw sweep::ScheduleError("only stop bytes can follow a watchpoint: run `gatecrash gdb --stepper stop-bytes`");
    if (is_delivering())
        throw sweep::ScheduleError("the next step delivers an event, and only then can another one land: use stepi");
    if (!guest_.can_land(event))
        throw sweep::ScheduleError(
            fmt::format("{} cannot occur here: {}", sweep::to_string(event), vm::why_not(event)));
    landings_.note(event, symbols(), false);
    guest_.land(event);
    if (!is_delivering()) landings_.reach(guest_.rip());
}

std::string GuestDebuggee::describe_boundary() {
    const auto& events = guest_.cpu().events();
    const auto& regs = guest_.cpu().regs();
    return landings_.describe(symbols(), {.masks_nmis = events.nmi.masked != 0,
                                          .has_latched_nmi = guest_.has_latched_nmi(),
                                          .has_interrupts_on = (regs.rflags & vm::rflags_if) != 0,
                                          .has_shadow = events.interrupt.shadow != 0,
                                          .has_waiting_irq = guest_.has_latched_irq(),
                                          .is_due = is_delivering(),
                                          .cpl = guest_.cpl(),
                                          .place = symbols().name_of(guest_.rip()),
                                          .stack = guest_.image().stack_of(number(guest_.stack_pointer()))});
}

}  // namespace gatecrash::debug
