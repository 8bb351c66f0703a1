#include "cli/select.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/options.hpp"
#include "support/sample.hpp"

namespace gatecrash::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class Select : public testing::Test {
  protected:
    Select() : first_(sample::nested_nmi()), second_(first_) { second_.name = "other"; }

    std::vector<std::string> names(const std::vector<std::string>& patterns) const {
        std::vector<std::string> names;
        for (const auto& selection : select(cases_, patterns)) names.push_back(selection.name());
        return names;
    }

    suite::Case first_, second_;
    std::vector<const suite::Case*> cases_{&first_, &second_};
};

TEST_F(Select, TakesEverythingWithoutPatterns) { EXPECT_EQ(names({}).size(), 4U); }

TEST_F(Select, MatchesCasesAndVariants) {
    EXPECT_THAT(names({"other"}), ElementsAre("other/flag-only", "other/copied-frame"));
    EXPECT_THAT(names({"nested*"}), ElementsAre("nested-nmi/flag-only", "nested-nmi/copied-frame"));
    EXPECT_THAT(names({"*/flag-only"}), ElementsAre("nested-nmi/flag-only", "other/flag-only"));
    EXPECT_THAT(names({"other/[c-d]opied-????e"}), ElementsAre("other/copied-frame"));
}

TEST_F(Select, TakesEachOnceAndInTheOrderOfTheCases) {
    EXPECT_THAT(names({"other/flag-only", "*/flag-only", "nested-nmi"}),
                ElementsAre("nested-nmi/flag-only", "nested-nmi/copied-frame", "other/flag-only"));
}

TEST_F(Select, RefusesAPatternThatMatchesNothing) {
    try {
        (void)names({"other", "flag-only"});
        FAIL() << "accepted";
    } catch (const UsageError& error) {
        EXPECT_THAT(error.what(), HasSubstr("'flag-only'"));
        EXPECT_THAT(error.what(), HasSubstr("nested-nmi, other"));
    }
}

TEST_F(Select, FindsAVariantByItsExactName) {
    EXPECT_EQ(find_variant(cases_, "other/flag-only").name(), "other/flag-only");
    EXPECT_EQ(find_variant(cases_, "other/*").variant, nullptr);
    EXPECT_EQ(find_variant(cases_, "other").variant, nullptr);
}

}  // namespace
}  // namespace gatecrash::cli
