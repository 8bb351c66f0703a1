#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "kernel/loaded_image.hpp"
#include "kernel/poke.hpp"
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

/// A workload of a kernel that has booted.
struct KernelWorkload {
    std::string saved;    ///< path of a file of kernel::write_kernel()
    std::string target;   ///< its name in schedules
    unsigned number = 0;  ///< index in the init program's table
    std::vector<kernel::Poke> pokes{};
    std::vector<vm::Virtual> exits{};           ///< see kernel::LoadedKernel
    std::vector<std::string> ignored_memory{};  ///< see kernel::Workload

    bool operator==(const KernelWorkload&) const = default;
};

/// A window of an image.
struct ImageTarget {
    std::string target;  ///< its name in schedules
    kernel::ImageSweep sweep;

    bool operator==(const ImageTarget&) const = default;
};

/// Names a guest, for any process of this program.
using Guest = std::variant<BuiltInGuest, GuestFile, KernelWorkload, ImageTarget>;

/// Returns the guest that a variant sweeps.
[[nodiscard]] Guest guest_of(const suite::Selection& selection);
/// Loads a guest that is no kernel. Throws vm::ImageError for a file that is not a guest, and std::out_of_range
/// if this build lacks the variant.
[[nodiscard]] vm::Image image_of(const Guest& guest);
/// Name of the file beside a saved kernel that has its digest.
inline constexpr const char* kernel_digest_name = "digest";

/// Returns bytes that identify the guest, for a digest: its file, or the digest of a saved kernel. Throws
/// std::system_error, and std::out_of_range as above.
[[nodiscard]] std::string content_of(const Guest& guest);

}  // namespace gatecrash::worker
