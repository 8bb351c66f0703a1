#include "sweep/trace/story.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

namespace gatecrash::sweep {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::StartsWith;

using Of = TracedReturn::Of;

FrameWords to(const std::string& place) {
    return {{"RIP", 0x1000, place.size(), place}, {"CS", 0x1008, 0x10, "CPL 0"}};
}

TracedDelivery delivery(unsigned vector, std::size_t frame, const std::string& from) {
    return {vector, "entry", frame, 0x1000, "nmi", to(from), std::nullopt, ""};
}
TracedReturn iret(Of of, std::size_t frame, const std::string& place, bool unmasks = false) {
    return {"nmi_iret", of, frame, 0x1000, to(place), to("somewhere"), false, unmasks};
}
TracedFrameChange change(const std::string& actor, std::size_t frame, const std::string& before,
                         const std::string& after) {
    return {actor, frame, 0x1000, {to(before).front()}, {to(after).front()}};
}
TracedInstruction instruction(const std::string& place, bool has_users_base) {
    TracedInstruction item{};
    item.place = place;
    item.has_users_base = has_users_base;
    return item;
}

std::vector<std::string> told(const std::vector<TraceItem>& items) {
    Story story;
    for (const auto& item : items) story.add(item);
    return story.sentences();
}

TEST(Story, TellsWhatAnEventDoes) {
    EXPECT_THAT(told({TracedLanding{"nmi", "user_code", false}, delivery(2, 1, "user_code"),
                      iret(Of::pushed, 1, "user_code"), TraceEnd{"doorbell END"}}),
                ElementsAre("nmi lands at user_code.",
                            "Vector 2 (NMI) interrupts user_code. The CPU pushes frame F1 on stack nmi, and goes to "
                            "entry.",
                            "The IRET at nmi_iret pops F1, and returns to user_code.", "The run ends: doorbell END."));
}

TEST(Story, SaysThatAnEventWaits) {
    EXPECT_THAT(told({TracedLanding{"nmi", "entry", true}}),
                ElementsAre("nmi lands at entry, and waits: the CPU cannot deliver it yet."));
}

TEST(Story, SaysOnWhichStackOfTheKernelAnEventLands) {
    EXPECT_THAT(told({TracedLanding{"nmi", "entry_syscall", true, false, "user"}, TraceEnd{"a triple fault"}}),
                ElementsAre("nmi lands at entry_syscall, at CPL 0 on stack user, and waits: the CPU cannot deliver it "
                            "yet.",
                            "The run ends: a triple fault."));
    EXPECT_THAT(told({TracedLanding{"nmi", "entry", false, false, "?"}}),
                ElementsAre("nmi lands at entry, at CPL 0 on an unknown stack."));
}

TEST(Story, SaysWhichEventIsTheWorkloads) {
    EXPECT_THAT(told({TracedLanding{"nmi", "user_code", false, true}}),
                ElementsAre("nmi lands at user_code, because the workload asks for it."));
}

TEST(Story, SaysWhatIsStillTheUsersInAHandler) {
    const auto told_of = [](const std::string& cpl, TracedInstruction first) {
        auto entered = delivery(2, 1, "entry");
        entered.words[1].about = cpl;
        // A delivery may overwrite a frame.
        return told({entered, change("the delivery of vector 2 at entry", 2, "x", "y"), std::move(first)}).front();
    };
    constexpr std::string_view plain =
        "Vector 2 (NMI) interrupts entry. The CPU pushes frame F1 on stack nmi, and goes to entry.";
    EXPECT_EQ(told_of("CPL 0", instruction("entry", false)), plain);
    EXPECT_EQ(told_of("CPL 0", instruction("entry", true)),
              fmt::format("{} The base of per-CPU data is the user's.", plain));
    auto tables = instruction("entry", false);
    tables.has_users_tables = true;
    EXPECT_EQ(told_of("CPL 0", tables), fmt::format("{} The page tables are the user's.", plain));
    auto both = instruction("entry", true);
    both.has_users_tables = true;
    EXPECT_EQ(told_of("CPL 0", both),
              fmt::format("{} The base of per-CPU data and the page tables are the user's.", plain));
    EXPECT_EQ(told_of("CPL 3", both), plain) << "an entry from user code begins so";
}

TEST(Story, HasOneSentenceForAnExceptionThatReturns) {
    EXPECT_THAT(told({delivery(3, 1, "body"), instruction("entry", true), instruction("entry+0x3", false),
                      iret(Of::copy, 1, "body")}),
                ElementsAre("Vector 3 (#BP) interrupts body and returns."));
}

TEST(Story, TellsAllOfAnExceptionInWhichSomethingHappens) {
    EXPECT_THAT(told({delivery(3, 1, "body"), TracedLanding{"nmi", "entry", false}, delivery(2, 2, "entry"),
                      iret(Of::pushed, 2, "entry"), iret(Of::pushed, 1, "body")}),
                SizeIs(5));
}

TEST(Story, SaysThatAnIretUnmasksNmisTooEarly) {
    EXPECT_THAT(told({delivery(2, 1, "user_code"), delivery(3, 2, "body"), iret(Of::pushed, 2, "body", true)}).back(),
                "Vector 3 (#BP) interrupts body and returns. This unmasks NMIs, while F1 of an NMI still waits for its "
                "IRET.");
    EXPECT_THAT(told({TracedLanding{"nmi", "user_code", false}, delivery(2, 1, "user_code"),
                      iret(Of::pushed, 1, "user_code", true)})
                    .back(),
                "The IRET at nmi_iret pops F1, and returns to user_code. This unmasks NMIs.");
}

TEST(Story, TellsWhoOverwritesAFrame) {
    EXPECT_THAT(told({change("the delivery of vector 2 at x", 1, "user_code", "x")}),
                ElementsAre("The delivery of vector 2 at x overwrites F1: it led back to user_code, and now leads to "
                            "x."));
    EXPECT_THAT(
        told({change("copy+0x4", 1, "user_code", "x"), change("copy+0x8", 1, "x", "y"), change("other", 1, "y", "z")}),
        ElementsAre("The code at copy+0x4 to copy+0x8 overwrites F1: it led back to user_code, and now leads "
                    "to y.",
                    "The code at other overwrites F1: it led back to y, and now leads to z."))
        << "the steps of one function are one sentence";
    EXPECT_THAT(told({TracedFrameChange{"fixup", 1, 0x1000, {{"CS", 0x1008, 0x10, "CPL 0"}}, {{"CS", 0x1008, 0, ""}}}}),
                ElementsAre("The code at fixup overwrites F1: CS was 0x10 (CPL 0), and is 0x0."));
}

TEST(Story, SaysThatAFaultingIretUnmasksNmis) {
    auto faulting = iret(Of::pushed, 1, "x", true);
    faulting.faults = true;
    EXPECT_THAT(told({faulting}).back(), testing::EndsWith(" leads to x. This unmasks NMIs."));
}

TEST(Story, KnowsThatNothingWaitsInUserCode) {
    auto user = instruction("user_code", true);
    user.cpl = 3;
    EXPECT_THAT(told({delivery(2, 1, "user_code"), user, iret(Of::made, 0, "x", true)}).back(),
                testing::EndsWith(" This unmasks NMIs."));
}

TEST(Story, DoesNotTellOfAWordThatIsAsItWas) {
    EXPECT_THAT(told({change("copy+0x4", 1, "user_code", "x"), change("copy+0x8", 1, "x", "user_code")}), IsEmpty());
}

TEST(Story, TellsWhichFrameAnIretPops) {
    EXPECT_THAT(told({iret(Of::changed, 1, "x")}).front(),
                HasSubstr("pops F1, which was changed: it led back to somewhere, and now leads to x."));
    EXPECT_THAT(told({iret(Of::copy, 1, "x")}).front(), HasSubstr("pops a copy of F1, and returns to x."));
    EXPECT_THAT(told({iret(Of::again, 1, "x")}).front(), HasSubstr("pops F1 a second time, and returns to x again."));
    EXPECT_THAT(told({iret(Of::made, 0, "x")}).front(), HasSubstr("pops a frame that no delivery pushed"));
    auto faulting = iret(Of::pushed, 1, "x");
    faulting.faults = true;
    EXPECT_THAT(told({faulting}), ElementsAre("The IRET at nmi_iret faults: its frame at 0x1000 leads to x."));
}

TEST(Story, TellsWhereTheKernelChangesItsBase) {
    EXPECT_THAT(told({instruction("entry", true), instruction("entry+0x3", false)}),
                ElementsAre("From entry+0x3 on, the base of per-CPU data is the kernel's."));
    EXPECT_THAT(
        told({TraceStart{"", TraceStart::data_segment}, instruction("entry", true), instruction("entry+0x3", false)}),
        ElementsAre("From entry+0x3 on, DS is the kernel's."));
    EXPECT_THAT(told({instruction("entry", true), delivery(3, 1, "entry"), instruction("entry_bp", false)}), SizeIs(1))
        << "another handler begins with another base";
}

TEST(Story, NamesTheRuleWhereItBreaks) {
    EXPECT_THAT(told({TracedViolation{{Invariant::stack, "the frame is lost"}}}),
                ElementsAre("Here I4 (stack) breaks: the frame is lost."));
}

TEST(Story, SaysHowOftenTheSameHappens) {
    std::vector<TraceItem> items{TracedLanding{"nmi", "entry", false}};
    for (std::size_t i = 1; i <= 12; ++i) items.emplace_back(delivery(14, i, i == 1 ? "entry" : "handler"));
    items.emplace_back(TraceEnd{"and so on: the trace ends after 9 steps"});
    EXPECT_THAT(told(items), ElementsAre("nmi lands at entry.", StartsWith("Vector 14 (#PF) interrupts entry."),
                                         StartsWith("Vector 14 (#PF) interrupts handler. The CPU pushes frame F2 "),
                                         "The same happens 10 more times, with frames F3 to F12.",
                                         "And so on: the trace ends after 9 steps."));
    items.erase(items.begin() + 4, items.end());
    EXPECT_THAT(told(items), SizeIs(4)) << "twice is not often";
}

TEST(Story, SaysHowOftenSeveralSentencesRepeat) {
    std::vector<TraceItem> items;
    for (std::size_t round = 0; round < 4; ++round) {
        for (std::size_t i = 1; i <= 5; ++i) items.emplace_back(delivery(14, 6 * round + i, "handler"));
        items.emplace_back(delivery(8, 6 * round + 6, "handler"));
    }
    EXPECT_THAT(told(items), ElementsAre(StartsWith("Vector 14"),
                                         "The same happens 4 more times, with frames F2 to F5.", StartsWith("Vector 8"),
                                         "The last 3 sentences repeat 3 more times, with frames F7 to F24."));
}

TEST(Story, LeavesOutTheMiddleOfALongOne) {
    std::vector<TraceItem> items;
    for (int i = 0; i < 100; ++i) items.emplace_back(TracedLanding{"irq", std::to_string(i), false});
    const auto sentences = told(items);
    ASSERT_THAT(sentences, SizeIs(36));
    EXPECT_THAT(sentences[15], StartsWith("(65 sentences are left out"));
    EXPECT_EQ(sentences.back(), "irq lands at 99.");
}

TEST(Story, IsThatOfTheLatestWindow) {
    EXPECT_THAT(told({TracedLanding{"nmi", "first", false}, TraceStart{"guest", "GS base"}}), IsEmpty());
}

}  // namespace
}  // namespace gatecrash::sweep
