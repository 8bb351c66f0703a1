#pragma once

#include <string_view>
#include <vector>

#include "machines/machines.hpp"

namespace gatecrash::cli {

/// The value of --machine: a machine's name, `auto`, or `all`.
class MachineName {
  public:
    static const MachineName automatic;  ///< the host if it is fit, otherwise machines::usual_machine()
    static const MachineName all;        ///< every machine in turn

    explicit MachineName(const machines::Machine& machine) : word_(machine.name), machine_(&machine) {}

    /// Returns every value that the table of machines gives, in the order in which help and messages list them.
    [[nodiscard]] static std::vector<MachineName> every();
    /// Returns the word that the user types.
    [[nodiscard]] constexpr std::string_view word() const { return word_; }
    /// Returns the machine of that name; null for `auto` and `all`.
    [[nodiscard]] const machines::Machine* machine() const { return machine_; }
    /// True if this names the computer itself, without an emulator.
    [[nodiscard]] bool is_host() const { return machine() != nullptr && !machine()->is_emulated(); }
    /// True if this names an emulated machine.
    [[nodiscard]] bool is_emulated() const { return machine() != nullptr && machine()->is_emulated(); }

    bool operator==(const MachineName&) const = default;

  private:
    explicit constexpr MachineName(std::string_view word) : word_(word) {}

    std::string_view word_;  ///< a literal, or the name of a machine
    const machines::Machine* machine_ = nullptr;
};

inline constexpr MachineName MachineName::automatic{std::string_view("auto")};
inline constexpr MachineName MachineName::all{std::string_view("all")};

}  // namespace gatecrash::cli
