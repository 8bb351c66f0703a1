#include "kernel/delivery_frame.hpp"

#include <array>

#include "vm/state/cpu_mode.hpp"
#include "vm/vectors.hpp"

namespace gatecrash::kernel {
namespace {

/// True if an INT instruction stands before `address`, and raises `vector`.
bool comes_after_int(KernelGuest& guest, vm::Virtual address, std::uint8_t vector) {
    constexpr std::uint64_t int_opcode = 0xcd;
    std::array<std::byte, 2> code{};
    const vm::Virtual begin{number(address) - code.size()};
    return guest.read(begin, code) == code.size() && std::to_integer<std::uint64_t>(code[0]) == int_opcode &&
           std::to_integer<std::uint8_t>(code[1]) == vector;
}

/// True if the CPU has pushed an error code on top of the frame, at `top`. Long mode aligns RSP to 16 and pushes five
/// words, and a sixth for an error code (SDM volume 3, 6.14.2). Legacy mode does not align, and an INT pushes none.
bool has_error_code(KernelGuest& guest, vm::Virtual top, std::uint8_t vector) {
    if (vm::is_long_mode(guest.cpu().sregs())) return number(top) % 16 == 0;
    if (!vm::pushes_error_code(vector)) return false;
    const auto word = guest.word_at(top, sizeof(std::uint32_t));
    return !word || !comes_after_int(guest, vm::Virtual{*word}, vector);
}

}  // namespace

DeliveryFrame pushed_frame(KernelGuest& guest, std::uint8_t vector) {
    const auto word = vm::frame_word(guest.cpu().sregs());
    const auto top = guest.stack_pointer();
    DeliveryFrame frame{top, word, 0, 0, {}};
    const auto at = [&](unsigned index) {
        return guest.word_at(vm::Virtual{number(frame.address) + index * word}, word).value_or(0);
    };
    if (has_error_code(guest, top, vector)) {
        frame.error_code = at(0);
        frame.address = vm::Virtual{number(top) + word};
    }
    frame.rip = at(0);
    // RIP, CS and RFLAGS are always there. Legacy mode leaves RSP and SS out if the privilege level stays (figure 6-4).
    constexpr unsigned words_of_same_level = 3;
    const bool is_vm86 = (at(2) & vm::rflags_vm) != 0;
    const bool has_rsp = vm::is_long_mode(guest.cpu().sregs()) || is_vm86 || (at(1) & 3) != guest.cpl();
    frame.interrupted_rsp = has_rsp ? at(words_of_same_level) : number(frame.address) + words_of_same_level * word;
    return frame;
}

}  // namespace gatecrash::kernel
