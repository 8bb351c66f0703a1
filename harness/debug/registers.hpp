// The registers that gdb sees, and how they are described to it.
#pragma once

#include <linux/kvm.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gatecrash::debug {

/// The registers of a stopped CPU.
struct Registers {
    kvm_regs general{};
    kvm_sregs special{};
    std::uint64_t kernel_gs_base = 0;  ///< what SWAPGS exchanges the GS base with
};

/// One register, as gdb knows it.
struct Register {
    std::string_view name;
    unsigned size;          ///< bytes
    std::string_view type;  ///< one of gdb's predefined types, or of RegisterSet's own
    /// Null for a register that gdb needs to know, and that gatecrash does not show.
    std::uint64_t (*get)(const Registers& registers) = nullptr;
    void (*set)(Registers& registers, std::uint64_t value) = nullptr;
};

/// A group of registers that gdb's target descriptions have a name for (gdb's manual, G.5).
struct Feature {
    std::string_view name;
    std::vector<Register> registers;
};

/// All registers of a CPU, in gdb's order.
class RegisterSet {
  public:
    /// Returns the registers of a CPU in 64-bit mode, or of one in legacy mode.
    [[nodiscard]] static const RegisterSet& of(bool is_64_bit);

    [[nodiscard]] std::size_t size() const { return registers_.size(); }
    /// Returns register `number` as hexadecimal digits, lowest byte first. Each digit of a register that is not shown
    /// is "x".
    [[nodiscard]] std::string read(const Registers& registers, std::size_t number) const;
    /// Returns all registers in that form, one after another.
    [[nodiscard]] std::string read_all(const Registers& registers) const;
    /// Sets register `number` from hexadecimal digits. False if they do not fit it, or if it cannot be set.
    [[nodiscard]] bool write(Registers& registers, std::size_t number, std::string_view digits) const;
    /// Sets all registers from the form of read_all(), except those that are not shown.
    [[nodiscard]] bool write_all(Registers& registers, std::string_view digits) const;

    /// Returns the target description for gdb, an XML document.
    [[nodiscard]] const std::string& description() const { return description_; }

  private:
    RegisterSet(std::string_view architecture, const std::vector<Feature>& features);

    std::vector<Register> registers_;
    std::string description_;
};

}  // namespace gatecrash::debug
