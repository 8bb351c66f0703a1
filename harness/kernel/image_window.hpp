// The window of an image that is swept, as a user names it.
#pragma once

#include <string>
#include <string_view>

#include "kernel/image.hpp"
#include "kernel/kernel_facts.hpp"
#include "kernel/place.hpp"

namespace gatecrash::kernel {

struct ImageWindow {
    Place from, to;

    bool operator==(const ImageWindow&) const = default;
};

/// Reads FROM..TO. Throws sweep::ScheduleError for anything else.
[[nodiscard]] ImageWindow parse_window(std::string_view text);
[[nodiscard]] std::string to_string(const ImageWindow& window);

/// Code of an image.
struct CodePlace {
    vm::Virtual address;
    vm::Physical physical;
};
/// The addresses that a sweep of an image needs.
struct ImagePlaces {
    CodePlace from, to;
    KernelFacts facts;
};
/// Finds the places of a window, and those of the description. Throws ImageError with the reason and the remedy if the
/// image lacks one, or if a place cannot be a window's.
[[nodiscard]] ImagePlaces find_places(const ImageFile& file, const ImageDescription& description,
                                      const ImageWindow& window);

}  // namespace gatecrash::kernel
