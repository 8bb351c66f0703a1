#include "suite/result.hpp"

#include <gmock/gmock.h>

namespace gatecrash::suite {
namespace {

using testing::HasSubstr;
using vm::Event;

constexpr auto nmi_kind = Event::Kind::nmi, irq_kind = Event::Kind::irq;
const Case some_case{"case", "Does it hold?", {}};

sweep::Finding finding(sweep::Invariant invariant, std::vector<sweep::Landing> landings) {
    return {{"case/variant", std::move(landings)}, {invariant, "why"}, {}};
}
sweep::Landing on(Event event, const std::string& symbol) { return {event, {symbol, 4, 1, {}}}; }

Result judged(const Expectation& expects, std::vector<sweep::Finding> findings) {
    Variant variant;
    variant.name = "variant";
    variant.expects = expects;
    sweep::SweepResult sweep;
    sweep.findings = std::move(findings);
    return judged(about(some_case, variant, vm::Vendor::amd), sweep);
}

const Expectation breaks_at_exit =
    breaks(sweep::Invariant::stack, {{{irq_kind, {"exit"}}, {nmi_kind, {"entry", "body"}}}});
const sweep::Finding at_entry = finding(sweep::Invariant::stack, {on(Event::irq(), "exit"), on(Event::nmi(), "entry")});
const sweep::Finding in_body =
    finding(sweep::Invariant::stack, {on(Event::irq(0x41), "exit"), on(Event::nmi(), "body")});

TEST(Judge, HoldsAsExpected) {
    const auto result = judged(holds(), {});
    EXPECT_EQ(result.status, Status::ok);
    EXPECT_EQ(result.verdict, Verdict::holds);
    EXPECT_EQ(result.expect, "holds");
}

TEST(Judge, BreaksInAllTheExpectedPlaces) {
    const auto result = judged(breaks_at_exit, {at_entry, in_body});
    EXPECT_EQ(result.status, Status::ok) << result.message;
    EXPECT_EQ(result.verdict, Verdict::breaks);
    EXPECT_EQ(result.expect, "breaks I4");
}

TEST(Judge, ExpectsWhatTheVendorsCpusDo) {
    Variant variant;
    variant.expects = holds();
    variant.otherwise = Variant::Otherwise{.vendor = vm::Vendor::intel, .expects = breaks_at_exit, .because = "why"};
    sweep::SweepResult breaks;
    breaks.findings = {at_entry, in_body};
    EXPECT_EQ(judged(about(some_case, variant, vm::Vendor::amd), {}).status, Status::ok);
    EXPECT_EQ(judged(about(some_case, variant, vm::Vendor::amd), breaks).status, Status::unexpected);
    EXPECT_EQ(judged(about(some_case, variant, vm::Vendor::intel), {}).status, Status::unexpected);
    const auto result = judged(about(some_case, variant, vm::Vendor::intel), breaks);
    EXPECT_EQ(result.status, Status::ok) << result.message;
    EXPECT_EQ(result.expect, "breaks I4");
}

TEST(Judge, EverythingElseIsUnexpected) {
    struct {
        const char* what;
        Expectation expects;
        std::vector<sweep::Finding> findings;
        const char* message;
    } const table[]{
        {"breaks though it should hold", holds(), {at_entry}, "breaks I4 (stack)"},
        {"holds though it should break", breaks_at_exit, {}, "but holds"},
        {"another invariant",
         breaks_at_exit,
         {at_entry, in_body, finding(sweep::Invariant::progress, at_entry.schedule.landings)},
         "breaks I7"},
        {"another symbol",
         breaks_at_exit,
         {at_entry, in_body,
          finding(sweep::Invariant::stack, {on(Event::irq(), "exit"), on(Event::nmi(), "elsewhere")})},
         "breaks it too"},
        {"another first symbol",
         breaks_at_exit,
         {at_entry, in_body, finding(sweep::Invariant::stack, {on(Event::irq(), "body"), on(Event::nmi(), "entry")})},
         "breaks it too"},
        {"other events",
         breaks_at_exit,
         {at_entry, in_body, finding(sweep::Invariant::stack, {on(Event::nmi(), "exit"), on(Event::nmi(), "entry")})},
         "breaks it too"},
        {"one event less",
         breaks_at_exit,
         {finding(sweep::Invariant::stack, {on(Event::nmi(), "entry")})},
         "breaks it too"},
        {"not everywhere", breaks_at_exit, {at_entry}, "nothing breaks on body"},
    };
    for (const auto& row : table) {
        const auto result = judged(row.expects, row.findings);
        EXPECT_EQ(result.status, Status::unexpected) << row.what;
        EXPECT_THAT(result.message, HasSubstr(row.message)) << row.what;
    }
}

TEST(Judge, LeavesPlacesOpenThatAStoppedSweepDidNotReach) {
    const auto stopped = [](const Expectation& expects, const sweep::Finding& found) {
        Variant variant;
        variant.expects = expects;
        sweep::SweepResult sweep;
        sweep.findings = {found};
        sweep.stopped_after = 1;
        return judged(about(some_case, variant, vm::Vendor::amd), sweep);
    };
    const auto open = stopped(breaks_at_exit, at_entry);
    EXPECT_EQ(open.status, Status::ok);
    EXPECT_EQ(open.message, "not judged: irq on exit, then nmi on entry or body may break on body too");
    EXPECT_EQ(stopped(breaks(sweep::Invariant::stack, {{{irq_kind, {}}, {nmi_kind, {"entry"}}}}), at_entry).message,
              "");
    EXPECT_EQ(stopped(holds(), at_entry).status, Status::unexpected);
    EXPECT_EQ(stopped(breaks(sweep::Invariant::progress, {{{irq_kind, {}}, {nmi_kind, {}}}}), at_entry).status,
              Status::unexpected);
}

TEST(Judge, MayExpectTheRunWithoutEventsToBreak) {
    const auto expects = breaks(sweep::Invariant::stack, {Place{}});
    const auto at_once = finding(sweep::Invariant::stack, {});
    EXPECT_EQ(judged(expects, {at_once}).status, Status::ok) << judged(expects, {at_once}).message;
    EXPECT_THAT(judged(expects, {at_entry}).message, HasSubstr("only by no event at all, but "));
    EXPECT_THAT(judged(expects, {}).message, HasSubstr("but holds"));
    EXPECT_THAT(judged(breaks_at_exit, {at_once}).message, HasSubstr("breaks it too"));
}

TEST(Judge, NamesEveryExpectedPlaceByItsEvents) {
    constexpr auto mc_kind = Event::Kind::mc;
    const auto expects =
        breaks(sweep::Invariant::stack, {{{irq_kind, {"exit"}}}, {{nmi_kind, {}}, {mc_kind, {"body"}}}});
    const auto result = judged(expects, {finding(sweep::Invariant::stack, {on(Event::db(), "exit")})});
    EXPECT_THAT(result.message, HasSubstr("only by irq on exit, or by nmi on any code, then mc on body, but "));
}

TEST(Judge, AnywhereMatchesEverySymbol) {
    const auto expects = breaks(sweep::Invariant::stack, {{{nmi_kind, {}}, {nmi_kind, {"entry"}}}});
    const auto result =
        judged(expects, {finding(sweep::Invariant::stack, {on(Event::nmi(), "x"), on(Event::nmi(), "entry")})});
    EXPECT_EQ(result.status, Status::ok) << result.message;
}

}  // namespace
}  // namespace gatecrash::suite
