#include "sweep/trace_text.hpp"

#include <gmock/gmock.h>

namespace gatecrash::sweep {
namespace {

using testing::ElementsAre;

TEST(TraceLines, AreAllKeptIfTheyAreFew) {
    TraceLines trace;
    for (std::size_t i = 0; i < 2 * TraceLines::most; ++i) trace.add(std::to_string(i));
    const auto lines = trace.lines();
    ASSERT_EQ(lines.size(), 2 * TraceLines::most);
    for (std::size_t i = 0; i < lines.size(); ++i) EXPECT_EQ(lines[i], std::to_string(i));
}

TEST(TraceLines, LoseOnlyInstructionsOfTheMiddle) {
    constexpr auto most = TraceLines::most;
    TraceLines trace;
    for (std::size_t i = 0; i < most; ++i) trace.add("first");
    trace.add("  1  entry");
    trace.add("  2  entry");
    trace.add(">>> nmi lands at entry");
    trace.add("=== vector 2");
    trace.add("  3  entry");
    for (std::size_t i = 0; i < most; ++i) trace.add("last");
    const auto lines = trace.lines();
    ASSERT_EQ(lines.size(), 2 * most + 4);
    EXPECT_THAT((std::vector(lines.begin() + most - 1, lines.end() - most + 1)),
                ElementsAre("first", "... 2 lines are left out", ">>> nmi lands at entry", "=== vector 2",
                            "... 1 line is left out", "last"));
}

TEST(TraceLines, HaveALimit) {
    TraceLines trace;
    for (int i = 0; i < 10'000; ++i) trace.add("=== vector 3");
    EXPECT_EQ(trace.lines().size(), 3 * TraceLines::most + 1);
}

}  // namespace
}  // namespace gatecrash::sweep
