#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "kernel/kernel_facts.hpp"
#include "kernel/kernel_guest.hpp"
#include "vm/boot/image.hpp"

namespace gatecrash::kernel {

/// Names the words of a kernel's memory, for people.
class MemoryNames {
  public:
    /// The guest must have booted. `symbols` must outlive this.
    MemoryNames(KernelGuest& guest, const KernelFacts& facts, const vm::SymbolTable& symbols);

    /// Returns the name of a word, which is a symbol or "SYMBOL+0xOFFSET". It is "task_struct+0xOFFSET" in that of the
    /// current task, and "physical+0xADDRESS" where nothing has a name.
    [[nodiscard]] std::string name_of(vm::Physical word) const;
    /// Returns what a change is, for a message. Many variables have 4 bytes, so it names the half that differs.
    [[nodiscard]] std::string describe(const WordChange& change) const;
    /// True if a word can have this name, or all words of a symbol.
    [[nodiscard]] bool has(const std::string& name) const;

  private:
    /// Memory that lies in one piece.
    struct Piece {
        AddressRange symbols;  ///< the addresses that symbols have
        vm::Physical at;       ///< the address of the first byte
        bool is_task;          ///< the task_struct, which has no symbol
    };

    const vm::SymbolTable& symbols_;
    std::vector<Piece> pieces_;
};

}  // namespace gatecrash::kernel
