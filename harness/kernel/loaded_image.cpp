#include "kernel/loaded_image.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

#include "kernel/kernel_landing.hpp"
#include "kernel/place_window.hpp"
#include "sweep/schedule.hpp"
#include "vm/state/cpu_mode.hpp"
#include "vm/stepping/stepper.hpp"

namespace gatecrash::kernel {
namespace {

/// True if the local APIC takes interrupts: the software enable bit (SDM volume 3, 10.4.7.2).
bool takes_interrupts(const kvm_lapic_state& apic) {
    constexpr std::size_t spurious_vector = 0xf0;
    std::uint32_t value = 0;
    std::memcpy(&value, apic.regs + spurious_vector, sizeof value);
    return (value & 1U << 8) != 0;
}

/// True if the CPU takes interrupts of the 8259: its local APIC is off, or lets them pass (SDM volume 3, 10.5.1).
bool takes_8259(const kvm_lapic_state& apic, std::uint64_t apic_base) {
    constexpr std::uint64_t enabled = 1U << 11;
    constexpr std::size_t lint0 = 0x350;
    constexpr std::uint32_t mode_and_mask = 0x10700, external = 0x700;
    std::uint32_t value = 0;
    std::memcpy(&value, apic.regs + lint0, sizeof value);
    return (apic_base & enabled) == 0 || (value & mode_and_mask) == external;
}

}  // namespace

LoadedImage::LoadedImage(const kvm::System& system, const ImageSweep& sweep, std::span<const vm::Event> events)
    : file_(read_image_file(sweep.setup.file)),
      places_(find_places(file_, sweep.setup.description, sweep.window)),
      guest_(system, file_.image, {sweep.setup.command_line, ""}, sweep.setup.memory) {
    boot(sweep);
    check_state(events);
    guest_.watch(places_.facts);
    guest_.stop_at(places_.to.address, places_.to.physical);
    state_ = guest_.save();
    auto devices = *state_.devices;
    silence_interrupts(devices, places_.facts.uses_8259 ? Masks::as_they_are : Masks::all);
    if (places_.facts.uses_8259) guest_.vm().stop_timer();
    state_.devices = std::make_shared<DeviceState>(devices);
}

std::unique_ptr<KernelWindow> LoadedImage::window() { return std::make_unique<PlaceWindow>(waiting()); }

void LoadedImage::boot(const ImageSweep& sweep) {
    guest_.connect(sweep.setup.description.ports);
    guest_.stop_at(places_.from.address, places_.from.physical);
    const auto stop = guest_.run_for(sweep.seconds);
    if (stop != Stop{Reached{}}) {
        throw ImageError(fmt::format(
            "{} never arrives at the beginning of the window: it {}, at {}. Name code that it executes in kernel mode",
            sweep.setup.file, describe(stop), file_.symbols.name_of(guest_.rip())));
    }
    guest_.leave_stop();
}

void LoadedImage::check_state(std::span<const vm::Event> events) {
    check_mode(guest_, "begins");
    check_gates(events);
    std::vector<std::byte> room(catchers_size);
    const auto is_padding = [&](std::byte byte) { return byte == room.front(); };
    if (guest_.read(places_.facts.catchers, room) != room.size() || !std::ranges::all_of(room, is_padding)) {
        throw ImageError(fmt::format(
            "the image uses the {} bytes after its code, at {:#x}, and stepping needs them: end the text segment with "
            "`.fill {}, 1, 0xcc`",
            catchers_size, number(places_.facts.catchers), catchers_size));
    }
    std::optional<bool> from_8259;
    for (const auto& event : events) {
        if (event.kind != vm::Event::Kind::irq) continue;
        places_.facts.uses_8259 = comes_from_8259(event);
        if (from_8259.value_or(places_.facts.uses_8259) != places_.facts.uses_8259) {
            throw ImageError(
                "one interrupt comes from the 8259 and another from the local APIC: sweep them one after the other");
        }
        from_8259 = places_.facts.uses_8259;
    }
}

/// Finds out whether an interrupt comes from the 8259 or from the local APIC. Throws ImageError if from neither.
bool LoadedImage::comes_from_8259(const vm::Event& event) {
    const auto interrupts = interrupts_of(read_devices(guest_.vm(), guest_.cpu()), true);
    const auto vector = vector_of(places_.facts, event);
    const auto line = line_of(interrupts, vector);
    const bool has_line = line && is_unmasked(interrupts, *line);
    if (has_line && takes_8259(interrupts.local_apic, guest_.cpu().sregs().apic_base)) return true;
    if (takes_interrupts(interrupts.local_apic)) return false;
    throw ImageError(fmt::format(
        "no interrupt of vector {:#x} can arrive: at the beginning of the window the local APIC is off, and "
        "no line of the 8259 that is unmasked has this vector. Leave irq out of --events, or enable one of "
        "them",
        vector));
}

/// In legacy mode, hardware can also deliver an event by a switch of tasks, or as a 16-bit CPU does.
void LoadedImage::check_gates(std::span<const vm::Event> events) {
    const auto& sregs = guest_.cpu().sregs();
    if (vm::is_long_mode(sregs)) return;
    for (const auto& event : events) {
        std::array<std::byte, 8> gate{};
        const auto vector = vector_of(places_.facts, event);
        const vm::Virtual at{sregs.idt.base + vector * gate.size()};
        if (guest_.read(at, gate) != gate.size() || vm::decode_gate(gate).delivers) continue;
        constexpr unsigned present = 0x80, type_mask = 0xf, task = 5;
        const auto type = std::to_integer<unsigned>(gate[5]);
        if ((type & present) == 0) continue;
        throw ImageError(
            fmt::format("vector {} has a {} gate, and gatecrash follows 32-bit interrupt and trap gates: "
                        "leave {} out of --events",
                        vector, (type & type_mask) == task ? "task" : "16-bit", sweep::to_string(event)));
    }
}

}  // namespace gatecrash::kernel
