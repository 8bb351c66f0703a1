#include "kernel/kernel_guest.hpp"

#include <fmt/format.h>

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <string_view>
#include <utility>
#include <variant>

#include "gatecrash/workload.h"
#include "kernel/guest_cpu.hpp"
#include "kernel/page_walk.hpp"
#include "kvm/error.hpp"
#include "posix/file.hpp"
#include "vm/instruction.hpp"
#include "vm/kvm_bugs.hpp"
#include "vm/outcome.hpp"
#include "vm/page.hpp"
#include "vm/quirks/tss_type.hpp"
#include "vm/state/cpu_mode.hpp"
#include "vm/state/registers.hpp"

namespace gatecrash::kernel {
namespace {

// I/O ports of a PC.
constexpr std::uint16_t keyboard = 0x64, system_control = 0x61, cmos_data = 0x71, serial_line_status = 0x3fd;
constexpr std::uint8_t reset_cpu = 0xfe;  ///< a command of the keyboard controller

/// KVM needs three pages that the guest does not use. Every PC emulator gives it these.
constexpr std::uint64_t unused_pages = 0xfffbd000;

posix::FileDescriptor memory_of(std::uint64_t size) {
    auto file = posix::memory_file("gatecrash-kernel");
    if (::ftruncate(file.get(), static_cast<off_t>(size)) != 0) throw kvm::Error("memory for the kernel", errno);
    return file;
}

kvm::Vm make_vm(const kvm::System& system, std::span<std::byte> memory) {
    auto vm = system.create_vm(kvm::WrittenPages::log);
    vm.set_tss_address(unused_pages);
    vm.create_interrupt_controllers();
    vm.create_timer();
    vm.set_memory_slot(0, 0, memory, kvm::Access::read_write);
    return vm;
}

std::string last_lines(const std::string& text, std::size_t lines) {
    auto begin = text.size();
    for (bool is_last = true; begin > 0; --begin) {
        if (text[begin - 1] == '\n' && !std::exchange(is_last, false) && --lines == 0) break;
    }
    return text.substr(begin);
}

/// Without nested paging, each run meets such pages: the restore before it makes KVM forget its page tables.
bool may_meet_new_pages() { return vm::cpu_vendor() == vm::Vendor::intel && vm::quirks::has_nested_paging(); }

}  // namespace

KernelGuest::KernelGuest(const kvm::System& system, const BootImage& image, const BootInput& input,
                         std::uint64_t memory_size)
    : memory_file_(memory_of(memory_size)),
      memory_(kvm::Mapping::shared_file(memory_file_.get(), memory_size)),
      vm_(make_vm(system, memory_.bytes())),
      cpu_(vm_.create_vcpu()),
      watchdog_(cpu_),
      new_pages_(system, cpu_, may_meet_new_pages()) {
    const auto entry = load_image(image, input, memory_.bytes(), cpu_.sregs());
    cpu_.set_cpuid(kernel_cpuid(system.supported_cpuid(), input.cpu));
    cpu_.set_sregs(entry.sregs);
    cpu_.set_regs(entry.regs);
}

KernelGuest::KernelGuest(const kvm::System& system, const KernelFile& saved)
    : saved_(&saved),
      memory_(saved.map_memory()),
      vm_(make_vm(system, memory_.bytes())),
      cpu_(vm_.create_vcpu()),
      watchdog_(cpu_),
      new_pages_(system, cpu_, may_meet_new_pages()) {
    cpu_.set_cpuid(saved.cpuid());
}

kvm::Mapping KernelGuest::copy_of_memory() const {
    if (saved_ == nullptr || has_run_) {
        auto copy = kvm::Mapping::apart_from(memory_.data(), -1, memory_.size());
        if (saved_ != nullptr) {
            std::ranges::copy(memory_.bytes(), copy.data());
            return copy;
        }
        // Reading a hole would allocate memory for it.
        for (const auto& [offset, size] : posix::extents_with_data(memory_file_.get()))
            std::memcpy(copy.data() + offset, memory_.data() + offset, size);
        return copy;
    }
    auto copy = saved_->map_memory_apart_from(memory_.data());
    for (const auto page : written_by_host_)
        vm::copy_page(copy.data() + page * vm::page_size, memory_.data() + page * vm::page_size);
    return copy;
}

std::string describe(const Stop& stop) {
    struct Words {
        std::string operator()(const Rang& rang) const { return fmt::format("rang doorbell {:#x}", rang.port); }
        std::string operator()(const Caught& caught) const { return fmt::format("took vector {:#x}", caught.vector); }
        std::string operator()(const Failing& failing) const { return fmt::format("called {}()", failing.function); }
        std::string operator()(const Leaving&) const { return "left the protected code"; }
        std::string operator()(const Ended& ended) const { return "ended: " + ended.why; }
        std::string operator()(const Exited& exited) const {
            return fmt::format("wrote {:#x} to its exit port", exited.value);
        }
        std::string operator()(const Reached&) const { return "arrived at the end of the window"; }
        std::string operator()(const StillRuns&) const { return "goes on and on"; }
    };
    return std::visit(Words{}, stop);
}

void KernelGuest::fail(const std::string& what) {
    constexpr std::size_t lines = 20;
    const auto text = log(lines);
    throw BootError(fmt::format("the kernel {}. RIP is {:#x}. {}", what, cpu_.regs().rip,
                                text.empty() ? "Its log is empty" : "The end of its log:\n" + text));
}

// --- states ----------------------------------------------------------------------------------------------------------

CpuState KernelGuest::cpu_state() { return {cpu_.regs(), cpu_.sregs(), cpu_.events(), cpu_.debug_registers(), msrs()}; }

const vm::Msrs& KernelGuest::msrs() {
    if (!msrs_) vm::read_msrs(cpu_, msrs_.emplace());
    return *msrs_;
}

void KernelGuest::set_msrs(const vm::Msrs& msrs) {
    vm::write_msrs(cpu_, msrs, &this->msrs());
    msrs_ = msrs;
}

const InterruptState& KernelGuest::interrupts() {
    if (interrupts_) return *interrupts_;
    auto& [local_apic, pics] = interrupts_.emplace();
    local_apic = cpu_.local_apic();
    for (std::uint32_t i = 0; uses_8259() && i < pics.size(); ++i) pics.at(i) = vm_.interrupt_controller(i).chip.pic;
    return *interrupts_;
}

void KernelGuest::interrupt(std::uint8_t vector) {
    const auto line = uses_8259() ? line_of(interrupts(), vector) : std::nullopt;
    interrupts_.reset();
    if (!line) return vm_.interrupt(vector);
    constexpr unsigned lines = 8;
    auto controller = vm_.interrupt_controller(*line / lines);
    controller.chip.pic.irr |= static_cast<std::uint8_t>(1U << *line % lines);
    vm_.set_interrupt_controller(controller);
}

const kvm_fpu& KernelGuest::fpu() {
    if (!fpu_) fpu_ = cpu_.fpu();
    return *fpu_;
}

KernelState KernelGuest::save(const KernelState* earlier, Save what, bool has_written) {
    if (!memory_states_) {
        // KVM logs written pages only from here on, so that the thousands of pages that booting wrote do not count.
        vm_.set_memory_slot(0, 0, memory_.bytes(), kvm::Access::logged);
        memory_states_.emplace(vm_, 0, memory_.bytes(), copy_of_memory());
    }
    KernelState state{cpu_state(), {}, {}, console_};
    const auto save_pages = [&] {
        return earlier == nullptr ? memory_states_->save() : memory_states_->save(earlier->pages);
    };
    state.pages = earlier == nullptr || has_written ? save_pages() : earlier->pages;
    if (recorder_ && recorder_->has_changed_in(state.pages)) {
        recorder_->give_up();
        state.pages = save_pages();
    }
    if (what == Save::everything) {
        state.devices = std::make_shared<DeviceState>(read_devices(vm_, cpu_));
        return state;
    }
    state.devices = earlier->devices;
    if (what == Save::interrupts && interrupts() != interrupts_of(*state.devices, uses_8259())) {
        auto devices = *state.devices;
        devices.local_apic = interrupts().local_apic;
        for (std::size_t i = 0; uses_8259() && i < interrupts().pics.size(); ++i)
            devices.interrupt_controllers.at(i).chip.pic = interrupts().pics.at(i);
        state.devices = std::make_shared<DeviceState>(devices);
    }
    return state;
}

void KernelGuest::restore(const KernelState& state) {
    // KVM moves RIP over the OUT of the last exit at the next run, if RIP is still there.
    if (state.cpu.regs.rip == cpu_.regs().rip) complete_exit();
    // No register ends a HLT that waits for an interrupt.
    if (std::exchange(may_be_halted_, false)) cpu_.wake();
    nmi_sink_.drain(vm_, cpu_);
    memory_states_.value().restore(state.pages);
    if (!has_nested_paging_) vm::quirks::forget_page_tables(vm_, memory_.bytes().first(vm::page_size));
    console_ = state.console;
    set_registers(state.cpu, state.devices);
}

void KernelGuest::set_registers(const CpuState& cpu, const std::shared_ptr<const DeviceState>& devices) {
    // States of one sweep differ at most in the controllers of interrupts.
    if (restored_ == nullptr) {
        write_devices(vm_, cpu_, *devices);
    } else {
        const auto now = interrupts(), then = interrupts_of(*devices, uses_8259());
        if (std::memcmp(&now.local_apic, &then.local_apic, sizeof now.local_apic) != 0)
            cpu_.set_local_apic(then.local_apic);
        if (std::memcmp(&now.pics, &then.pics, sizeof now.pics) != 0) {
            // KVM takes over what the slave asks for when it sets the master, so the slave comes first.
            for (auto i = then.pics.size(); i-- > 0;)
                vm_.set_interrupt_controller(devices->interrupt_controllers.at(i));
        }
        if (std::memcmp(&fpu(), &devices->fpu, sizeof(kvm_fpu)) != 0) cpu_.set_fpu(devices->fpu);
    }
    restored_ = devices;
    interrupts_ = interrupts_of(*devices, uses_8259());
    fpu_ = devices->fpu;
    auto sregs = cpu.sregs;
    sregs.tr.type = vm::quirks::tss_type(vm::cpu_vendor());
    cpu_.set_sregs(sregs);
    set_msrs(cpu.msrs);
    cpu_.set_debug_registers(cpu.debug_registers);
    cpu_.set_regs(cpu.regs);
    cpu_.set_events(cpu.events);
}

// --- memory ----------------------------------------------------------------------------------------------------------

std::optional<vm::Physical> KernelGuest::translate(vm::Virtual address) {
    // Linux with page table isolation: the tables of user mode come after those of the kernel, and lack most of it.
    constexpr std::uint64_t users_tables = 1 << 12;
    auto physical = walk(memory_.bytes(), cpu_.sregs(), address);
    const bool is_kernels = number(address) >> 63 != 0;
    if (!physical && is_kernels && (cpu_.sregs().cr3 & users_tables) != 0) {
        auto sregs = cpu_.sregs();
        sregs.cr3 &= ~users_tables;
        physical = walk(memory_.bytes(), sregs, address);
    }
    return physical && number(*physical) < memory_.size() ? physical : std::nullopt;
}

std::byte* KernelGuest::find(vm::Virtual address) {
    const auto physical = translate(address);
    return physical ? memory_.data() + number(*physical) : nullptr;
}

std::size_t KernelGuest::read(vm::Virtual address, std::span<std::byte> to) {
    std::size_t done = 0;
    while (done < to.size()) {
        const vm::Virtual at{number(address) + done};
        const auto* const from = find(at);
        if (from == nullptr) break;
        const auto size = std::min<std::uint64_t>(to.size() - done, vm::page_size - vm::offset_in_page(at));
        std::memcpy(to.data() + done, from, size);
        done += size;
    }
    return done;
}

std::optional<vm::Instruction> KernelGuest::instruction_at(vm::Virtual address) {
    Decoded now{{}, vm::code_size(cpu_.sregs().cs), {}};
    const auto readable = read(address, now.bytes);
    if (recorder_) recorder_->show_own_code(address, std::span(now.bytes).first(readable));
    const auto [known, is_new] = decoded_.try_emplace(number(address), now);
    if (!is_new && known->second.bytes == now.bytes && known->second.size == now.size) return known->second.instruction;
    now.instruction = vm::decode(std::span(now.bytes).first(readable), address, now.size);
    known->second = now;
    return now.instruction;
}

std::optional<std::uint64_t> KernelGuest::word_at(vm::Virtual address, std::size_t size) {
    std::uint64_t word = 0;
    if (read(address, std::as_writable_bytes(std::span(&word, 1)).first(size)) != size) return {};
    return word;
}

vm::Virtual KernelGuest::rip() {
    const auto& cs = cpu_.sregs().cs;
    return cs.l != 0 ? vm::Virtual{cpu_.regs().rip} : vm::linear_address(cs, cpu_.regs().rip);
}

vm::Virtual KernelGuest::stack_pointer() {
    const auto& sregs = cpu_.sregs();
    return sregs.cs.l != 0 ? vm::Virtual{cpu_.regs().rsp} : vm::linear_stack_pointer(sregs.ss, cpu_.regs().rsp);
}

std::vector<std::span<std::byte>> KernelGuest::find(vm::Virtual address, std::size_t size) {
    std::vector<std::span<std::byte>> pieces;
    for (std::size_t done = 0; done < size; done += pieces.back().size()) {
        const vm::Virtual at{number(address) + done};
        auto* const found = find(at);
        if (found == nullptr) throw std::out_of_range(fmt::format("nothing is mapped at {:#x}", number(at)));
        pieces.emplace_back(found, std::min<std::uint64_t>(size - done, vm::page_size - vm::offset_in_page(at)));
    }
    return pieces;
}

void KernelGuest::write(std::span<const std::span<std::byte>> pieces, std::span<const std::byte> bytes) {
    if (memory_states_) memory_states_->expect_writes();
    for (const auto& piece : pieces) {
        std::ranges::copy(bytes.first(piece.size()), piece.begin());
        bytes = bytes.subspan(piece.size());
        if (!memory_states_) written_by_host_.insert(page_of(piece.front()));
    }
}

void KernelGuest::write(vm::Virtual address, std::span<const std::byte> bytes) {
    write(find(address, bytes.size()), bytes);
}

void KernelGuest::patch(vm::Virtual address, std::span<const std::byte> bytes) {
    // Found once: the bytes may be those of page tables.
    const auto pieces = find(address, bytes.size());
    write(pieces, bytes);
    for (const auto& piece : pieces) memory_states().add_written(page_of(piece.front()));
}

void KernelGuest::write(vm::Virtual address, std::uint64_t word) { write(address, std::as_bytes(std::span(&word, 1))); }

// --- stops -----------------------------------------------------------------------------------------------------------

void KernelGuest::watch(const KernelFacts& facts) {
    facts_ = &facts;
    log_ = facts.log;
    (void)read(facts.catchers, code_of_catchers_);
    for (std::uint64_t i = 0; i < catchers; ++i) write(vm::Virtual{number(facts.catchers) + i}, out_of_stop);
    const auto add_stop = [&](vm::Virtual address, const std::string& name) {
        auto& [code, memory] = stops_[address];
        if (read(address, code) != code.size()) throw std::out_of_range(fmt::format("{} is not mapped", name));
        memory = find(address, code.size());
    };
    for (const auto& [address, name] : facts.failures) add_stop(address, name + "()");
    for (const auto& [address, target] : facts.exits) add_stop(address, fmt::format("{:#x}", number(address)));
    heed_failures();
}

std::size_t KernelGuest::read_own_code(vm::Virtual address, std::span<std::byte> to) {
    const auto size = read(address, to);
    const auto show = [&](vm::Virtual at, std::span<const std::byte> code) {
        for (std::size_t i = 0; i < code.size(); ++i) {
            const auto offset = number(at) + i - number(address);
            if (offset < size) to[offset] = code[i];
        }
    };
    if (recorder_) recorder_->show_own_code(address, to.first(size));
    if (facts_ != nullptr) show(facts_->catchers, code_of_catchers_);
    for (const auto& [at, place] : stops_) show(at, place.code);
    if (stop_) show(stop_->address, stop_->code);
    return size;
}

bool KernelGuest::has_stop_in(vm::Virtual address, std::size_t size) const {
    const auto overlaps = [&](vm::Virtual at, std::size_t length) {
        return number(at) - number(address) < size || number(address) - number(at) < length;
    };
    const auto is_in = [&](const auto& stop) { return overlaps(stop.first, stop.second.code.size()); };
    return (facts_ != nullptr && overlaps(facts_->catchers, code_of_catchers_.size())) ||
           std::ranges::any_of(stops_, is_in) || (stop_ && overlaps(stop_->address, stop_->code.size()));
}

void KernelGuest::ignore_failures() {
    if (stops_.contains(rip())) cancel_output();
    hid_code_ = recorder_ && recorder_->show();
    for (const auto& [address, place] : stops_) write(place.memory, place.code);
}

void KernelGuest::heed_failures() {
    if (std::exchange(hid_code_, false)) recorder_->hide();
    for (const auto& [address, place] : stops_) write(place.memory, out_of_stop);
}

void KernelGuest::complete_exit() {
    if (memory_states_) memory_states_->expect_writes();
    cpu_.complete_exit();
}

void KernelGuest::cancel_output() {
    // KVM moves RIP over the OUT, and ends a shadow, only if RIP is still there (complete_fast_pio_out() in x86.c).
    const auto regs = cpu_.regs();
    auto elsewhere = regs;
    ++elsewhere.rip;
    cpu_.set_regs(elsewhere);
    complete_exit();
    cpu_.set_regs(regs);
}

void KernelGuest::record_code(std::span<const AddressRange> code) {
    std::vector<CodeRecorder::Piece> pieces;
    for (const auto& [begin, end] : code) {
        for (auto at = begin; at < end;) {
            const auto size = std::min(number(end) - number(at), vm::page_size - vm::offset_in_page(at));
            const auto physical = translate(at);
            std::vector<std::byte> bytes(size);
            if (physical && read(at, bytes) == size) pieces.push_back({at, *physical, std::move(bytes)});
            at = vm::Virtual{number(at) + size};
        }
    }
    recorder_.emplace(memory_states_.value(), pieces);
}

kvm::Exit KernelGuest::run_once() {
    msrs_.reset();
    interrupts_.reset();
    fpu_.reset();
    has_run_ = true;
    if (memory_states_) memory_states_->expect_writes();
    watchdog_.begin_run();
    auto exit = cpu_.run();
    watchdog_.end_run();
    new_pages_.look();
    return exit;
}

void KernelGuest::connect(const ImagePorts& ports, std::function<void(char)> sink) {
    ports_ = ports;
    console_.emplace();
    sink_ = std::move(sink);
}

/// Returns the memory of the stop, which the caller is about to write.
std::span<std::byte> KernelGuest::stop_bytes() {
    if (memory_states_) memory_states_->expect_writes();
    return memory_.bytes().subspan(number(stop_.value().physical), out_of_stop.size());
}

void KernelGuest::stop_at(vm::Virtual address, vm::Physical physical) {
    stop_ = {address, physical, {}};
    std::ranges::copy(stop_bytes(), stop_->code.begin());
    std::ranges::copy(out_of_stop, stop_bytes().begin());
}

void KernelGuest::leave_stop() {
    if (rip() == stop_.value().address) cancel_output();
    std::ranges::copy(stop_->code, stop_bytes().begin());
    if (!memory_states_) return;
    memory_states_->add_written(number(stop_->physical) / vm::page_size);
    memory_states_->add_written((number(stop_->physical) + 1) / vm::page_size);
}

std::uint32_t KernelGuest::read_port(std::uint16_t port) {
    if (ports_ && port >= ports_->serial && port - ports_->serial < SerialPort::registers)
        return console_->serial.read(port - ports_->serial);
    switch (port) {
        case serial_line_status:
            return 0x60;  // the transmitter is empty
        case cmos_data:
        case system_control:
            return 0;  // the clock is not being updated, and no error is the reason for an NMI
        case keyboard:
            return 0xfd;  // not busy. A kernel that resets the CPU would wait for that, 65536 times
        default:
            return 0xffffffff;  // no device
    }
}

std::optional<Stop> KernelGuest::stop_of_output(const kvm::IoExit& io) {
    if (ports_ && io.port >= ports_->serial && io.port - ports_->serial < SerialPort::registers) {
        if (const auto sent = console_->serial.write(io.port - ports_->serial, static_cast<std::uint8_t>(io.value))) {
            console_->output += static_cast<char>(*sent);
            if (sink_) sink_(static_cast<char>(*sent));
        }
        return std::nullopt;
    }
    if (ports_ && io.port == ports_->exit) return Exited{io.value};
    if (io.port == stop_port && stop_ && rip() == stop_->address) return Reached{};
    if (io.port == stop_port && facts_ != nullptr && cpl() == 0) {
        const auto at = number(rip()) - number(facts_->catchers);
        if (at < GATECRASH_VECTORS) return Caught{static_cast<std::uint8_t>(at)};
        if (const auto failure = facts_->failures.find(rip()); failure != facts_->failures.end())
            return Failing{failure->second};
        if (facts_->exits.contains(rip())) return Leaving{};
    }
    if (io.port >= GATECRASH_DOORBELL_FIRST && io.port <= GATECRASH_DOORBELL_LAST && is_in_program())
        return Rang{io.port};
    if (io.port == keyboard && io.value == reset_cpu) return Ended{"it reset the CPU"};
    return std::nullopt;
}

/// True if the guest has stopped at an OUT that hides code. Then it can go on with that code.
bool KernelGuest::meets_hidden_code() {
    if (!recorder_) return false;
    const auto* const now = find(rip());
    if (now == nullptr || !recorder_->meet(rip(), *now)) return false;
    met_hidden_code_ = std::chrono::steady_clock::now();
    return true;
}

/// Throws if the CPU is in a code segment that is both of 64 and of 32 bits, which VM entry refuses.
void KernelGuest::check_code_segment() {
    const auto& cs = cpu_.sregs().cs;
    if (cs.l == 0 || cs.db == 0) return;
    throw vm::ImpossibleState(
        "this machine's CPU has loaded a CS with both L and D, as an emulated AMD CPU does for SYSENTER from "
        "compatibility mode. A real one raises #UD there, and KVM emulates the instruction (`gatecrash doctor` calls "
        "this sysenter-compatibility-mode)");
}

std::optional<Stop> KernelGuest::stop_of(const kvm::Exit& exit) {
    if (const auto* io = std::get_if<kvm::IoExit>(&exit)) {
        if (io->is_out && meets_hidden_code()) {
            cancel_output();
            return std::nullopt;
        }
        if (!io->is_out) cpu_.answer(read_port(io->port));
        return io->is_out ? stop_of_output(*io) : std::nullopt;
    }
    if (std::holds_alternative<kvm::ShutdownExit>(exit)) return Ended{std::string(triple_fault)};
    if (std::holds_alternative<kvm::InternalErrorExit>(exit)) return Ended{kvm::describe(exit)};
    if (std::holds_alternative<kvm::HltExit>(exit)) return Ended{"it halted"};
    if (std::holds_alternative<kvm::FailEntryExit>(exit)) check_code_segment();
    if (std::holds_alternative<kvm::FailEntryExit>(exit) || std::holds_alternative<kvm::ExceptionExit>(exit) ||
        std::holds_alternative<kvm::OtherExit>(exit))
        throw vm::MachineFault(kvm::describe(exit) + vm::known_cause(exit, cpu_.regs(), cpu_.events()));
    // Memory where no device is reads all ones.
    if (std::holds_alternative<kvm::InterruptedExit>(exit) && watchdog_.fired()) {
        may_be_halted_ = true;
        const bool is_over = cpu_.is_halted() && (cpu_.regs().rflags & vm::rflags_if) == 0;
        return is_over ? Stop{Ended{std::string(halted_for_ever)}} : Stop{StillRuns{}};
    }
    return std::nullopt;
}

Stop KernelGuest::run() {
    const auto begin = std::chrono::steady_clock::now();
    while (!is_overdue(begin)) {
        const auto exit = run_once();
        if (auto stop = stop_of(exit)) return *stop;
        if (std::holds_alternative<kvm::DebugExit>(exit))
            throw vm::MachineFault("a debug exit from a free run: " + kvm::describe(exit));
    }
    return StillRuns{};
}

Stop KernelGuest::run_patiently() {
    constexpr int most = 200;  // some five seconds
    Stop stop = StillRuns{};
    for (int i = 0; i < most && std::holds_alternative<StillRuns>(stop); ++i) stop = run();
    return stop;
}

bool KernelGuest::is_overdue(std::chrono::steady_clock::time_point begin) const {
    return std::chrono::steady_clock::now() - std::max(begin, met_hidden_code_) > 4 * tick_;
}

void KernelGuest::leave_doorbell() {
    const auto instruction = instruction_at(rip());
    if (!instruction) throw vm::MachineFault("a doorbell that is no instruction");
    // KVM moves RIP after an OUT only at the next run, and not if RIP has changed by then.
    auto regs = cpu_.regs();
    regs.rip += instruction->length;
    regs.rflags &= ~vm::rflags_rf;
    cpu_.set_regs(regs);
}

std::string KernelGuest::log(std::size_t lines) {
    if (console_) return last_lines(console_->output, lines);
    const auto from = [this](vm::Virtual address, std::span<std::byte> to) { return read(address, to); };
    return read_log(log_, from, lines);
}

Stop KernelGuest::run_for(unsigned seconds) {
    // KVM can lose a tick that was raised while its line was masked. Writing the registers makes KVM look again.
    using namespace std::chrono_literals;
    const auto usual = tick_;
    set_tick(1500us);
    std::optional<Stop> end;
    for (auto begin = std::chrono::steady_clock::now(); !end;) {
        const auto exit = run_once();
        const auto stop = stop_of(exit);
        if (stop && *stop != Stop{StillRuns{}}) end = stop;
        if (!std::holds_alternative<kvm::InterruptedExit>(exit)) continue;
        if (std::chrono::steady_clock::now() - begin > std::chrono::seconds(seconds)) end = StillRuns{};
        cpu_.set_regs(kvm_regs(cpu_.regs()));
    }
    set_tick(usual);
    return *end;
}

std::uint16_t KernelGuest::run_to_doorbell(unsigned seconds) {
    const auto stop = run_for(seconds);
    if (const auto* const rang = std::get_if<Rang>(&stop)) {
        leave_doorbell();
        return rang->port;
    }
    fail(std::holds_alternative<StillRuns>(stop) ? fmt::format("rang no doorbell in {} seconds", seconds)
                                                 : describe(stop));
}

}  // namespace gatecrash::kernel
