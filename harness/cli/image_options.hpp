// The options that say which image is booted, for `kernel` and for `replay` of its schedules.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "cli/option_groups.hpp"
#include "kernel/image.hpp"
#include "kernel/image_window.hpp"

namespace gatecrash::cli {

struct ImageOptions {
    kernel::ImageSetup setup;
    unsigned seconds = 0;                    ///< patience with a boot, or with a run to the end, in host time
    std::optional<std::string> description;  ///< the file that --description names
    Words words;                             ///< the options as words of a command line
};

/// Adds the options that only images have.
void add_image(OptionList& options);
/// Reads the options of the image `file`. Throws UsageError for a wrong value, and for a file that cannot be read; and
/// vm::ImageError for a wrong description.
[[nodiscard]] ImageOptions read_image(const Values& values, const std::string& file);
/// Adds --window.
void add_image_window(OptionList& options);
/// Reads it; empty if it is not given. Throws UsageError.
[[nodiscard]] std::optional<kernel::ImageWindow> read_image_window(const Values& values);

/// The names of images in schedules begin with this.
inline constexpr std::string_view image_target_begin = "kernel/";
/// Returns the name of the image `file` in schedules.
[[nodiscard]] std::string image_target(const std::string& file);

/// Returns the options that `replay` needs for schedules of this window.
[[nodiscard]] Words replay_options(const ImageOptions& options, const kernel::ImageWindow& window);

/// Returns the user's files that an image needs.
[[nodiscard]] Words files_of(const ImageOptions& options);

}  // namespace gatecrash::cli
