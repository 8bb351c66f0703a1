#include "debug/kernel_debuggee.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "kernel/kernel_landing.hpp"
#include "kernel/kernel_walk.hpp"
#include "vm/landing/event_kind.hpp"
#include "vm/state/cpu_mode.hpp"
#include "vm/state/registers.hpp"

namespace gatecrash::debug {

struct KernelDebuggee::KernelMoment : Moment {
    KernelMoment(kernel::KernelState state, Progress progress)
        : state(std::move(state)), progress(std::move(progress)) {}
    explicit KernelMoment(Progress progress) : progress(std::move(progress)) {}

    std::optional<kernel::KernelState> state;  ///< empty: the beginning of the window
    Progress progress;
};

class KernelDebuggee::KernelStepping : public Stepping {
  public:
    explicit KernelStepping(KernelDebuggee& of)
        : of_(of),
          walk_(std::in_place, of.kernel_.guest, of.kernel_.facts, of.subject_.text(), of.progress_.calls,
                of.progress_.handles_db) {}
    ~KernelStepping() override {
        const bool has_flag = of_.has_flag_;
        walk_.reset();
        of_.has_flag_ = false;
        if (!has_flag) return;
        try {
            auto regs = of_.kernel_.guest.cpu().regs();
            regs.rflags |= vm::rflags_tf;
            of_.kernel_.guest.cpu().set_regs(regs);
        } catch (const std::exception&) {
            // KVM has failed, and the next call reports the same.
        }
    }
    KernelStepping(const KernelStepping&) = delete;
    KernelStepping& operator=(const KernelStepping&) = delete;

    std::optional<std::string> step() override {
        of_.is_at_begin_ = false;
        const auto step = walk_->step();
        auto& progress = of_.progress_;
        progress.calls = walk_->calls();
        progress.handles_db = walk_->handles_db();
        of_.has_flag_ = walk_->has_flag();
        if (step.delivered) progress.waits.reset();
        if (!step.end) return std::nullopt;
        return fmt::format("the kernel {} at {}", describe(*step.end), of_.place());
    }

  private:
    KernelDebuggee& of_;
    std::optional<kernel::KernelWalk> walk_;
};

KernelDebuggee::KernelDebuggee(kernel::KernelSubject& subject, const kernel::WaitingKernel& kernel,
                               const sweep::Schedule& schedule)
    : subject_(subject),
      kernel_(kernel),
      stacks_(kernel.guest, kernel.facts),
      progress_{Landings(schedule)},
      is_64_bit_(vm::is_long_mode(kernel.guest.cpu().sregs())) {
    for (const auto& [event, boundary] : schedule.landings) {
        if (!boundary.index && !kernel_.symbols.find(boundary.symbol))
            throw sweep::ScheduleError("the kernel has no symbol " + boundary.symbol);
    }
    (void)subject_.find_window();
}

Registers KernelDebuggee::registers() {
    auto& guest = kernel_.guest;
    return {guest.cpu().regs(), guest.cpu().sregs(), guest.msrs().kernel_gs_base};
}

void KernelDebuggee::set_registers(const Registers& registers) {
    auto& guest = kernel_.guest;
    guest.cpu().set_sregs(registers.special);
    guest.cpu().set_regs(registers.general);
    auto msrs = guest.msrs();
    msrs.kernel_gs_base = registers.kernel_gs_base;
    guest.set_msrs(msrs);
}

std::size_t KernelDebuggee::read(vm::Virtual address, std::span<std::byte> to) {
    return kernel_.guest.read_own_code(address, to);
}

bool KernelDebuggee::write(vm::Virtual address, std::span<const std::byte> bytes) {
    // The harness gives back the code under its stops, whatever stands there.
    if (kernel_.guest.has_stop_in(address, bytes.size())) return false;
    try {
        kernel_.guest.patch(address, bytes);
        return true;
    } catch (const std::out_of_range&) {
        return false;
    }
}

std::unique_ptr<Debuggee::Stepping> KernelDebuggee::begin_steps() { return std::make_unique<KernelStepping>(*this); }

std::unique_ptr<Debuggee::Moment> KernelDebuggee::save(const Moment* earlier) {
    if (is_at_begin_) return std::make_unique<KernelMoment>(progress_);
    if (progress_.waits) return nullptr;
    const auto* const base = static_cast<const KernelMoment*>(earlier);
    const auto* const state = base != nullptr && base->state ? &*base->state : &kernel_.state;
    auto saved = kernel_.guest.save(state);
    if (has_flag_) saved.cpu.regs.rflags |= vm::rflags_tf;
    return std::make_unique<KernelMoment>(std::move(saved), progress_);
}

void KernelDebuggee::restore(const Moment& moment) {
    const auto& [state, progress] = static_cast<const KernelMoment&>(moment);
    progress_ = progress;
    kernel_.guest.doubt_devices();
    is_at_begin_ = !state;
    if (state) return kernel_.guest.restore(*state);
    subject_.open();
}

bool KernelDebuggee::is_in_text() {
    const auto& text = subject_.text();
    return text.empty() || std::ranges::any_of(text, [&](const auto& range) { return range.contains(rip()); });
}

std::string KernelDebuggee::arrive() {
    if (progress_.waits || !is_in_text()) return {};
    auto& landings = progress_.landings;
    landings.reach(rip());
    const auto* const landing = landings.due(kernel_.symbols);
    if (landing == nullptr) return {};
    const auto [event, boundary] = *landing;
    if (!subject_.can_land_now(event, progress_.handles_db)) {
        landings.skip();
        return fmt::format("{} cannot occur at {}\n", sweep::to_string(event), sweep::to_string(boundary));
    }
    land_here(event, true);
    return fmt::format("{} lands at {}\n", sweep::to_string(event), kernel_.symbols.name_of(rip()));
}

void KernelDebuggee::land_here(vm::Event event, bool is_next) {
    kernel::land(kernel_.guest, kernel_.facts, event);
    progress_.landings.note(event, kernel_.symbols, is_next);
    progress_.waits = event;
}

void KernelDebuggee::land(const std::string& text) {
    const auto events = sweep::parse_events(text);
    if (events.size() != 1) throw sweep::ScheduleError("name one event: monitor land nmi");
    const auto event = events.front();
    if (!kernel::lands_on_kernels(event)) throw sweep::ScheduleError("nmi, irq and db can land on a kernel");
    if (progress_.waits) throw sweep::ScheduleError("the event that has landed is not delivered yet: use stepi");
    if (!is_in_text()) throw sweep::ScheduleError("this code runs freely: events land only in the ranges of --window");
    if (!subject_.can_land_now(event, progress_.handles_db))
        throw sweep::ScheduleError(fmt::format("{} cannot occur here", sweep::to_string(event)));
    land_here(event, false);
}

/// Returns the name of the present address. Per-CPU symbols have the addresses of programs.
std::string KernelDebuggee::place() {
    if (kernel_.facts.programs.contains(rip())) return fmt::format("{:#x}", number(rip()));
    return kernel_.symbols.name_of(rip());
}

std::string KernelDebuggee::describe_boundary() {
    auto& guest = kernel_.guest;
    const auto& events = guest.cpu().events();
    const auto& regs = guest.cpu().regs();
    const bool is_due = progress_.waits && vm::can_deliver(regs, events, *progress_.waits);
    return progress_.landings.describe(kernel_.symbols, {.masks_nmis = events.nmi.masked != 0,
                                                         .has_latched_nmi = events.nmi.pending != 0,
                                                         .has_interrupts_on = (regs.rflags & vm::rflags_if) != 0,
                                                         .has_shadow = events.interrupt.shadow != 0,
                                                         .has_waiting_irq = kernel::has_interrupt(guest.interrupts()),
                                                         .is_due = is_due,
                                                         .cpl = guest.cpl(),
                                                         .place = place(),
                                                         .stack = stacks_.stack_of(number(guest.stack_pointer()))});
}

}  // namespace gatecrash::debug
