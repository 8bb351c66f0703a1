#include "select.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <fnmatch.h>

#include <algorithm>

#include "options.hpp"

namespace gatecrash::cli {
namespace {

std::vector<Selection> everything(std::span<const explore::Case* const> cases) {
    std::vector<Selection> all;
    for (const auto* each : cases) {
        for (const auto& variant : each->variants) all.push_back({each, &variant});
    }
    return all;
}

bool matches(const Selection& selection, const std::string& pattern) {
    return ::fnmatch(pattern.c_str(), selection.of->name.c_str(), 0) == 0 ||
           ::fnmatch(pattern.c_str(), selection.name().c_str(), 0) == 0;
}

}  // namespace

std::vector<Selection> select(std::span<const explore::Case* const> cases, const std::vector<std::string>& patterns) {
    auto all = everything(cases);
    if (patterns.empty()) return all;
    for (const auto& pattern : patterns) {
        if (std::ranges::none_of(all, [&](const auto& each) { return matches(each, pattern); })) {
            throw UsageError(
                fmt::format("no case or variant matches '{}'; the cases are: {} (`gatecrash list` shows their "
                            "variants)",
                            pattern, case_names(cases)));
        }
    }
    std::vector<Selection> selected;
    std::ranges::copy_if(all, std::back_inserter(selected), [&](const auto& each) {
        return std::ranges::any_of(patterns, [&](const auto& pattern) { return matches(each, pattern); });
    });
    return selected;
}

Selection find_variant(std::span<const explore::Case* const> cases, const std::string& name) {
    for (const auto& each : everything(cases)) {
        if (each.name() == name) return each;
    }
    return {};
}

std::string case_names(std::span<const explore::Case* const> cases) {
    std::vector<std::string> names;
    for (const auto* each : cases) names.push_back(each->name);
    return fmt::format("{}", fmt::join(names, ", "));
}

}  // namespace gatecrash::cli
