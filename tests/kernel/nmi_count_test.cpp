// Tests how many NMIs a kernel must handle.
#include "kernel/nmi_count.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace gatecrash::kernel {
namespace {

struct Arrival {
    std::int64_t begun;
    bool waits;
};

struct Row {
    const char* what;
    std::vector<Arrival> arrivals;
    std::uint32_t least;
};

TEST(NmiCount, DemandsOneHandlingAfterEachArrival) {
    const std::vector<Row> rows{
        {"none", {}, 0},
        {"one", {{0, false}}, 1},
        {"one that waits for an STI", {{0, true}}, 1},
        {"one during the NMI that opens the window, before that is handled", {{-1, false}}, 0},
        {"one during the handling of the NMI that opens the window", {{0, false}}, 1},
        {"two, one after the other", {{0, false}, {1, false}}, 2},
        {"two that the CPU unmasks before the first is handled", {{0, false}, {0, false}}, 1},
        {"two, and the CPU keeps the second until the first is handled", {{0, false}, {0, true}}, 2},
        {"three, two of which share a repeat", {{0, false}, {1, false}, {1, false}}, 2},
        {"three, and the last arrives in the repeat for the second", {{0, false}, {1, false}, {2, false}}, 3},
    };
    for (const auto& [what, arrivals, least] : rows) {
        NmiCount count;
        for (const auto& [begun, waits] : arrivals) count.arrive(begun, waits);
        EXPECT_EQ(count.least(), least) << what;
        EXPECT_EQ(count.arrived(), arrivals.size()) << what;
    }
}

}  // namespace
}  // namespace gatecrash::kernel
