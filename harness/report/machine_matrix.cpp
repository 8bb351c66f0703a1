#include "report/machine_matrix.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <set>

#include "report/text_report.hpp"

namespace gatecrash::report {
namespace {

/// A machine, and its result of one variant.
struct Entry {
    const MachineDescription& machine;
    const suite::Result& result;
};
using Row = std::vector<Entry>;

Row row_of(std::span<const MachineResults> machines, std::size_t index) {
    Row row;
    for (const auto& each : machines) {
        if (index < each.results.size()) row.push_back({each.machine, each.results[index]});
    }
    return row;
}

std::string boundaries(const suite::Result& result) {
    return fmt::format("{} boundaries", grouped(result.sweep.boundaries));
}
std::string schedules(const suite::Result& result) { return counted(result.sweep.schedules, "schedule"); }
std::string replay(const suite::Result& result) {
    return result.sweep.findings.empty() ? "" : replay_command(result.sweep.findings.front().schedule);
}

/// Returns one of the texts that are compared between machines.
using Aspect = std::string (*)(const suite::Result&);
constexpr std::array<Aspect, 4> aspects{outcome, boundaries, schedules, replay};

bool differ(const suite::Result& one, const suite::Result& other) {
    return std::ranges::any_of(aspects, [&](Aspect aspect) { return aspect(one) != aspect(other); });
}

bool differs(const Row& row, Aspect aspect) {
    return std::ranges::any_of(row,
                               [&](const Entry& entry) { return aspect(entry.result) != aspect(row.front().result); });
}

bool differs(const Row& row) {
    return std::ranges::any_of(aspects, [&](Aspect aspect) { return differs(row, aspect); });
}

/// True if the machine was measured to have the behaviour as on real hardware, or not to have it, as `as_on_silicon`
/// says.
bool is(const MachineDescription& machine, vm::Behaviour behaviour, bool as_on_silicon) {
    const auto found = machine.behaviours.find(behaviour);
    return found != machine.behaviours.end() && found->second == as_on_silicon;
}

/// Lists the behaviours that may explain a difference, each with the machines where it is not as on real hardware.
std::string differing_behaviours(const Row& row) {
    std::set<vm::Behaviour, vm::ByName> behaviours;
    for (const auto& one : row) {
        for (const auto& other : row) {
            if (!differ(one.result, other.result)) continue;
            for (const auto& [behaviour, as_on_silicon] : one.machine.behaviours) {
                if (as_on_silicon && is(other.machine, behaviour, false)) behaviours.insert(behaviour);
            }
        }
    }
    if (behaviours.empty()) {
        const auto unknown =
            std::ranges::find_if(row, [](const Entry& entry) { return entry.machine.behaviours.empty(); });
        if (unknown != row.end()) return fmt::format("no behaviour of {} was measured", unknown->machine.name);
        return "no behaviour that was measured differs between the machines";
    }
    std::vector<std::string> texts;
    for (const auto behaviour : behaviours) {
        std::vector<std::string> lacking;
        for (const auto& entry : row) {
            if (is(entry.machine, behaviour, false)) lacking.push_back(entry.machine.name);
        }
        texts.push_back(fmt::format("{} ({})", to_string(behaviour), fmt::join(lacking, ", ")));
    }
    return fmt::format("these behaviours differ between the machines: {}", fmt::join(texts, ", "));
}

/// True if the machines differ only as the variant expects for their CPUs.
bool is_expected(const Row& row, const suite::Variant& variant) {
    const bool all_ok =
        std::ranges::all_of(row, [](const Entry& entry) { return entry.result.status == suite::Status::ok; });
    const auto others =
        std::ranges::count_if(row, [&](const Entry& entry) { return variant.differs_on(entry.machine.vendor); });
    return all_ok && others != 0 && static_cast<std::size_t>(others) != row.size();
}

std::string difference(const Row& row, const suite::Variant* variant) {
    const bool expected = variant != nullptr && is_expected(row, *variant);
    auto text = fmt::format("\n{} differs{}\n", name_of(row.front().result),
                            expected ? " as expected" : "; " + differing_behaviours(row));
    std::size_t width = 0;
    for (const auto& entry : row) width = std::max(width, entry.machine.name.size());
    for (const auto& [machine, result] : row) {
        std::vector<std::string> parts;
        for (const auto aspect : {outcome, boundaries, schedules}) {
            if (differs(row, aspect)) parts.push_back(aspect(result));
        }
        for (const auto& why : {result.skip_reason, first_line(result.message)}) {
            if (!why.empty()) parts.push_back(why);
        }
        if (const auto command = replay(result); !command.empty()) {
            parts.push_back(fmt::format("{} --machine {}", command, machine.name));
        }
        text += fmt::format("  {:<{}}  {}\n", machine.name, width, fmt::join(parts, "; "));
        if (expected) text += fmt::format("  {:<{}}  {}\n", "", width, variant->because_on(machine.vendor));
    }
    return text;
}

/// Returns a table with a column for each machine that has results.
std::string table(std::span<const MachineResults> machines, const std::vector<Row>& rows) {
    std::size_t name_width = 0, cell_width = 0;
    for (const auto& each : machines) cell_width = std::max(cell_width, each.machine.name.size());
    for (const auto& row : rows) {
        name_width = std::max(name_width, name_of(row.front().result).size());
        for (const auto& entry : row) cell_width = std::max(cell_width, outcome(entry.result).size());
    }
    const auto line = [&](bool marked, const std::string& name, auto&& cell) {
        auto text = fmt::format("{} {:<{}}", marked ? '*' : ' ', name, name_width);
        for (const auto& each : machines) {
            if (!each.results.empty()) text += fmt::format("  {:<{}}", cell(each), cell_width);
        }
        text.erase(text.find_last_not_of(' ') + 1);
        return text + "\n";
    };
    auto text = line(false, "", [](const MachineResults& each) { return each.machine.name; });
    for (std::size_t i = 0; i < rows.size(); ++i) {
        text += line(differs(rows[i]), name_of(rows[i].front().result), [&](const MachineResults& each) {
            return i < each.results.size() ? outcome(each.results[i]) : "-";
        });
    }
    return text;
}

}  // namespace

std::string machine_matrix(std::span<const MachineResults> machines, std::span<const Selection> selections) {
    std::vector<Row> rows;
    for (auto row = row_of(machines, 0); !row.empty(); row = row_of(machines, rows.size())) rows.push_back(row);
    auto text = table(machines, rows);
    const auto count =
        static_cast<std::size_t>(std::ranges::count_if(rows, [](const Row& row) { return differs(row); }));
    if (count == 0) return text + (!rows.empty() && rows.front().size() > 1 ? "\nthe machines do not differ\n" : "");
    text += fmt::format(
        "\n* {} whose results differ between machines; brackets name the machines on which a behaviour differs from "
        "hardware (`gatecrash doctor` measures more)\n",
        counted(count, "variant"));
    for (std::size_t i = 0; i < rows.size(); ++i) {
        if (differs(rows[i])) text += difference(rows[i], i < selections.size() ? selections[i].variant : nullptr);
    }
    return text;
}

}  // namespace gatecrash::report
