#include "report/behaviour_table.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "report/sweep_json.hpp"

namespace gatecrash::report {
namespace {

constexpr std::size_t mark_width = 7;  // width of "differs"

std::string mark_of(const MachineDescription& machine, const BehaviourRow& row) {
    const auto found = machine.behaviours.find(row.behaviour);
    if (found == machine.behaviours.end()) return "-";
    if (found->second) return "ok";
    const auto& some = machine.vendor == vm::Vendor::amd ? row.some_amd : row.some_intel;
    const auto answer = machine.answers.find(row.behaviour);
    return answer != machine.answers.end() && std::ranges::count(some, answer->second) != 0 ? "other" : "differs";
}

std::size_t name_width(std::span<const BehaviourRow> rows) {
    std::size_t width = 0;
    for (const auto& row : rows) width = std::max(width, to_string(row.behaviour).size());
    return width;
}

std::string text_of(const Json& document) {
    return document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

Json to_json(const BehaviourRow& row) {
    return {{"name", to_string(row.behaviour)}, {"intel", row.intel},      {"amd", row.amd}, {"source", row.source},
            {"some_intel", row.some_intel},     {"some_amd", row.some_amd}};
}

Json to_json(const ExaminedMachine& machine) {
    if (!machine.missing.empty()) {
        return {{"name", machine.description.name}, {"missing", machine.missing}, {"remedy", machine.remedy}};
    }
    auto json = report::to_json(machine.description);
    json["fit"] = machine.fit;
    if (machine.host) json["host"] = report::to_json(*machine.host, machine.description.vendor);
    return json;
}

}  // namespace

std::string behaviour_table(std::span<const BehaviourRow> rows, std::span<const ExaminedMachine> machines) {
    const auto width = name_width(rows);
    const auto line = [&](std::string_view name, auto&& mark, const std::string& manuals) {
        auto text = fmt::format("{:<{}}", name, width);
        for (const auto& machine : machines) text += fmt::format("  {:<{}}", mark(machine.description), mark_width);
        text += "  " + manuals;
        text.erase(text.find_last_not_of(' ') + 1);
        return text + "\n";
    };
    const auto nothing = [](const MachineDescription&) { return std::string(); };

    auto table = line(
        "", [](const MachineDescription& machine) { return machine.name; }, "the manuals");
    for (const auto& row : rows) {
        const auto marks = [&](const MachineDescription& machine) { return mark_of(machine, row); };
        const auto source = fmt::format(" [{}]", row.source);
        if (row.intel == row.amd) {
            table += line(to_string(row.behaviour), marks, row.intel + source);
        } else {
            table += line(to_string(row.behaviour), marks, "Intel: " + row.intel);
            table += line("", nothing, "AMD: " + row.amd + source);
        }
        for (const auto& machine : machines) {
            const auto mark = mark_of(machine.description, row);
            if (mark == "ok" || mark == "-") continue;
            const auto answer = machine.description.answers.find(row.behaviour);
            if (answer == machine.description.answers.end()) continue;
            table += line("", nothing, fmt::format("{} gives: {}", machine.description.name, answer->second));
        }
    }
    return table;
}

std::string doctor_report(const std::string& version, const MachineDescription& taken,
                          std::span<const ExaminedMachine> machines, std::span<const BehaviourRow> rows) {
    Json document{{"gatecrash", version}, {"machine", report::to_json(taken)}, {"results", Json::array()}};
    document["machines"] = Json::array();
    for (const auto& machine : machines) document["machines"].push_back(to_json(machine));
    document["manuals"] = Json::array();
    for (const auto& row : rows) document["manuals"].push_back(to_json(row));
    return text_of(document);
}

std::string host_report(const std::string& doctor, const std::optional<BenchDocument>& bench,
                        const std::string& missing, const std::optional<ExpectedCost>& expected) {
    auto document = Json::parse(doctor);
    document["bench"] = bench ? Json::parse(to_text(*bench)) : Json();
    document["bench_missing"] = missing;
    document["expected"] = expected ? to_json(*expected) : Json();
    return text_of(document);
}

MachineDescription machine_of_doctor_report(const std::string& document) {
    try {
        return to_machine(Json::parse(document).at("machine"));
    } catch (const Json::exception& error) {
        throw std::runtime_error(fmt::format("not a document of `gatecrash doctor`: {}", error.what()));
    }
}

}  // namespace gatecrash::report
