// The table of behaviours, and that the judgement follows from what was measured: no KVM needed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <stdexcept>

#include "kvm/error.hpp"
#include "qualify/probe.hpp"
#include "vm/outcome.hpp"

namespace gatecrash::qualify {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr Probe probe{"a-behaviour", true, {"as on Intel", "as on AMD"}, "the manual", "do this", nullptr};

Behaviour judge_outcome(const std::string& got, Vendor vendor = Vendor::amd) {
    return judge(probe, vendor, [&] { return got; });
}

TEST(Judgement, IsOkForWhatIsExpected) {
    const auto behaviour = judge_outcome("as on AMD");
    EXPECT_TRUE(behaviour.ok);
    EXPECT_TRUE(behaviour.basic);
    EXPECT_EQ(behaviour.name, "a-behaviour");
    EXPECT_EQ(behaviour.got, behaviour.expected);
    EXPECT_THAT(behaviour.remedy, IsEmpty());
}

TEST(Judgement, IsOkForWhateverTheManualAllows) {
    const auto judged = [](const std::string& got) {
        constexpr Probe open{"open", false, "this | that", "the manual", "do this", nullptr};
        return judge(open, Vendor::amd, [&] { return got; }).ok;
    };
    EXPECT_TRUE(judged("this"));
    EXPECT_TRUE(judged("that"));
    for (const auto* other : {"", "th", "this |", "this | that", "that "}) EXPECT_FALSE(judged(other)) << other;
}

TEST(Judgement, FailsForAnythingElse) {
    const auto behaviour = judge_outcome("something else");
    EXPECT_FALSE(behaviour.ok);
    EXPECT_EQ(behaviour.got, "something else");
    EXPECT_EQ(behaviour.expected, "as on AMD");
    EXPECT_EQ(behaviour.remedy, "do this");
}

TEST(Judgement, ExpectsWhatTheVendorsCpusDo) {
    EXPECT_FALSE(judge_outcome("as on AMD", Vendor::intel).ok);
    EXPECT_TRUE(judge_outcome("as on Intel", Vendor::intel).ok);
}

TEST(Judgement, ReportsAFaultOfTheMachineByItsFirstLine) {
    const auto behaviour = judge(probe, Vendor::amd, []() -> std::string {
        throw vm::MachineFault("KVM_EXIT_INTERNAL_ERROR: suberror 1, data [0x1, 0x2]\nrip 0x10\n");
    });
    EXPECT_FALSE(behaviour.ok);
    EXPECT_EQ(behaviour.got, "KVM_EXIT_INTERNAL_ERROR: suberror 1");
    EXPECT_EQ(behaviour.remedy, "do this");
}

TEST(Judgement, ReportsARefusalOfKvmWithItsOwnRemedy) {
    const auto behaviour = judge(probe, Vendor::amd, []() -> std::string { throw kvm::Error("KVM_CREATE_VM", EBUSY); });
    EXPECT_FALSE(behaviour.ok);
    EXPECT_THAT(behaviour.got, HasSubstr("KVM_CREATE_VM"));
    EXPECT_EQ(behaviour.remedy, kvm::remedy_for("KVM_CREATE_VM", EBUSY));
}

TEST(Judgement, IsNotFooledByAnEmptyOutcome) { EXPECT_FALSE(judge_outcome("").ok); }

std::vector<Probe> everything() {
    std::vector<Probe> all(probes().begin(), probes().end());
    all.insert(all.end(), facts().begin(), facts().end());
    return all;
}

TEST(Table, HasUniqueKebabCaseNames) {
    std::set<std::string> names;
    const std::regex kebab_case("[a-z][a-z0-9]*(-[a-z0-9]+)*");
    for (const auto& each : everything()) {
        EXPECT_TRUE(names.insert(each.name).second) << each.name;
        EXPECT_TRUE(std::regex_match(each.name, kebab_case)) << each.name;
    }
}

TEST(Table, HasTextsForEverything) {
    for (const auto& each : everything()) {
        EXPECT_THAT(std::string(each.expected.intel), Not(IsEmpty())) << each.name;
        EXPECT_THAT(std::string(each.expected.amd), Not(IsEmpty())) << each.name;
        EXPECT_THAT(std::string(each.source), Not(IsEmpty())) << each.name;
        EXPECT_THAT(std::string(each.remedy), Not(IsEmpty())) << each.name;
        EXPECT_NE(each.measure, nullptr) << each.name;
    }
}

TEST(Table, OfManualsIsThatOfMeasure) {
    const auto all = everything();
    const auto texts = manuals();
    ASSERT_EQ(texts.size(), all.size());
    for (std::size_t i = 0; i < all.size(); ++i) {
        EXPECT_EQ(texts[i].name, all[i].name);
        EXPECT_EQ(texts[i].intel, all[i].expected.intel);
        EXPECT_EQ(texts[i].amd, all[i].expected.amd);
    }
}

/// Each is explained where people look for it.
TEST(Table, IsDocumented) {
    std::ifstream file(BEHAVIOURS_PAGE);
    const std::string page(std::istreambuf_iterator<char>(file), {});
    for (const auto& each : everything()) {
        EXPECT_THAT(page, HasSubstr(std::string("\n| `") + each.name + "` |")) << each.name;
    }
}

TEST(Table, BeginsWithTheBasics) {
    bool basic = true;
    for (const auto& each : everything()) {
        EXPECT_FALSE(each.basic && !basic) << each.name << " comes behind one that is not basic";
        basic = each.basic;
    }
}

}  // namespace
}  // namespace gatecrash::qualify
