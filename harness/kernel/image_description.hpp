// Holds what a user tells about an image, beyond what its file has.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/kernel_guest.hpp"

namespace gatecrash::kernel {

/// How an image ends, which symbols count events, and which functions mean failure.
struct ImageDescription {
    ImagePorts ports{};
    std::uint32_t good_exit = 0;               ///< the value for the exit port that means success
    std::optional<std::uint8_t> irq_vector{};  ///< the vector of the event `irq`
    std::string nmi_counter{}, irq_counter{};  ///< symbols of variables; empty: none
    std::vector<std::string> failures{};       ///< symbols of functions

    bool operator==(const ImageDescription&) const = default;
};

/// Reads a description: JSON, as docs/how-to/sweep-your-image.md says. `name` is for messages. Throws ImageError.
[[nodiscard]] ImageDescription read_description(std::string_view text, const std::string& name);
/// Returns a text that read_description() reads.
[[nodiscard]] std::string to_text(const ImageDescription& description);

}  // namespace gatecrash::kernel
