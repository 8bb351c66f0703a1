#include "worker/known_findings.hpp"

#include <gtest/gtest.h>

namespace gatecrash::worker {
namespace {

sweep::Finding finding(const std::string& symbol, std::uint64_t block, unsigned length = 1) {
    sweep::Finding finding{{"c/v", {}}, {sweep::Invariant::stack, "why"}, {}};
    finding.schedule.landings.assign(length, {vm::Event::nmi(), {symbol, 0, 1, {}}});
    finding.block = block;
    return finding;
}

TEST(KnownFindings, AreNewUnlessOneThatIsAlikeOrShorterIsKnown) {
    KnownFindings known;
    EXPECT_FALSE(known.shortest());
    EXPECT_TRUE(known.add(finding("a", 1, 2)));
    EXPECT_EQ(known.shortest(), 2U);
    EXPECT_FALSE(known.add(finding("a", 2, 2)));
    EXPECT_TRUE(known.add(finding("b", 3, 1)));
    EXPECT_FALSE(known.add(finding("c", 3, 2)));
    EXPECT_EQ(known.shortest(), 1U);
}

TEST(KnownFindings, EndASweepInTheBlockOfTheLastThatCounts) {
    KnownFindings known;
    (void)known.add(finding("a", 7));
    (void)known.add(finding("a", 9));
    EXPECT_EQ(known.last_block(1, 1), 7U);
    EXPECT_FALSE(known.last_block(1, 2)) << "the two are alike";
    (void)known.add(finding("b", 8));
    EXPECT_EQ(known.last_block(1, 2), 8U);
    EXPECT_FALSE(known.last_block(2, 1));
    EXPECT_FALSE(known.last_block(1, 0)) << "without a limit it does not stop";
}

}  // namespace
}  // namespace gatecrash::worker
