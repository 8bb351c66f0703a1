// Tests the enumeration of behaviours: its names, its order, and its page.
#include "vm/behaviour.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <string>

namespace gatecrash::vm {
namespace {

TEST(Behaviours, HaveUniqueKebabCaseNames) {
    std::set<std::string> names;
    const std::regex kebab_case("[a-z][a-z0-9]*(-[a-z0-9]+)*");
    for (const auto& row : behaviours) {
        const std::string name(row.name);
        EXPECT_TRUE(names.insert(name).second) << name;
        EXPECT_TRUE(std::regex_match(name, kebab_case)) << name;
    }
}

TEST(Behaviours, AreReadByTheirNames) {
    for (const auto& row : behaviours) {
        EXPECT_EQ(to_string(row.behaviour), row.name);
        EXPECT_EQ(parse_behaviour(row.name), row.behaviour);
    }
    for (const auto* other : {"", "int", "int3 ", "tf_step"}) EXPECT_FALSE(parse_behaviour(other)) << other;
}

/// A message may name any behaviour except a fact, and gives its meaning in brackets.
TEST(Behaviours, HaveAShortMeaningUnlessTheyAreFacts) {
    for (const auto& row : behaviours) {
        EXPECT_EQ(row.meaning.empty(), row.rank == BehaviourRank::fact) << row.name;
        EXPECT_LE(row.meaning.size(), 80U) << row.name;
        EXPECT_FALSE(row.meaning.ends_with('.')) << row.name;
    }
    EXPECT_EQ(describe(Behaviour::lsl), "lsl (LSL returns the limit of a segment)");
    EXPECT_EQ(describe(Behaviour::lstar_non_canonical), "lstar-non-canonical");
}

TEST(Behaviours, BeginWithTheBasicsAndEndWithTheFacts) {
    EXPECT_TRUE(std::ranges::is_sorted(behaviours, {}, &BehaviourInfo::rank));
    EXPECT_TRUE(is_basic(behaviours.front().behaviour));
    EXPECT_EQ(behaviours.back().rank, BehaviourRank::fact);
}

/// The page explains each behaviour, under the heading of its rank.
TEST(Behaviours, AreDocumented) {
    std::ifstream file(REFERENCE_PAGES "/behaviours.md");
    const std::string page(std::istreambuf_iterator<char>(file), {});
    const auto others = page.find("\n## Other behaviours\n"), facts = page.find("\n## Facts\n");
    ASSERT_LT(others, facts);
    ASSERT_NE(facts, std::string::npos);
    for (const auto& row : behaviours) {
        const auto at = page.find("\n| `" + std::string(row.name) + "` |");
        ASSERT_NE(at, std::string::npos) << row.name;
        const auto rank = at < others ? BehaviourRank::basic : at < facts ? BehaviourRank::other : BehaviourRank::fact;
        EXPECT_EQ(rank, row.rank) << row.name;
    }
}

}  // namespace
}  // namespace gatecrash::vm
