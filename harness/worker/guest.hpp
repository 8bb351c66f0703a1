#pragma once

#include <string>
#include <variant>

#include "suite/selection.hpp"
#include "vm/boot/image.hpp"

namespace gatecrash::worker {

/// A variant's guest, which is built into this program.
struct BuiltInGuest {
    std::string case_name, variant;

    bool operator==(const BuiltInGuest&) const = default;
};

/// A guest file of the user's.
struct GuestFile {
    std::string path;

    bool operator==(const GuestFile&) const = default;
};

/// Names a guest, for any process of this program.
using Guest = std::variant<BuiltInGuest, GuestFile>;

/// Returns the guest that a variant sweeps.
[[nodiscard]] Guest guest_of(const suite::Selection& selection);
/// Loads a guest. Throws vm::ImageError for a file that is not a guest, and std::out_of_range if this build lacks the
/// variant.
[[nodiscard]] vm::Image image_of(const Guest& guest);
/// Returns the bytes of the guest's ELF file, for a digest. Throws std::system_error, and std::out_of_range as above.
[[nodiscard]] std::string content_of(const Guest& guest);

}  // namespace gatecrash::worker
