// Fuzzes the static check: from any bytes it makes a report, or says what is wrong with the file.
#include <cstdint>
#include <cstdlib>
#include <span>

#include "check/report.hpp"

using namespace gatecrash;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto bytes = std::as_bytes(std::span(data, size));
    try {
        const auto file = check::read_code_file({bytes.begin(), bytes.end()}, "fuzz");
        const auto report = check::make_report(
            file, "/dev/null", check::check_file(file, {.sections = {}, .entries = {}, .policy = {}}), {});
        for (const auto& finding : report.findings) {
            if (finding.place.empty() || finding.rule == nullptr) std::abort();
        }
        if (check::to_text(report).empty() || check::to_json(report, "1").empty() ||
            check::to_sarif(report, "1").empty()) {
            std::abort();
        }
    } catch (const kernel::ImageError&) {
    }
    return 0;
}
