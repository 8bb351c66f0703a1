#include "report/run_record.hpp"

#include <fmt/format.h>

#include "report/sweep_json.hpp"

namespace gatecrash::report {
namespace {

/// Adds the results of one machine that are about the code. Returns how many results have a record at all.
std::uint64_t add_list(RunRecord& record, const Json& results, const std::string& identity) {
    std::uint64_t recorded = 0;
    for (const auto& result : results) {
        if (!result.contains("code") || !result.contains("executed")) continue;
        ++recorded;
        if (result.at("code").is_null() || text(result, "code") != identity) continue;
        record.executed.include(to_code_set(result.at("executed")));
        ++record.results;
    }
    return recorded;
}

}  // namespace

void add_results(RunRecord& record, const std::string& document, const std::string& identity) {
    const auto before = record.results;
    std::uint64_t recorded = 0;
    try {
        const auto json = Json::parse(document);
        if (!json.is_object() || !json.contains("gatecrash") || !json.contains("results"))
            throw RunRecordError("not a JSON document of `run`, `explore`, `linux`, `kernel` or `merge`");
        // A document of all machines repeats the results of the first one.
        if (json.contains("machines")) {
            for (const auto& machine : json.at("machines"))
                recorded += add_list(record, machine.at("results"), identity);
        } else {
            recorded = add_list(record, json.at("results"), identity);
        }
    } catch (const Json::exception& error) {
        throw RunRecordError(fmt::format("not a JSON document of gatecrash: {}", error.what()));
    } catch (const JsonError& error) {
        throw RunRecordError(fmt::format("not a JSON document of gatecrash: {}", error.what()));
    }
    if (recorded == 0)
        throw RunRecordError("none of its results says what was executed: sweep with this version, and --json");
    if (record.results == before) {
        throw RunRecordError(
            "none of its results is about this file: was another guest swept, or an older build of it?");
    }
}

}  // namespace gatecrash::report
