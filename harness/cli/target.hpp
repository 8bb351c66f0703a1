#pragma once

#include <string>

#include "cli/options.hpp"
#include "cli/select.hpp"
#include "sweep/schedule.hpp"
#include "vm/boot/image.hpp"

namespace gatecrash::cli {

/// The guest that `explore` or `replay` works on.
struct Target {
    vm::Image image;
    Selection selection;  ///< null pointers if the guest is a file

    [[nodiscard]] bool is_file() const { return selection.variant == nullptr; }
};

/// Returns the guest called `name`: CASE/VARIANT, or else the path of an ELF file. Throws UsageError if it is neither,
/// and vm::ImageError if the file is not a guest.
[[nodiscard]] Target find_target(const std::string& name);

/// Returns the address of a symbol of a guest; it serves as sweep::AddressOf. Throws what find_target() throws, and
/// sweep::ScheduleError if the guest lacks the symbol.
[[nodiscard]] std::uint64_t address_of_symbol(const std::string& target, const std::string& symbol);

/// Returns the beginnings of schedules for variants, which a shell can offer.
[[nodiscard]] Words beginnings_of_schedules();

/// Throws sweep::ScheduleError if `image` lacks a symbol of the schedule.
void check_symbols(const sweep::Schedule& schedule, const vm::Image& image);
void check_symbol(const std::string& symbol, const vm::Image& image);

}  // namespace gatecrash::cli
