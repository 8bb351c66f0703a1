// Tests the table of behaviours, and that the judgement follows from the measurements. Needs no KVM.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <stdexcept>

#include "kvm/error.hpp"
#include "qualify/expected.hpp"
#include "qualify/probe.hpp"
#include "vm/outcome.hpp"

namespace gatecrash::qualify {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

std::vector<Probe> everything() {
    std::vector<Probe> all(probes().begin(), probes().end());
    all.insert(all.end(), facts().begin(), facts().end());
    return all;
}

const Answer as_on_intel{Delivery{vectors::gp, at(Mark::sysret), {.cpl = 0}}};
const Answer as_on_amd{Delivery{vectors::gp, Unnamed{0x800000000000}, {.cpl = 3}}};
const Probe probe{Behaviour::int3, by_vendor(as_on_intel, as_on_amd), "the manual", "do this", nullptr};

Measurement judge_outcome(const Answer& got, Vendor vendor = Vendor::amd) {
    return judge(probe, vendor, [&] { return got; });
}

TEST(Judgement, IsOkForWhatIsExpected) {
    const auto measurement = judge_outcome(as_on_amd);
    EXPECT_TRUE(measurement.ok);
    EXPECT_EQ(measurement.behaviour, Behaviour::int3);
    EXPECT_EQ(measurement.got, as_on_amd);
    EXPECT_EQ(measurement.expected, Allowed{as_on_amd});
    EXPECT_THAT(measurement.remedy, IsEmpty());
}

TEST(Judgement, IsOkForWhateverTheManualAllows) {
    const Answer one{Statement::gs_base_stays}, another{Statement::gs_base_cleared};
    const Probe open{Behaviour::int3, any_of({one, another}), "the manual", "do this", nullptr};
    const auto judged = [&](const Answer& got) { return judge(open, Vendor::amd, [&] { return got; }).ok; };
    EXPECT_TRUE(judged(one));
    EXPECT_TRUE(judged(another));
    EXPECT_FALSE(judged({}));
    EXPECT_FALSE(judged(then(one, another)));
    EXPECT_FALSE(judged({Statement::gs_base_cleared_as_announced}));
}

TEST(Judgement, DoesNotBlameAMachineWithoutShadowStacks) {
    const Answer seen{ShadowStackSeen{{ShadowStackOf::pl0, 0}, true}};
    const Probe with{Behaviour::shadow_stacks, with_shadow_stacks(seen), "the manual", "do this", nullptr};
    for (const auto vendor : {Vendor::amd, Vendor::intel}) {
        const auto judged = [&](const Answer& got) { return judge(with, vendor, [&] { return got; }); };
        EXPECT_TRUE(judged(seen).ok);
        EXPECT_FALSE(judged({Statement::no_shadow_stacks}).ok) << "what needs it is skipped";
        EXPECT_TRUE(judged({Statement::no_shadow_stacks}).is_silicon);
        EXPECT_FALSE(judged({ShadowStackSeen{{ShadowStackOf::pl0, 0}, false}}).is_silicon);
    }
}

/// The remedy of a fact says for which machines a verdict holds.
TEST(Judgement, SaysOfEachAnswerOfAFactWhereItHolds) {
    const auto& fact = facts().front();
    const Answer usual{Statement::gs_base_stays}, some{Statement::gs_base_cleared}, wrong{Statement::no_event};
    const Probe probe_of_fact{fact.behaviour, unless(usual, some), "the manual", fact.remedy, nullptr};
    const auto remedy = [&](const Answer& got) {
        return judge(probe_of_fact, Vendor::amd, [&] { return got; }).remedy;
    };
    EXPECT_EQ(remedy(usual), "");
    EXPECT_THAT(remedy(some), HasSubstr("holds for this machine, and for real ones that answer so, too"));
    EXPECT_THAT(remedy(wrong), HasSubstr("holds for this machine, not for CPUs that do as the manuals say"));
    const Probe other{Behaviour::lsl, unless(usual, some), "the manual", "do this", nullptr};
    EXPECT_EQ(judge(other, Vendor::amd, [&] { return some; }).remedy, "do this");
}

/// Where KVM sends itself an interrupt to end an entry, an NMI that waits for another event can come late.
TEST(Judgement, DoesNotBlameAMachineForALateNmi) {
    for (const auto& each : everything()) {
        const bool can_be_late = each.behaviour == Behaviour::nmi_mask_over_entry ||
                                 each.behaviour == Behaviour::injected_irq_before_nmi ||
                                 each.behaviour == Behaviour::injected_exception_before_nmi ||
                                 each.behaviour == Behaviour::machine_check_before_nmi;
        for (const auto vendor : {Vendor::amd, Vendor::intel}) {
            auto late = each.expected.on(vendor).front();
            bool is_any_late = false;
            for (auto& observation : late) {
                auto* const delivery = std::get_if<Delivery>(&observation);
                if (delivery == nullptr || delivery->vector != vectors::nmi) continue;
                auto* const start = std::get_if<HandlerStart>(&delivery->place);
                if (start == nullptr) continue;
                start->more = 1;
                is_any_late = true;
            }
            const auto judged = judge(each, vendor, [&] { return late; });
            EXPECT_EQ(judged.ok, !is_any_late) << to_string(each.behaviour);
            EXPECT_EQ(judged.is_silicon, can_be_late) << to_string(each.behaviour);
        }
    }
}

TEST(Judgement, FailsForAnythingElse) {
    const auto measurement = judge_outcome({Statement::no_event});
    EXPECT_FALSE(measurement.ok);
    EXPECT_EQ(measurement.got, Answer{Statement::no_event});
    EXPECT_EQ(measurement.expected, Allowed{as_on_amd});
    EXPECT_EQ(measurement.remedy, "do this");
}

TEST(Judgement, ExpectsWhatTheVendorsCpusDo) {
    EXPECT_FALSE(judge_outcome(as_on_amd, Vendor::intel).ok);
    EXPECT_TRUE(judge_outcome(as_on_intel, Vendor::intel).ok);
}

/// An answer with the text of the expected one may still differ from it: the text decides nothing.
TEST(Judgement, ReadsNoWords) {
    for (const auto& each : everything()) {
        for (const auto vendor : {Vendor::intel, Vendor::amd}) {
            for (const auto& expected : each.expected.on(vendor)) {
                Answer alike{Unforeseen{describe(expected)}};
                EXPECT_EQ(describe(alike), describe(expected));
                EXPECT_FALSE(judge(each, vendor, [&] { return alike; }).ok) << describe(expected);
                EXPECT_TRUE(judge(each, vendor, [&] { return expected; }).ok) << describe(expected);
            }
        }
    }
}

TEST(Judgement, ComparesPlacesAndNotTheirNames) {
    const auto at_place = [](const Place& place) { return Answer{Delivery{vectors::bp, place}}; };
    EXPECT_EQ(at_place(after(Mark::sti, 1)), at_place(after(Mark::sti, 1)));
    EXPECT_NE(at_place(after(Mark::sti, 1)), at_place(after(Mark::sti)));
    EXPECT_NE(at_place(at(Mark::int3)), at_place(after(Mark::int3)));
    EXPECT_NE(at_place(handler_of(vectors::bp)), at_place(handler_of(vectors::db)));
    EXPECT_NE(at_place(handler_of(vectors::bp)), at_place(handler_of(vectors::bp, 1)));
    EXPECT_NE(at_place(Unnamed{0x1234}), at_place(Unnamed{0x1235}));
}

TEST(Judgement, ComparesEveryDetail) {
    const Details none;
    const Details others[]{{.cpl = 0},
                           {.dr6 = dr6_bs},
                           {.error = 0},
                           {.cr2 = Known::payload},
                           {.resume_flag = false},
                           {.selectors = Selectors{0x10, 0x18}},
                           {.rflags = 2},
                           {.rsp = Known::rcx},
                           {.esp = std::uint64_t{0}},
                           {.stack = Stack::ist}};
    for (const auto& one : others) {
        EXPECT_NE(one, none);
        for (const auto& other : others) EXPECT_EQ(one == other, &one == &other);
    }
}

TEST(Judgement, ReportsAStateThatTheCpuRefusesByItsReason) {
    const Probe refusal{Behaviour::int3, always({EntryRefused{7}}), "the manual", "do this", nullptr};
    const auto judged = [&](std::uint64_t reason) {
        return judge(refusal, Vendor::intel, [&]() -> Answer { throw vm::RefusedEntry("in other words", reason); });
    };
    EXPECT_TRUE(judged(7).ok);
    EXPECT_FALSE(judged(8).ok);
    EXPECT_EQ(describe(judged(8).got), "KVM_EXIT_FAIL_ENTRY: hardware reason 0x8");
}

TEST(Judgement, ReportsAFaultOfTheMachineByItsFirstLine) {
    const auto measurement = judge(probe, Vendor::amd, []() -> Answer {
        throw vm::MachineFault("KVM_EXIT_INTERNAL_ERROR: suberror 1, data [0x1, 0x2]\nrip 0x10\n");
    });
    EXPECT_FALSE(measurement.ok);
    EXPECT_EQ(describe(measurement.got), "KVM_EXIT_INTERNAL_ERROR: suberror 1");
    EXPECT_EQ(measurement.remedy, "do this");
}

TEST(Judgement, ReportsARefusalOfKvmWithItsOwnRemedy) {
    const auto measurement = judge(probe, Vendor::amd, []() -> Answer { throw kvm::Error("KVM_CREATE_VM", EBUSY); });
    EXPECT_FALSE(measurement.ok);
    EXPECT_THAT(describe(measurement.got), HasSubstr("KVM_CREATE_VM"));
    EXPECT_EQ(measurement.remedy, kvm::remedy_for("KVM_CREATE_VM", EBUSY));
}

TEST(Repairs, AreMadeUnlessTheMachineWasMeasuredNotToNeedThem) {
    using vm::quirks::Repairs;
    EXPECT_EQ(repairs_for({}), Repairs{});
    const auto measured = [](Behaviour behaviour, bool ok) {
        Measurement measurement;
        measurement.behaviour = behaviour;
        measurement.ok = ok;
        return measurement;
    };
    EXPECT_EQ(repairs_for({measured(Behaviour::nmi_mask_over_entry, false), measured(Behaviour::int3, true)}),
              Repairs{});
    EXPECT_EQ(repairs_for({measured(Behaviour::nmi_mask_over_entry, true)}), (Repairs{.nmi_mask = false}));
    EXPECT_EQ(repairs_for({measured(Behaviour::breakpoint_from_outside, true)}),
              (Repairs{.leftover_breakpoints = false}));
    EXPECT_EQ(repairs_for({measured(Behaviour::exit_leaves_no_trap, true)}), (Repairs{.stale_trap = false}));
}

TEST(Judgement, IsNotFooledByAnEmptyOutcome) { EXPECT_FALSE(judge_outcome({}).ok); }

TEST(Table, HasARowForEachBehaviourInTheirOrder) {
    const auto all = everything();
    ASSERT_EQ(all.size(), vm::behaviours.size());
    for (std::size_t i = 0; i < all.size(); ++i) EXPECT_EQ(all[i].behaviour, vm::behaviours.at(i).behaviour);
    for (const auto& each : facts()) EXPECT_EQ(info(each.behaviour).rank, vm::BehaviourRank::fact);
    EXPECT_EQ(info(probes().back().behaviour).rank, vm::BehaviourRank::other);
}

TEST(Table, HasTextsForEverything) {
    for (const auto& each : everything()) {
        for (const auto& allowed : {each.expected.intel, each.expected.amd}) {
            EXPECT_THAT(allowed, Not(IsEmpty())) << to_string(each.behaviour);
            for (const auto& answer : allowed)
                EXPECT_THAT(describe(answer), Not(IsEmpty())) << to_string(each.behaviour);
        }
        EXPECT_THAT(std::string(each.source), Not(IsEmpty())) << to_string(each.behaviour);
        EXPECT_THAT(std::string(each.remedy), Not(IsEmpty())) << to_string(each.behaviour);
        EXPECT_NE(each.measure, nullptr) << to_string(each.behaviour);
    }
}

/// A message of KVM that replaces an answer does not count as an answer.
TEST(Table, ExpectsNothingUnforeseen) {
    for (const auto& each : everything()) {
        for (const auto& allowed : {each.expected.intel, each.expected.amd}) {
            for (const auto& answer : allowed) {
                const auto is_unforeseen = [](const Observation& o) { return std::holds_alternative<Unforeseen>(o); };
                EXPECT_TRUE(std::ranges::none_of(answer, is_unforeseen)) << to_string(each.behaviour);
            }
        }
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
