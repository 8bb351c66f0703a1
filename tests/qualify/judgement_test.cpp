// The table of behaviours, and that the judgement follows from what was measured: no KVM needed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <stdexcept>

#include "kvm/error.hpp"
#include "qualify/probe.hpp"
#include "vm/outcome.hpp"

namespace gatecrash::qualify {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr Probe probe{Behaviour::int3, {"as on Intel", "as on AMD"}, "the manual", "do this", nullptr};

Measurement judge_outcome(const std::string& got, Vendor vendor = Vendor::amd) {
    return judge(probe, vendor, [&] { return got; });
}

TEST(Judgement, IsOkForWhatIsExpected) {
    const auto measurement = judge_outcome("as on AMD");
    EXPECT_TRUE(measurement.ok);
    EXPECT_EQ(measurement.behaviour, Behaviour::int3);
    EXPECT_EQ(measurement.got, measurement.expected);
    EXPECT_THAT(measurement.remedy, IsEmpty());
}

TEST(Judgement, IsOkForWhateverTheManualAllows) {
    const auto judged = [](const std::string& got) {
        constexpr Probe open{Behaviour::int3, "this | that", "the manual", "do this", nullptr};
        return judge(open, Vendor::amd, [&] { return got; }).ok;
    };
    EXPECT_TRUE(judged("this"));
    EXPECT_TRUE(judged("that"));
    for (const auto* other : {"", "th", "this |", "this | that", "that "}) EXPECT_FALSE(judged(other)) << other;
}

TEST(Judgement, FailsForAnythingElse) {
    const auto measurement = judge_outcome("something else");
    EXPECT_FALSE(measurement.ok);
    EXPECT_EQ(measurement.got, "something else");
    EXPECT_EQ(measurement.expected, "as on AMD");
    EXPECT_EQ(measurement.remedy, "do this");
}

TEST(Judgement, ExpectsWhatTheVendorsCpusDo) {
    EXPECT_FALSE(judge_outcome("as on AMD", Vendor::intel).ok);
    EXPECT_TRUE(judge_outcome("as on Intel", Vendor::intel).ok);
}

TEST(Judgement, ReportsAFaultOfTheMachineByItsFirstLine) {
    const auto measurement = judge(probe, Vendor::amd, []() -> std::string {
        throw vm::MachineFault("KVM_EXIT_INTERNAL_ERROR: suberror 1, data [0x1, 0x2]\nrip 0x10\n");
    });
    EXPECT_FALSE(measurement.ok);
    EXPECT_EQ(measurement.got, "KVM_EXIT_INTERNAL_ERROR: suberror 1");
    EXPECT_EQ(measurement.remedy, "do this");
}

TEST(Judgement, ReportsARefusalOfKvmWithItsOwnRemedy) {
    const auto measurement =
        judge(probe, Vendor::amd, []() -> std::string { throw kvm::Error("KVM_CREATE_VM", EBUSY); });
    EXPECT_FALSE(measurement.ok);
    EXPECT_THAT(measurement.got, HasSubstr("KVM_CREATE_VM"));
    EXPECT_EQ(measurement.remedy, kvm::remedy_for("KVM_CREATE_VM", EBUSY));
}

TEST(Judgement, IsNotFooledByAnEmptyOutcome) { EXPECT_FALSE(judge_outcome("").ok); }

std::vector<Probe> everything() {
    std::vector<Probe> all(probes().begin(), probes().end());
    all.insert(all.end(), facts().begin(), facts().end());
    return all;
}

TEST(Table, HasARowForEachBehaviourInTheirOrder) {
    const auto all = everything();
    ASSERT_EQ(all.size(), vm::behaviours.size());
    for (std::size_t i = 0; i < all.size(); ++i) EXPECT_EQ(all[i].behaviour, vm::behaviours.at(i).behaviour);
    for (const auto& each : facts()) EXPECT_EQ(info(each.behaviour).rank, vm::BehaviourRank::fact);
    EXPECT_EQ(info(probes().back().behaviour).rank, vm::BehaviourRank::other);
}

TEST(Table, HasTextsForEverything) {
    for (const auto& each : everything()) {
        EXPECT_THAT(std::string(each.expected.intel), Not(IsEmpty())) << to_string(each.behaviour);
        EXPECT_THAT(std::string(each.expected.amd), Not(IsEmpty())) << to_string(each.behaviour);
        EXPECT_THAT(std::string(each.source), Not(IsEmpty())) << to_string(each.behaviour);
        EXPECT_THAT(std::string(each.remedy), Not(IsEmpty())) << to_string(each.behaviour);
        EXPECT_NE(each.measure, nullptr) << to_string(each.behaviour);
    }
}

TEST(Table, OfManualsIsThatOfMeasure) {
    const auto all = everything();
    const auto texts = manuals();
    ASSERT_EQ(texts.size(), all.size());
    for (std::size_t i = 0; i < all.size(); ++i) {
        EXPECT_EQ(texts[i].behaviour, all[i].behaviour);
        EXPECT_EQ(texts[i].intel, all[i].expected.intel);
        EXPECT_EQ(texts[i].amd, all[i].expected.amd);
    }
}

}  // namespace
}  // namespace gatecrash::qualify
