// docs/reference/machine-differences.md names behaviours that exist, in the order of `gatecrash doctor`.
#include <gtest/gtest.h>

#include <fstream>
#include <regex>
#include <string>
#include <vector>

#include "vm/behaviour.hpp"

namespace gatecrash::vm {
namespace {

/// Returns the names in the first column of the page's first table, in order.
std::vector<std::string> names_in_first_column() {
    static const std::regex row(R"(\| (`[^|]+`) \|.*)"), name("`([^`]+)`");
    std::vector<std::string> names;
    std::ifstream file(REFERENCE_PAGES "/machine-differences.md");
    for (std::string line; std::getline(file, line);) {
        if (line.starts_with("## ")) break;
        std::smatch cell;
        if (!std::regex_match(line, cell, row)) continue;
        const auto column = cell[1].str();
        for (std::sregex_iterator each(column.begin(), column.end(), name), end; each != end; ++each) {
            names.push_back((*each)[1]);
        }
    }
    return names;
}

TEST(MachineDifferences, NamesEachBehaviourOnceInDoctorsOrder) {
    const auto names = names_in_first_column();
    ASSERT_FALSE(names.empty()) << REFERENCE_PAGES "/machine-differences.md";
    std::vector<Behaviour> behaviours_of_page;
    for (const auto& name : names) {
        const auto behaviour = parse_behaviour(name);
        ASSERT_TRUE(behaviour) << name << " is no behaviour (harness/vm/behaviours.def).";
        if (!behaviours_of_page.empty()) {
            EXPECT_LT(behaviours_of_page.back(), *behaviour) << name << " is not in the order of behaviours.def.";
        }
        behaviours_of_page.push_back(*behaviour);
    }
}

}  // namespace
}  // namespace gatecrash::vm
