#include "cli/select.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <fnmatch.h>

#include <algorithm>
#include <filesystem>

#include "cli/options.hpp"
#include "cli/target.hpp"
#include "posix/file.hpp"
#include "suite/expectation_file.hpp"

namespace gatecrash::cli {
namespace {

std::vector<Selection> everything(std::span<const suite::Case* const> cases) {
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

std::vector<Selection> select(std::span<const suite::Case* const> cases, const std::vector<std::string>& patterns) {
    auto all = everything(cases);
    if (patterns.empty()) return all;
    for (const auto& pattern : patterns) {
        if (!matches_any(cases, pattern)) {
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

bool matches_any(std::span<const suite::Case* const> cases, const std::string& pattern) {
    return std::ranges::any_of(everything(cases), [&](const auto& each) { return matches(each, pattern); });
}

bool is_file(const std::string& name) {
    std::error_code error;
    return std::filesystem::is_regular_file(name, error);
}

std::vector<Selection> expectations_of(const std::string& file) {
    const auto text_file = suite::expectation_file_of(file);
    if (!is_file(text_file)) {
        throw UsageError(
            fmt::format("{} has no expectations: write {}, with lines such as 'nmi depth 2 holds', or use "
                        "`gatecrash explore {}`",
                        file, text_file, file));
    }
    try {
        auto expected = suite::parse_expectations(posix::read_file(text_file), file, address_of_symbol);
        expected.file = file;
        // Refuses a file that is not a guest before any machine is needed.
        (void)vm::load_elf_file(file);
        const auto owner = std::make_shared<const suite::Case>(std::move(expected));
        std::vector<Selection> selections;
        for (const auto& variant : owner->variants) selections.push_back({owner.get(), &variant, owner});
        return selections;
    } catch (const suite::ExpectationError& error) {
        throw UsageError(error.what());
    }
}

Selection find_variant(std::span<const suite::Case* const> cases, const std::string& name) {
    for (const auto& each : everything(cases)) {
        if (each.name() == name) return each;
    }
    return {};
}

std::vector<std::string> variant_names(std::span<const suite::Case* const> cases) {
    std::vector<std::string> names;
    for (const auto& each : everything(cases)) names.push_back(each.name());
    return names;
}

std::vector<std::string> pattern_names(std::span<const suite::Case* const> cases) {
    auto names = variant_names(cases);
    for (const auto* each : cases) names.push_back(each->name);
    return names;
}

std::string case_names(std::span<const suite::Case* const> cases) {
    std::vector<std::string> names;
    for (const auto* each : cases) names.push_back(each->name);
    return fmt::format("{}", fmt::join(names, ", "));
}

}  // namespace gatecrash::cli
