// Tests sets of instructions.
#include "vm/code_set.hpp"

#include <gmock/gmock.h>

namespace gatecrash::vm {
namespace {

using testing::ElementsAre;

void add(CodeSet& set, std::uint64_t begin, std::uint64_t end) { set.add(Virtual{begin}, Virtual{end}); }

TEST(CodeSet, JoinsNeighbours) {
    CodeSet set;
    add(set, 10, 12);
    add(set, 20, 25);
    add(set, 12, 14);
    EXPECT_THAT(set.ends(),
                ElementsAre(testing::Pair(Virtual{10}, Virtual{14}), testing::Pair(Virtual{20}, Virtual{25})));
    add(set, 13, 20);
    EXPECT_THAT(set.ends(), ElementsAre(testing::Pair(Virtual{10}, Virtual{25})));
    add(set, 11, 12);
    add(set, 5, 5);
    EXPECT_THAT(set.ends(), ElementsAre(testing::Pair(Virtual{10}, Virtual{25})));
    add(set, 8, 10);
    EXPECT_THAT(set.ends(), ElementsAre(testing::Pair(Virtual{8}, Virtual{25})));
}

TEST(CodeSet, ContainsItsBytes) {
    CodeSet set;
    EXPECT_TRUE(set.is_empty());
    add(set, 10, 12);
    EXPECT_FALSE(set.contains(Virtual{9}));
    EXPECT_TRUE(set.contains(Virtual{10}));
    EXPECT_TRUE(set.contains(Virtual{11}));
    EXPECT_FALSE(set.contains(Virtual{12}));
}

TEST(CodeSet, IncludesOthersInAnyOrder) {
    CodeSet one, other;
    add(one, 10, 12);
    add(other, 12, 13);
    add(other, 30, 31);
    auto both = one;
    both.include(other);
    other.include(one);
    EXPECT_EQ(both, other);
    EXPECT_THAT(both.ends(),
                ElementsAre(testing::Pair(Virtual{10}, Virtual{13}), testing::Pair(Virtual{30}, Virtual{31})));
}

}  // namespace
}  // namespace gatecrash::vm
