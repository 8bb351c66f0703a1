#include "report/coverage.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace gatecrash::report {
namespace {

/// Adds a variant with its expectations for every vendor.
void add(Coverage& coverage, const Selection& selection) {
    const auto& variant = *selection.variant;
    const auto list = [&](bool holds) -> auto& { return holds ? coverage.holds : coverage.breaks; };
    const bool holds = variant.expects.holds();
    if (variant.otherwise && variant.otherwise->expects.holds() != holds) {
        const auto vendor = vm::to_string(variant.otherwise->vendor);
        list(holds).push_back({selection.name(), "not on " + vendor});
        list(!holds).push_back({selection.name(), "on " + vendor});
    } else {
        list(holds).push_back({selection.name(), ""});
    }
    for (const auto behaviour : variant.needs) {
        if (std::ranges::find(coverage.needs, behaviour) == coverage.needs.end()) coverage.needs.push_back(behaviour);
    }
}

std::vector<std::string> texts(std::span<const CoveringVariant> variants) {
    std::vector<std::string> texts;
    for (const auto& variant : variants) texts.push_back(to_string(variant));
    return texts;
}

std::vector<std::string> names(std::span<const CoveringVariant> variants) {
    std::vector<std::string> names;
    for (const auto& variant : variants) names.push_back(variant.name);
    return names;
}

std::string_view status_of(const Coverage& coverage) {
    return coverage.is_covered() ? "covered" : coverage.is_open() ? "open" : "one way";
}

}  // namespace

std::string to_string(const CoveringVariant& variant) {
    return variant.where.empty() ? variant.name : fmt::format("{} ({})", variant.name, variant.where);
}

std::vector<Coverage> coverage_of(std::span<const suite::CatalogueRow> rows, std::span<const Selection> selections) {
    std::vector<Coverage> coverage;
    coverage.reserve(rows.size());
    for (const auto& row : rows) coverage.push_back({row, {}, {}, {}});
    for (const auto& selection : selections) {
        for (const auto& id : selection.variant->covers) {
            const auto row = std::ranges::find_if(coverage, [&](const Coverage& c) { return c.row.id == id; });
            if (row == coverage.end()) {
                throw std::invalid_argument(
                    fmt::format("{} covers {}, which is not a row of the catalogue", selection.name(), id));
            }
            add(*row, selection);
        }
    }
    return coverage;
}

std::string text_coverage(std::span<const Coverage> coverage) {
    std::string text;
    for (const auto& c : coverage) {
        text += fmt::format("{:<8} {:<4} {}\n", status_of(c), c.row.id, c.row.name);
        if (!c.breaks.empty()) text += fmt::format("              breaks {}\n", fmt::join(texts(c.breaks), ", "));
        if (!c.holds.empty()) text += fmt::format("              holds  {}\n", fmt::join(texts(c.holds), ", "));
        if (!c.needs.empty()) text += fmt::format("              needs  {}\n", fmt::join(vm::names_of(c.needs), ", "));
    }
    const auto covered = std::ranges::count_if(coverage, &Coverage::is_covered);
    const auto open = std::ranges::count_if(coverage, &Coverage::is_open);
    return text + fmt::format("\n{} rows: {} covered both ways, {} one way, {} open\n", coverage.size(), covered,
                              static_cast<std::ptrdiff_t>(coverage.size()) - covered - open, open);
}

std::string json_coverage(const std::string& version, std::span<const Coverage> coverage) {
    using Json = nlohmann::ordered_json;
    auto rows = Json::array();
    for (const auto& c : coverage) {
        rows.push_back({{"row", c.row.id},
                        {"name", c.row.name},
                        {"status", status_of(c)},
                        {"breaks", names(c.breaks)},
                        {"holds", names(c.holds)},
                        {"needs", vm::names_of(c.needs)}});
    }
    return Json{{"gatecrash", version}, {"rows", rows}}.dump(2) + "\n";
}

}  // namespace gatecrash::report
