#include "report/coverage.hpp"

#include <gmock/gmock.h>

#include <array>
#include <nlohmann/json.hpp>
#include <set>

namespace gatecrash::report {
namespace {

using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;

constexpr std::array catalogue{suite::CatalogueRow{"A1", "nested"}, suite::CatalogueRow{"A2", "flag"},
                               suite::CatalogueRow{"B1", "bad return"}};

suite::Variant variant(const char* name, std::vector<std::string> covers, suite::Expectation expects) {
    suite::Variant variant;
    variant.name = name;
    variant.covers = std::move(covers);
    variant.expects = std::move(expects);
    return variant;
}

const suite::Case sample{.name = "case",
                         .asks = "?",
                         .variants = {variant("bad", {"A1", "A2"}, suite::breaks(sweep::Invariant::stack, {{}})),
                                      variant("good", {"A1"}, suite::holds())}};
const std::array selections{Selection{&sample, &sample.variants[0]}, Selection{&sample, &sample.variants[1]}};

TEST(Coverage, IsBothWaysOnlyIfOneBreaksAndOneHolds) {
    const auto coverage = coverage_of(catalogue, selections);
    ASSERT_EQ(coverage.size(), 3U);
    EXPECT_TRUE(coverage[0].is_covered());
    EXPECT_THAT(coverage[0].breaks, ElementsAre(Field(&CoveringVariant::name, "case/bad")));
    EXPECT_THAT(coverage[0].holds, ElementsAre(Field(&CoveringVariant::name, "case/good")));
    EXPECT_FALSE(coverage[1].is_covered());
    EXPECT_FALSE(coverage[1].is_open());
    EXPECT_TRUE(coverage[2].is_open());
    EXPECT_THAT(text_coverage(coverage), HasSubstr("3 rows: 1 covered both ways, 1 one way, 1 open"));
    const auto document = nlohmann::json::parse(json_coverage("0.1.0", coverage));
    EXPECT_EQ(document["rows"][1]["status"], "one way");
}

TEST(Coverage, OfAVariantThatDiffersByVendorIsBothWays) {
    suite::Case differs = sample;
    differs.variants[0].otherwise =
        suite::Variant::Otherwise{.vendor = vm::Vendor::amd, .expects = suite::holds(), .because = ""};
    const std::array one{Selection{&differs, &differs.variants[0]}};
    const auto coverage = coverage_of(catalogue, one);
    EXPECT_TRUE(coverage[1].is_covered());
    const auto text = text_coverage(coverage);
    EXPECT_THAT(text, HasSubstr("breaks case/bad (not on amd)\n"));
    EXPECT_THAT(text, HasSubstr("holds  case/bad (on amd)\n"));
    const auto document = nlohmann::json::parse(json_coverage("0.1.0", coverage));
    EXPECT_THAT(document["rows"][1]["breaks"], ElementsAre("case/bad"));
    EXPECT_THAT(document["rows"][1]["holds"], ElementsAre("case/bad"));
}

TEST(Coverage, NamesEachNeededBehaviourOnce) {
    suite::Case needy = sample;
    for (auto& each : needy.variants) each.needs = {vm::Behaviour::smap};
    const std::array two{Selection{&needy, &needy.variants[0]}, Selection{&needy, &needy.variants[1]}};
    EXPECT_THAT(coverage_of(catalogue, two)[0].needs, ElementsAre(vm::Behaviour::smap));
}

TEST(Coverage, RefusesAnUnknownRow) {
    const std::array other{suite::CatalogueRow{"B1", "bad return"}};
    EXPECT_THROW((void)coverage_of(other, selections), std::invalid_argument);
}

TEST(Catalogue, HasEachRowOnce) {
    std::set<std::string_view> ids;
    for (const auto& row : suite::catalogue()) EXPECT_TRUE(ids.insert(row.id).second) << row.id;
    EXPECT_GT(ids.size(), 190U);
}

}  // namespace
}  // namespace gatecrash::report
