#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "gatecrash/address.hpp"
#include "kernel/address_range.hpp"
#include "kernel/memory_states.hpp"
#include "vm/code_set.hpp"
#include "vm/instruction.hpp"

namespace gatecrash::kernel {

/// Finds out which instructions of some code a kernel executes. Each costs at most one exit.
///
/// It hides the code from the kernel: an OUT to the stop port begins at each byte, until control comes to an
/// instruction. The kernel stops there, and that instruction is shown from then on. So is the row of instructions that
/// follows, up to the first that does not only compute or move data. Only a fault can keep the CPU from them.
/// KernelGuest lets the kernel go on as if it had not stopped. Every state of the memory has the code as it is shown
/// now, so no two states differ by it.
///
/// KVM answers a few ports itself. Where the first byte of an instruction is the number of such a port, an OUT before
/// it would not stop the kernel. So an instruction of one byte before it is never hidden. It is recorded only with the
/// instruction before it.
class CodeRecorder {
  public:
    /// A page of the code, or a part of one.
    struct Piece {
        vm::Virtual begin;
        vm::Physical at;
        std::vector<std::byte> code;
    };
    /// `pieces` are in order, and do not overlap. `memory` must outlive this. Hides nothing yet.
    CodeRecorder(MemoryStates& memory, const std::vector<Piece>& pieces);

    /// Hides all code, and forgets what was executed.
    void begin();
    /// Shows all code. Returns true if some was hidden.
    bool show();
    /// Hides again what show() has shown.
    void hide();
    /// Shows all code for ever.
    void give_up();

    /// Call it when the kernel executes an OUT at `address`, where `now` stands. True if that is hidden code. Then it
    /// is recorded, and shown.
    [[nodiscard]] bool meet(vm::Virtual address, std::byte now);
    /// Records the instruction at `address`, which is about to be executed, and shows it, with the row that follows.
    void execute(vm::Virtual address);
    /// Returns what was executed since the last call, for the first time since begin().
    [[nodiscard]] vm::CodeSet take_executed() { return std::exchange(executed_, {}); }

    /// Puts the kernel's own code into bytes that were read at `address`.
    void show_own_code(vm::Virtual address, std::span<std::byte> bytes) const;
    /// True if a page of the code has a copy of its own in this state. Then the kernel has written to its code.
    [[nodiscard]] bool has_changed_in(const vm::PageSet& pages) const;

  private:
    struct Part {
        AddressRange range;
        std::vector<vm::Physical> pages;          ///< where each of its pages is
        std::vector<std::byte> code;              ///< the kernel's own
        std::vector<bool> is_shown, is_executed;  ///< for each byte

        [[nodiscard]] std::size_t offset_of(vm::Virtual where) const { return number(where) - number(range.begin); }
        [[nodiscard]] vm::Virtual address_of(std::size_t offset) const {
            return vm::Virtual{number(range.begin) + offset};
        }
    };
    [[nodiscard]] Part* part_of(vm::Virtual address);
    [[nodiscard]] static std::optional<vm::Instruction> instruction_at(const Part& part, std::size_t at);
    enum class Look : std::uint8_t { own, hidden };
    void change(const Part& part, std::size_t begin, std::size_t end, Look to);
    void change_hidden_code(Look to);

    MemoryStates& memory_;
    std::vector<Part> parts_;
    vm::CodeSet executed_;
    bool hides_ = false;
};

}  // namespace gatecrash::kernel
