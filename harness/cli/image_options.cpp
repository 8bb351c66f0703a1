#include "cli/image_options.hpp"

#include <fmt/format.h>

#include <filesystem>

#include "cli/kernel_options.hpp"
#include "posix/file.hpp"

namespace gatecrash::cli {
namespace {

constexpr const char *description_option = "description", *exit_port_option = "exit-port",
                     *good_exit_option = "good-exit", *seconds_option = "seconds";
constexpr unsigned usual_seconds = 60;

}  // namespace

void add_image(OptionList& options) {
    add_text(options, description_option, "FILE",
             "JSON with what is known about the image: ports, counters of events, functions that mean failure");
    add_text(options, exit_port_option, "PORT", "the port that ends the image (default: 0xf4)");
    add_text(options, good_exit_option, "VALUE", "the value for that port that means success (default: 0)");
    add_text(options, seconds_option, "N",
             fmt::format("patience with an image that has not ended yet (default: {})", usual_seconds));
}

ImageOptions read_image(const Values& values, const std::string& file) {
    check_file(file, "the image", values.command());
    ImageOptions options;
    options.setup = {.file = file,
                     .command_line = values.text_if_given("append").value_or(""),
                     .memory = read_memory(values),
                     .description = {}};
    options.seconds = values.number_if_given(seconds_option, 1U).value_or(usual_seconds);
    options.description = values.file_if_given(description_option);
    auto& description = options.setup.description;
    if (options.description) {
        check_file(*options.description, fmt::format("--{}", description_option), values.command());
        description = kernel::read_description(posix::read_file(*options.description), *options.description);
    }
    const auto exit_port = values.number_if_given(exit_port_option, std::uint16_t{1});
    const auto good_exit = values.number_if_given(good_exit_option, std::uint32_t{0});
    description.ports.exit = exit_port.value_or(description.ports.exit);
    description.good_exit = good_exit.value_or(description.good_exit);

    for (const auto* const name : {"append", description_option, exit_port_option, good_exit_option, seconds_option}) {
        if (const auto text = values.text_if_given(name))
            options.words.insert(options.words.end(), {fmt::format("--{}", name), *text});
    }
    const auto memory = words_of_memory(options.setup.memory);
    options.words.insert(options.words.end(), memory.begin(), memory.end());
    return options;
}

void add_image_window(OptionList& options) {
    add_text(options, "window", "FROM..TO",
             "sweep from the first time that the image is at FROM, up to TO, in kernel code of 32 or 64 bits: each is "
             "SYMBOL or "
             "SYMBOL+0xOFFSET");
}

std::optional<kernel::ImageWindow> read_image_window(const Values& values) {
    const auto text = values.text_if_given("window");
    if (!text) return std::nullopt;
    try {
        return kernel::parse_window(*text);
    } catch (const sweep::ScheduleError& error) {
        values.fail(fmt::format("--window {}", error.what()));
    }
}

std::string image_target(const std::string& file) {
    return std::string(image_target_begin) + std::filesystem::path(file).filename().string();
}

Words replay_options(const ImageOptions& options, const kernel::ImageWindow& window) {
    Words words{"--image", options.setup.file};
    words.insert(words.end(), options.words.begin(), options.words.end());
    words.insert(words.end(), {"--window", to_string(window)});
    return words;
}

Words files_of(const ImageOptions& options) {
    Words files{options.setup.file};
    if (options.description) files.push_back(*options.description);
    return files;
}

}  // namespace gatecrash::cli
