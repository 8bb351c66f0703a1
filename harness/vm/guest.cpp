#include "vm/guest.hpp"

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "kvm/error.hpp"
#include "vm/boot/boot_registers.hpp"
#include "vm/kvm_bugs.hpp"
#include "vm/quirks/leftover_breakpoints.hpp"
#include "vm/quirks/new_pages.hpp"
#include "vm/quirks/nmi_mask.hpp"
#include "vm/quirks/tss_type.hpp"
#include "vm/state/cpu_mode.hpp"
#include "vm/state/debug_registers.hpp"
#include "vm/watchdog.hpp"

namespace gatecrash::vm {
namespace {

/// True if the guest caused the error. KVM emulates an instruction only if the CPU cannot execute it, because it uses
/// memory outside writable slots. If KVM cannot emulate it, or cannot push an event there, it reports an internal error
/// (api.rst, KVM_EXIT_INTERNAL_ERROR).
bool is_guests_doing(const kvm::InternalErrorExit& error) {
    return error.suberror == KVM_INTERNAL_ERROR_EMULATION || error.suberror == KVM_INTERNAL_ERROR_DELIVERY_EV;
}

/// True if KVM for Intel stopped because the delivery of a #DB raised another one. KVM reports what was being delivered
/// and what that raised (Linux, handle_exception_nmi()).
bool is_nested_debug_exception(const kvm::InternalErrorExit& error) {
    const auto is_debug_exception = [](std::uint64_t info) { return (info & 0xff) == GATECRASH_VECTOR_DB; };
    return error.suberror == KVM_INTERNAL_ERROR_SIMUL_EX && error.data.size() > 1 &&
           is_debug_exception(error.data[0]) && is_debug_exception(error.data[1]);
}

}  // namespace

Guest::Guest(const kvm::System& system, Image image, quirks::Repairs repairs)
    : Guest(std::make_unique<VirtualMachine>(system, repairs), nullptr, std::move(image)) {}

Guest::Guest(VirtualMachine& virtual_machine, Image image) : Guest(nullptr, &virtual_machine, std::move(image)) {}

Guest::Guest(std::unique_ptr<VirtualMachine> own, VirtualMachine* others, Image image)
    : image_((check_image(image), std::move(image))),
      memory_(image_),
      own_(std::move(own)),
      machine_(own_ ? *own_ : *others),
      vm_(machine_.vm()),
      cpu_(machine_.cpu()),
      msrs_(cpu_) {
    if (others != nullptr) others->reset();
    try {
        memory_.attach(vm_);
        memory_.watch(cpu_);
        learn_image();
        reset_debug_registers_ = cpu_.debug_registers();
        set_up_cpu();
        quirks::use_pages(*this);  // on this guest's page tables, and in its registers
        set_up_cpu();
        watchdog_ = std::make_unique<Watchdog>(cpu_);
    } catch (...) {
        if (!own_) detach();  // before memory_ is destroyed
        throw;
    }
}

void Guest::learn_image() {
    abilities_ = abilities_of(image_);
    declared_ = declarations_of(image_, memory_);
    msrs_.expect(abilities_.writes_msrs, abilities_.swaps_gs, abilities_.loads_cr4);
}

Guest::~Guest() {
    try {
        machine_.drop_nmi();
        quirks::disarm_breakpoints(*this);
        quirks::unmask_nmis(*this);
        if (own_) return;
        // Nothing of this guest may be left for the next one.
        stale_trap_.drop(*this);
        unfinished_out_.complete(*this);
    } catch (const std::exception&) {  // KVM reported the failure before
    }
    if (!own_) detach();
}

void Guest::detach() noexcept {
    try {
        memory_.detach(vm_);
    } catch (const std::exception&) {
    }
}

void Guest::execute(std::span<const std::byte> code, const kvm_regs& regs) {
    stale_trap_.drop(*this);
    harness_code_.execute(code, regs);
    msrs_.doubt();  // an event that nobody expected would have run the guest's handler
}

void Guest::boot_again(Image image, const Snapshot& booted) {
    restore(booted);
    msrs_.flush();
    cpu_.set_debug_registers(reset_debug_registers_);
    for (const auto& segment : image.segments) {
        if (segment.writable || segment.bytes.empty()) continue;  // restored above, or another segment has the bytes
        auto bytes = segment.bytes;
        bytes.resize(segment.size);
        if (!memory_.write(segment.address, bytes)) throw std::invalid_argument(image.name + ": other segments");
    }
    image_ = std::move(image);
    decoded_.clear();
    learn_image();
    msrs_.forget();
}

void Guest::set_up_cpu() {
    boot_sregs_ = boot_sregs(image_, memory_.page_table_root(), cpu_.sregs());
    set_sregs(boot_sregs_);
    cpu_.set_regs(boot_regs(image_));
}

std::array<std::byte, Instruction::max_length> Guest::text_at(Virtual address) const {
    std::array<std::byte, Instruction::max_length> bytes{};
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        const Virtual where{number(address) + i};
        const auto* segment = image_.segment_at(where);
        if (segment == nullptr) break;
        const auto offset = number(where) - number(segment->address);
        if (offset < segment->bytes.size()) bytes.at(i) = segment->bytes[offset];
    }
    return bytes;
}

std::vector<std::byte> Guest::free_text_of(const Segment& segment) const {
    if (recorder_) return recorder_->text_of(segment);
    auto bytes = segment.bytes;
    bytes.resize(segment.size);
    return bytes;
}

std::optional<Instruction> Guest::next_instruction() {
    const auto address = rip();
    const auto decode_here = [&](CodeSize size) {
        const auto* segment = image_.segment_at(address);
        const bool is_code = segment != nullptr && segment->executable;
        return is_code ? decode(text_at(address), address, size) : std::nullopt;
    };
    const auto size = code_size(cpu_.sregs().cs);
    if (size != (image_.is_64_bit() ? CodeSize::bits64 : CodeSize::bits32)) return decode_here(size);
    const auto [entry, is_new] = decoded_.try_emplace(number(address));
    if (is_new) entry->second = decode_here(size);
    return entry->second;
}

Virtual Guest::stack_pointer() {
    const auto rsp = cpu_.regs().rsp;
    if (image_.is_64_bit()) return Virtual{rsp};
    return linear_stack_pointer(cpu_.sregs().ss, rsp);
}

bool Guest::delivery_due() {
    const auto& events = cpu_.events();
    return (events.nmi.pending != 0 && can_deliver(Event::nmi())) || (latched_irq_ && can_deliver(Event::irq())) ||
           events.nmi.injected != 0 || events.interrupt.injected != 0 || events.exception.injected != 0;
}

bool Guest::can_land(const Event& event, const AtBoundary& at) const {
    const auto& row = row_of(event);
    if (row.delivery == Delivery::at_once && !row.is_deliverable(event, at.regs, at.events)) return false;
    return row.can_land(*this, event, at);
}

void Guest::land(Event event) { row_of(event).land(*this, event); }

void Guest::raise_debug_exception(std::uint64_t dr6_bits) {
    if (abilities_.uses_debug_registers) {
        auto registers = cpu_.debug_registers();
        registers.dr6 |= dr6_bits;
        cpu_.set_debug_registers(registers);
    }
    inject(GATECRASH_VECTOR_DB, std::nullopt);
}

std::uint64_t Guest::breakpoints_met(const kvm::DebugExit& exit) {
    constexpr std::uint64_t any = 0xf;
    return (exit.dr6 & any) == 0 ? 0 : enabled_breakpoints(exit.dr6, debug_registers().dr7);
}

void Guest::give_back_breakpoint(const kvm::DebugExit& exit) {
    if (const auto met = breakpoints_met(exit); met != 0) raise_debug_exception(met);
}

void Guest::spring_trap() {
    has_trap_ = false;
    raise_debug_exception(dr6_b0);
}

void Guest::shut_down_by(const kvm_x86_mce& error) {
    msrs_.flush();
    cpu_.machine_check(error);
    msrs_.forget();
}

void Guest::raise_fault(std::uint8_t vector, std::optional<std::uint32_t> error_code) {
    auto regs = cpu_.regs();
    regs.rflags |= rflags_rf;
    cpu_.set_regs(regs);
    inject(vector, error_code);
}

void Guest::inject(std::uint8_t vector, std::optional<std::uint32_t> error_code) {
    auto events = cpu_.events();
    events.exception.injected = 1;
    events.exception.nr = vector;
    events.exception.has_error_code = error_code ? 1 : 0;
    events.exception.error_code = error_code.value_or(0);
    cpu_.set_events(events);
}

/// Sets the vector's in-service bit if the guest declares such bits, as a local APIC does when the CPU takes an
/// interrupt.
void Guest::put_in_service(std::uint8_t vector) {
    if (!declared_.interrupts_in_service) return;
    const Virtual byte{number(*declared_.interrupts_in_service) + vector / 8};
    const auto before = memory_.read<std::uint8_t>(byte).value_or(0);
    const auto now = static_cast<std::uint8_t>(before | 1U << vector % 8);
    if (!memory_.write(byte, std::as_bytes(std::span(&now, 1)))) {
        throw MachineFault("this guest's symbol interrupts_in_service is not mapped");
    }
}

void Guest::deliver_latched_irq() {
    if (!latched_irq_) return;
    auto events = cpu_.events();
    // KVM delivers an injected interrupt at once: before an NMI, and even if IF is clear. So this function injects it
    // only when it is the next event.
    const bool nmi_first = events.nmi.injected != 0 || (events.nmi.pending != 0 && can_deliver(Event::nmi()));
    if (nmi_first || events.exception.injected != 0 || !can_deliver(Event::irq())) return;
    const auto vector = *std::exchange(latched_irq_, std::nullopt);
    // Has the effect of KVM_INTERRUPT without the ioctl, since KVM_RUN takes in these events.
    events.interrupt.injected = 1;
    events.interrupt.nr = vector;
    events.interrupt.soft = 0;
    cpu_.set_events(events);
    put_in_service(vector);
}

kvm::Exit Guest::run_once(bool irq_window) {
    if (!cpu_.is_stepping()) stale_trap_.drop(*this);
    deliver_latched_irq();
    unfinished_out_.forget(*this);
    msrs_.flush();
    is_memory_saved_ = false;
    msrs_.doubt();
    watchdog_->begin_run();
    auto exit = cpu_.run(irq_window && latched_irq_.has_value());
    watchdog_->end_run();
    machine_.new_pages().look();
    // After a shutdown KVM for AMD resets the vCPU with its MSRs (Linux, shutdown_interception()).
    if (std::holds_alternative<kvm::ShutdownExit>(exit)) msrs_.forget();
    stale_trap_.note(*this, exit);
    if (const auto* refused = std::get_if<kvm::FailEntryExit>(&exit)) {
        throw RefusedEntry(kvm::describe(exit) + known_cause(exit, cpu_.regs(), cpu_.events()) + "\n" + dump(),
                           refused->reason);
    }
    const auto* error = std::get_if<kvm::InternalErrorExit>(&exit);
    if ((error != nullptr && !is_guests_doing(*error) && !is_nested_debug_exception(*error)) ||
        std::holds_alternative<kvm::ExceptionExit>(exit) || std::holds_alternative<kvm::OtherExit>(exit)) {
        throw MachineFault(kvm::describe(exit) + known_cause(exit, cpu_.regs(), cpu_.events()) + "\n" + dump());
    }
    return exit;
}

std::optional<Outcome> Guest::outcome_of(const kvm::Exit& exit) {
    if (const auto* io = std::get_if<kvm::IoExit>(&exit)) {
        const bool doorbell =
            unfinished_out_.finish(*this, *io) && io->port >= GATECRASH_PORT_FIRST && io->port <= GATECRASH_PORT_LAST;
        if (!doorbell) return BadPort{io->port};
        if ((cpu_.regs().rflags & rflags_tf) != 0) raise_debug_exception(dr6_bs);
        return Doorbell{io->port};
    }
    if (const auto* mmio = std::get_if<kvm::MmioExit>(&exit)) {
        cpu_.complete_exit();
        return BadAccess{Physical{mmio->address}, mmio->is_write};
    }
    if (std::holds_alternative<kvm::HltExit>(exit)) return Halted{};
    if (const auto* error = std::get_if<kvm::InternalErrorExit>(&exit)) {
        if (is_nested_debug_exception(*error)) return NestedDebugException{};
        return BadUse{};
    }
    if (std::holds_alternative<kvm::ShutdownExit>(exit)) return TripleFault{};
    if (std::holds_alternative<kvm::InterruptedExit>(exit) && watchdog_->fired()) return StillRunning{};
    return std::nullopt;
}

kvm_debugregs Guest::debug_registers() {
    return abilities_.uses_debug_registers ? cpu_.debug_registers() : reset_debug_registers_;
}

Outcome Guest::run() {
    for (;;) {
        const auto exit = run_once(true);
        const auto meeting = recorder_ ? recorder_->meet(exit) : CodeRecorder::Meeting::nothing;
        if (meeting == CodeRecorder::Meeting::passed) continue;
        if (meeting == CodeRecorder::Meeting::stopped) return Halted{};
        if (auto outcome = outcome_of(exit)) return *outcome;
        if (std::holds_alternative<kvm::DebugExit>(exit)) {
            throw MachineFault("a debug exit from a free run: " + kvm::describe(exit) + "\n" + dump());
        }
    }
}

void Guest::expect_runs_of(std::chrono::microseconds usual) {
    using std::chrono::microseconds;
    // The watchdog waits for three ticks, many times the duration of a run on an idle host. Shorter ticks would cost
    // more thread switches.
    constexpr microseconds shortest(2000), longest(7000);
    watchdog_->set_tick(std::clamp(usual * 4, shortest, longest));
}

Snapshot Guest::snapshot(const Snapshot* base) {
    const bool same_pages = base != nullptr && is_memory_saved_ && base->number == last_snapshot_ &&
                            writes_at_snapshot_ == memory_.writes();
    Snapshot snapshot{cpu_.regs(),
                      cpu_.sregs(),
                      cpu_.events(),
                      debug_registers(),
                      msrs(),
                      latched_irq_,
                      same_pages ? base->pages : memory_.save(base == nullptr ? nullptr : &base->pages),
                      ++last_snapshot_};
    is_memory_saved_ = true;
    writes_at_snapshot_ = memory_.writes();
    snapshot.sregs.idt = guest_idt();
    snapshot.sregs.tr.type = quirks::busy_tss;
    return snapshot;
}

void Guest::restore(const Snapshot& snapshot) {
    machine_.drop_nmi();  // before any code runs, which the NMI would interrupt
    quirks::disarm_breakpoints(*this);
    if (snapshot.events.nmi.masked == 0) quirks::unmask_nmis(*this);
    memory_.restore(snapshot.pages);
    is_memory_saved_ = false;
    set_msrs(snapshot.msrs);
    if (abilities_.uses_debug_registers) cpu_.set_debug_registers(snapshot.debug_registers);
    set_sregs(snapshot.sregs);
    cpu_.set_regs(snapshot.regs);
    auto events = snapshot.events;
    events.flags = cpu_.events().flags | KVM_VCPUEVENT_VALID_NMI_PENDING | KVM_VCPUEVENT_VALID_SHADOW;
    cpu_.set_events(events);
    latched_irq_ = snapshot.latched_irq;
    has_trap_ = false;
    overridden_idt_.reset();
}

void Guest::set_sregs(kvm_sregs sregs) {
    // KVM for AMD always reports a busy TSS. If the guest cannot have changed TR, its type is still the one that was
    // set last.
    auto same = sregs;
    same.tr.type = cpu_.sregs().tr.type;
    if (!abilities_.changes_task_register && std::memcmp(&same, &cpu_.sregs(), sizeof same) == 0) return;
    sregs.tr.type = quirks::tss_type(vendor_);
    cpu_.set_sregs(sregs);
}

kvm_dtable Guest::guest_idt() { return overridden_idt_.value_or(cpu_.sregs().idt); }

void Guest::override_idt(kvm_dtable idt) {
    auto sregs = cpu_.sregs();
    if (!overridden_idt_ || sregs.idt.base != idt.base) overridden_idt_ = sregs.idt;
    sregs.idt = idt;
    set_sregs(sregs);
}

void Guest::restore_idt() {
    if (!overridden_idt_) return;
    auto sregs = cpu_.sregs();
    sregs.idt = *std::exchange(overridden_idt_, std::nullopt);
    set_sregs(sregs);
}

}  // namespace gatecrash::vm
