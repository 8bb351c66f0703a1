#include "report/bench_document.hpp"

#include "report/sweep_json.hpp"

namespace gatecrash::report {
namespace {

Json figure_to_json(const bench::Figure& figure) {
    return {{"name", figure.name}, {"unit", figure.unit},   {"median", figure.median},
            {"min", figure.min},   {"p99", figure.p99},     {"interval", {figure.interval.low, figure.interval.high}},
            {"runs", figure.runs}, {"valid", figure.valid}, {"note", figure.note}};
}

bench::Figure to_figure(const Json& json) {
    const auto& interval = json.at("interval");
    return {.name = text(json, "name"),
            .unit = text(json, "unit"),
            .median = json.at("median").get<double>(),
            .min = json.at("min").get<double>(),
            .p99 = json.at("p99").get<double>(),
            .interval = {interval.at(0).get<double>(), interval.at(1).get<double>()},
            .runs = number(json, "runs"),
            .valid = json.at("valid").get<bool>(),
            .note = text(json, "note")};
}

}  // namespace

std::string to_text(const BenchDocument& document) {
    Json json{{"gatecrash", document.version},
              {"machine", to_json(document.machine)},
              {"results", Json::array()},
              {"skipped", Json::array()},
              {"warnings", document.measured.warnings}};
    for (const auto& figure : document.measured.figures) json["results"].push_back(figure_to_json(figure));
    for (const auto& [name, reason] : document.measured.skipped) {
        json["skipped"].push_back({{"name", name}, {"reason", reason}});
    }
    if (document.expected) json["expected"] = to_json(*document.expected);
    if (document.host) json["host"] = to_json(*document.host, document.machine.vendor);
    return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

BenchDocument read_bench_document(const std::string& content) {
    try {
        const auto json = Json::parse(content);
        BenchDocument document{text(json, "gatecrash"), to_machine(json.at("machine")), {}};
        for (const auto& each : json.at("results")) document.measured.figures.push_back(to_figure(each));
        for (const auto& each : json.at("skipped")) {
            document.measured.skipped.push_back({text(each, "name"), text(each, "reason")});
        }
        document.measured.warnings = json.at("warnings").get<std::vector<std::string>>();
        return document;
    } catch (const Json::exception& error) {
        throw BenchDocumentError(error.what());
    } catch (const JsonError& error) {
        throw BenchDocumentError(error.what());
    }
}

}  // namespace gatecrash::report
