#include "cli/values.hpp"

#include <unistd.h>

#include <filesystem>
#include <system_error>

namespace gatecrash::cli {

void check_file(const std::string& file, const std::string& what, const std::string& command) {
    if (::access(file.c_str(), R_OK) != 0) {
        const std::error_code error(errno, std::generic_category());
        throw UsageError(fmt::format("{}: cannot read {}: {}", what, file, error.message()), command);
    }
    std::error_code error;
    if (std::filesystem::is_directory(file, error))
        throw UsageError(fmt::format("{}: {} is a folder", what, file), command);
}

std::optional<std::string> Values::given_of(const boost::program_options::options_description& options) const {
    for (const auto& option : options.options()) {
        const auto& name = option->long_name();
        const bool is_flag = option->semantic()->max_tokens() == 0;
        if (is_flag ? is_set(name.c_str()) : has(name.c_str())) return name;
    }
    return std::nullopt;
}

std::optional<std::string> Values::text_if_given(const char* name) const {
    return has(name) ? std::optional(text(name)) : std::nullopt;
}

std::optional<std::string> Values::file_if_given(const char* name) const {
    auto file = text_if_given(name);
    if (file && (file->empty() || *file == "-")) fail(fmt::format("--{} needs the name of a file", name));
    return file;
}

Words Values::arguments(std::size_t max) const {
    auto all = has("argument") ? values_["argument"].as<Words>() : Words();
    if (all.size() > max) fail(fmt::format("unexpected argument '{}'", all[max]));
    return all;
}

std::string Values::only_argument(std::string_view what) const {
    const auto all = arguments(1);
    if (all.empty() || all.front().empty()) fail(fmt::format("{} is missing", what));
    return all.front();
}

void Values::check(const std::vector<Destination>& destinations) const {
    for (auto one = destinations.begin(); one != destinations.end(); ++one) {
        for (auto other = one + 1; other != destinations.end(); ++other) {
            if (one->path != other->path) continue;
            fail(fmt::format("{} and {} both write to {}", one->option, other->option,
                             one->path == "-" ? "standard output" : one->path));
        }
    }
}

}  // namespace gatecrash::cli
