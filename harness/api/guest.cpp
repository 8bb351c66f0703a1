#include "gatecrash/guest.hpp"

#include <fmt/format.h>

#include <stdexcept>
#include <utility>

#include "api/access.hpp"
#include "api/guest_code_impl.hpp"
#include "api/kvm_impl.hpp"
#include "vm/guest.hpp"
#include "vm/run_patiently.hpp"
#include "vm/stepping/stepper.hpp"
#include "vm/stepping/walker.hpp"
#include "vm/vectors.hpp"

namespace gatecrash {
namespace {

Delivery delivery_of(const vm::Record& record) {
    const auto vector = static_cast<std::uint8_t>(record.vector);
    Delivery delivery{Vector{vector}, record.rip, static_cast<unsigned>(record.cs & 3), {}};
    if (vm::pushes_error_code(vector)) delivery.error_code = static_cast<std::uint32_t>(record.error);
    return delivery;
}

std::string describe_all(const Deliveries& deliveries) {
    std::string text = deliveries.empty() ? "nothing was delivered\n" : "delivered:\n";
    for (const auto& delivery : deliveries) text += "  " + to_string(delivery) + "\n";
    return text;
}

}  // namespace

struct Guest::Impl {
    Impl(const kvm::System& system, const vm::Image& image)
        : guest(system, image), stepper(vm::make_stop_byte_stepper(guest)) {}

    vm::Guest guest;
    std::unique_ptr<vm::Stepper> stepper;
};

Guest::Guest(const Kvm& kvm, GuestCode& code) {
    const auto& image = code.impl_->image();
    try {
        impl_ = std::make_unique<Impl>(kvm.impl_->system, image);
    } catch (const kvm::Error& error) {
        throw for_users(error);
    }
}

Guest::~Guest() = default;

Outcome Guest::run() {
    // A trap springs on one instruction, so that instruction must be stepped.
    if (impl_->guest.has_trap()) {
        if (const auto stepped = step(); stepped.end) return *stepped.end;
    }
    return vm::run_patiently(impl_->guest);
}

Guest& Guest::run_to(Doorbell bell) {
    const auto outcome = run();
    if (outcome == Outcome{bell}) return *this;
    const auto delivered = deliveries();
    auto what = fmt::format("the guest did not reach {}: {}\n{}", describe(Outcome{bell}), describe(outcome),
                            describe_all(delivered));
    if (delivered.size() == max_records) what += "no more deliveries can be recorded\n";
    throw UnexpectedOutcome(what + dump(), outcome);
}

Step Guest::step() {
    vm::Walker walker(impl_->guest, *impl_->stepper);
    const auto step = walker.step();
    Step result{step.end, {}};
    if (step.delivered) result.delivered = Vector{*step.delivered};
    return result;
}

std::optional<std::string> Guest::why_not(const Event& event) {
    // The recording handler of such a vector pops an error code, but an interrupt pushes none.
    if (event.kind == Event::Kind::irq && event.vector < GATECRASH_FIRST_IRQ) {
        return "the handlers of a GuestCode are for interrupts of vector 32 and above";
    }
    if (impl_->guest.can_land(event)) return std::nullopt;
    return std::string(vm::why_not(event));
}

void Guest::land(const Event& event) {
    if (const auto reason = why_not(event)) {
        throw CannotLand(fmt::format("{} cannot land at {:#x}: {}", to_string(Vector{event.vector}), rip(), *reason));
    }
    impl_->guest.land(event);
}

Deliveries Guest::deliveries() const {
    Deliveries deliveries;
    for (const auto& record : vm::Recorder::records(impl_->guest.memory(), max_records)) {
        deliveries.push_back(delivery_of(record));
    }
    return deliveries;
}

std::vector<DeliveryRecord> Guest::records() const {
    std::vector<DeliveryRecord> records;
    for (const auto& record : vm::Recorder::records(impl_->guest.memory(), max_records)) {
        records.push_back({delivery_of(record), record.cs, record.rflags, record.rsp, record.ss, record.frame,
                           record.cr2, record.dr6});
    }
    return records;
}

kvm_regs Guest::registers() { return impl_->guest.cpu().regs(); }
void Guest::set_registers(const kvm_regs& registers) { impl_->guest.cpu().set_regs(registers); }
kvm_sregs Guest::special_registers() { return impl_->guest.cpu().sregs(); }
kvm_vcpu_events Guest::events() { return impl_->guest.cpu().events(); }
unsigned Guest::cpl() { return impl_->guest.cpl(); }

void Guest::read(std::uint64_t address, std::span<std::byte> to) const {
    const auto& memory = std::as_const(impl_->guest).memory();
    if (!memory.read(Virtual{address}, to)) throw std::out_of_range(fmt::format("{:#x} is not mapped", address));
}

void Guest::write(std::uint64_t address, std::span<const std::byte> from) {
    if (!impl_->guest.memory().write(Virtual{address}, from)) {
        throw std::out_of_range(fmt::format("{:#x} is not mapped", address));
    }
}

Snapshot Guest::snapshot() { return Snapshot(std::make_shared<const vm::Snapshot>(impl_->guest.snapshot())); }

void Guest::restore(const Snapshot& snapshot) { impl_->guest.restore(*snapshot.state_); }

vm::Guest& guest_of(Guest& guest) { return guest.impl_->guest; }

std::string Guest::dump() { return impl_->guest.dump(); }

}  // namespace gatecrash
