// Tests how many NMIs a kernel must handle.
#include "kernel/nmi_count.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace gatecrash::kernel {
namespace {

struct Row {
    const char* what;
    std::vector<std::int64_t> begun;  ///< at each delivery
    std::uint32_t least;
};

TEST(NmiCount, DemandsOneHandlingAfterEachDelivery) {
    const std::vector<Row> rows{
        {"none", {}, 0},
        {"one", {0}, 1},
        {"one during the NMI that opens the window, before that is handled", {-1}, 0},
        {"two, one after the other", {0, 1}, 2},
        {"two, and the second before the first is handled", {0, 0}, 1},
        {"three, two of which share a repeat", {0, 1, 1}, 2},
        {"three, and the last in the repeat for the second", {0, 1, 2}, 3},
    };
    for (const auto& [what, begun, least] : rows) {
        NmiCount count;
        for (const auto before : begun) count.deliver(before);
        EXPECT_EQ(count.least(), least) << what;
        EXPECT_EQ(count.delivered(), begun.size()) << what;
    }
}

}  // namespace
}  // namespace gatecrash::kernel
