#include "cli/values.hpp"

namespace gatecrash::cli {

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
