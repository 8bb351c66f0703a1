// Fuzzes schedules and lists of events: any text either prints as one with the same meaning, or gives an error that
// says what is wrong.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "sweep/schedule.hpp"

using namespace gatecrash::sweep;

namespace {

void expect_same_schedule(std::string_view text) try {
    const auto schedule = parse_schedule(text);
    if (parse_schedule(to_string(schedule)) != schedule) std::abort();
} catch (const ScheduleError&) {
}

void expect_same_events(std::string_view text) try {
    const auto events = parse_events(text);
    std::string printed;
    for (const auto event : events) printed += (printed.empty() ? "" : ",") + to_string(event);
    if (parse_events(printed) != events) std::abort();
} catch (const ScheduleError&) {
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    expect_same_schedule(text);
    expect_same_events(text);
    return 0;
}
