// An image to boot, and what is known about it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "kernel/image_description.hpp"
#include "kernel/symbols.hpp"

namespace gatecrash::kernel {

/// Says which image is booted, and how.
struct ImageSetup {
    std::string file;
    std::string command_line;
    std::uint64_t memory = 0;  ///< bytes
    ImageDescription description;

    bool operator==(const ImageSetup&) const = default;
};

/// The content of an image's file.
struct ImageFile {
    BootImage image;
    vm::SymbolTable symbols;  ///< empty if the file has none
};
/// Reads the image. Throws ImageError for a file that cannot be booted.
[[nodiscard]] ImageFile read_image_file(const std::string& file);

/// How an image ended.
struct ImageEnd {
    Stop stop;
    std::string where;  ///< the nearest symbol; empty if the CPU has lost its registers
};
/// Boots the image and runs it to its end, or for `seconds` of host time. `sink` receives each byte that it sends
/// through its serial port. Throws ImageError if it does not fit into its memory; and kvm::Error.
[[nodiscard]] ImageEnd run_to_end(const kvm::System& system, const ImageFile& file, const ImageSetup& setup,
                                  unsigned seconds, const std::function<void(char)>& sink);

/// True if the stop is the exit that the description calls good.
[[nodiscard]] bool is_good(const Stop& stop, const ImageDescription& description);

}  // namespace gatecrash::kernel
