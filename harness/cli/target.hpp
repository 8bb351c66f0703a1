#pragma once

#include <string>

#include "cli/select.hpp"
#include "sweep/schedule.hpp"
#include "vm/boot/image.hpp"

namespace gatecrash::cli {

/// What `explore` and `replay` work on.
struct Target {
    vm::Image image;
    Selection selection;  ///< null pointers if the image is a file

    [[nodiscard]] bool is_file() const { return selection.variant == nullptr; }
};

/// The guest called `name`: CASE/VARIANT, or else the path of an ELF file. Throws UsageError if it is neither, and
/// vm::ImageError if the file is no guest.
[[nodiscard]] Target find_target(const std::string& name);

/// Returns the address of a symbol of a guest: an sweep::AddressOf. Throws what find_target() does, and
/// sweep::ScheduleError if the guest lacks the symbol.
[[nodiscard]] std::uint64_t address_of_symbol(const std::string& target, const std::string& symbol);

/// Refuses a schedule with a symbol that `image` lacks, and a window with one. Throws sweep::ScheduleError.
void check_symbols(const sweep::Schedule& schedule, const vm::Image& image);
void check_symbol(const std::string& symbol, const vm::Image& image);

}  // namespace gatecrash::cli
