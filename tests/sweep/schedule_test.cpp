// The syntax of schedules, as the contract has it.
#include "sweep/schedule.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gatecrash::sweep {
namespace {

using testing::HasSubstr;
using vm::Event;

std::string error_of(const std::string& text) {
    try {
        (void)parse_schedule(text);
    } catch (const ScheduleError& error) {
        return error.what();
    }
    return "no error";
}

TEST(Schedule, ReadsTheWholeSyntax) {
    const Schedule expected{"nested-nmi/linus-2010-irq",
                            {{Event::irq(), {"entry_nmi", 0x40, 1, {}}},
                             {Event::nmi(), {"entry_irq", 0, 2, {}}},
                             {Event::irq(0x30), {"a.b$c", 31, 7, {}}},
                             {Event::nmi(), {"", 0, 1, 57}}}};
    EXPECT_EQ(parse_schedule("nested-nmi/linus-2010-irq@irq:entry_nmi+0x40,nmi:entry_irq#2,irq=0x30:a.b$c+31#7,nmi:57"),
              expected);
}

TEST(Schedule, PrintsWhatItReads) {
    for (const std::string text : {
             "nested-nmi/flag-only",
             "nested-nmi/flag-only@nmi:entry_nmi",
             "nested-nmi/flag-only@nmi:entry_nmi+0x1f",
             "nested-nmi/flag-only@nmi:entry_nmi+0x1f#2",
             "nested-nmi/flag-only@irq:entry_nmi#3,nmi:0",
             "nested-nmi/flag-only@irq=0xff:x,irq=0x0:y",
             "./a folder/my@home.elf@nmi:_start",
             "my@home.elf@",
         }) {
        EXPECT_EQ(to_string(parse_schedule(text)), text);
    }
}

TEST(Schedule, PrintsTheShortestForm) {
    struct {
        const char* typed;
        const char* printed;
    } const rows[] = {
        {"a/b@nmi:x+31", "a/b@nmi:x+0x1f"}, {"a/b@nmi:x+0x1F", "a/b@nmi:x+0x1f"},
        {"a/b@nmi:x+0", "a/b@nmi:x"},       {"a/b@nmi:x#1", "a/b@nmi:x"},
        {"a/b@nmi:0x10", "a/b@nmi:16"},     {"a/b@irq=32:x", "a/b@irq:x"},
        {"a/b@irq=48:x", "a/b@irq=0x30:x"}, {"a/b@", "a/b"},
    };
    for (const auto& row : rows) EXPECT_EQ(to_string(parse_schedule(row.typed)), row.printed);
}

TEST(Schedule, SaysWhichPieceIsWrongAndWhatIsRight) {
    struct {
        const char* text;
        const char* piece;
        const char* why;
    } const rows[] = {
        {"", "''", "no target"},
        {"@nmi:x", "'@nmi:x'", "no target"},
        {"a/b@nmi", "'nmi'", "no ':'"},
        {"a/b@nmi:x,", "''", "empty"},
        {"a/b@nmi:x,,nmi:y", "''", "empty"},
        {"a/b@nmi:", "''", "empty"},
        {"a/b@smi:x", "'smi'", "no such event"},
        {"a/b@NMI:x", "'NMI'", "no such event"},
        {"a/b@:x", "''", "no such event"},
        {"a/b@nmi=2:x", "'nmi=2'", "takes no value"},
        {"a/b@irq=:x", "'irq='", "0 to 255"},
        {"a/b@irq=256:x", "'256'", "0 to 255"},
        {"a/b@irq=-1:x", "'-1'", "0 to 255"},
        {"a/b@irq=0x:x", "'0x'", "0 to 255"},
        {"a/b@irq=32k:x", "'32k'", "0 to 255"},
        {"a/b@irq=99999999999999999999:x", "'99999999999999999999'", "0 to 255"},
        {"a/b@nmi:x+", "''", "not an OFFSET"},
        {"a/b@nmi:x+zz", "'zz'", "not an OFFSET"},
        {"a/b@nmi:x+0x10000000000000000", "'0x10000000000000000'", "not an OFFSET"},
        {"a/b@nmi:x#0", "'0'", "from 1"},
        {"a/b@nmi:x#", "''", "from 1"},
        {"a/b@nmi:x#4294967296", "'4294967296'", "from 1"},
        {"a/b@nmi:x#2+1", "'2+1'", "not a HIT"},
        {"a/b@nmi:+4", "'+4'", "no symbol"},
        {"a/b@nmi:x y", "'x y'", "is not a symbol"},
        {"a/b@nmi:x:y", "'x:y'", "is not a symbol"},
        {"a/b@nmi:12#2", "'12#2'", "neither an index"},
        {"a/b@nmi:12abc", "'12abc'", "neither an index"},
    };
    for (const auto& row : rows) {
        const auto error = error_of(row.text);
        EXPECT_THAT(error, HasSubstr(row.piece)) << row.text;
        EXPECT_THAT(error, HasSubstr(row.why)) << row.text;
        EXPECT_THAT(error,
                    testing::AnyOf(HasSubstr("a schedule is"), HasSubstr("an event is"), HasSubstr("a boundary is")));
    }
}

TEST(Schedule, ReadsExceptions) {
    const auto landings = parse_schedule("a/b@db:x,mc:y,pf:z,pf=0x1000:w,db=0x2000:v").landings;
    ASSERT_EQ(landings.size(), 5U);
    EXPECT_EQ(landings[0].event, Event::db());
    EXPECT_EQ(landings[1].event, Event::mc());
    EXPECT_EQ(landings[2].event, Event::pf());
    EXPECT_EQ(landings[3].event, Event::pf(0x1000));
    EXPECT_EQ(landings[4].event, Event::db(0x2000));
    EXPECT_EQ(to_string(Schedule{"a/b", landings}), "a/b@db:x,mc:y,pf:z,pf=0x1000:w,db=0x2000:v");
    EXPECT_THAT(error_of("a/b@pf=1x:y"), HasSubstr("not an address"));
    EXPECT_THAT(error_of("a/b@db=:y"), HasSubstr("not an address"));
    EXPECT_THAT(error_of("a/b@db=x+:y"), HasSubstr("not an address"));
    EXPECT_THAT(error_of("a/b@db=+4:y"), HasSubstr("not an address"));
    EXPECT_THAT(error_of("a/b@db=x:y"), HasSubstr("the symbol 'x' cannot be looked up here"));
    EXPECT_THAT(error_of("a/b@mc=1:y"), HasSubstr("takes no value"));
}

TEST(Schedule, ReadsWatchpoints) {
    const auto schedule = parse_schedule("a/b@watch=0x2000:x");
    ASSERT_EQ(schedule.landings.size(), 1U);
    EXPECT_EQ(schedule.landings[0].event, Event::watch(0x2000));
    EXPECT_EQ(to_string(schedule), "a/b@watch=0x2000:x");
    EXPECT_THAT(error_of("a/b@watch:x"), HasSubstr("the address to watch is missing"));
    EXPECT_THAT(error_of("a/b@watch=1y:x"), HasSubstr("not an address"));
}

TEST(Schedule, LooksUpTheSymbolsOfEvents) {
    const auto address_of = [](const std::string& target, const std::string& symbol) -> std::uint64_t {
        return target == "a/b" && symbol == "word" ? 0x2000 : throw ScheduleError("no " + symbol + " in " + target);
    };
    const auto schedule = parse_schedule("a/b@pf=word:x,db=word+0x8:y", address_of);
    EXPECT_EQ(to_string(schedule), "a/b@pf=0x2000:x,db=0x2008:y");
    EXPECT_EQ(parse_events("nmi,watch=word+4", "a/b", address_of), (std::vector{Event::nmi(), Event::watch(0x2004)}));
    EXPECT_THROW((void)parse_schedule("c/d@pf=word:x", address_of), ScheduleError);
}

TEST(Events, AreAListWithoutRepetition) {
    EXPECT_EQ(parse_events("nmi,irq,irq=0x21"), (std::vector{Event::nmi(), Event::irq(), Event::irq(0x21)}));
    EXPECT_THROW((void)parse_events(""), ScheduleError);
    EXPECT_THROW((void)parse_events("nmi,"), ScheduleError);
    EXPECT_THROW((void)parse_events("nmi,nmi"), ScheduleError);
    EXPECT_THROW((void)parse_events("irq,irq=32"), ScheduleError);
    EXPECT_THROW((void)parse_events("nmi irq"), ScheduleError);
}

}  // namespace
}  // namespace gatecrash::sweep
