// Tests the text file beside a guest that holds its expectations.
#include "suite/expectation_file.hpp"

#include <gmock/gmock.h>

namespace gatecrash::suite {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using vm::Event;

std::uint64_t address_of(const std::string& target, const std::string& symbol) {
    EXPECT_EQ(target, "my.elf");
    EXPECT_EQ(symbol, "my_word");
    return 0x5000;
}

Case expected(const std::string& text) { return parse_expectations(text, "my.elf", address_of); }

std::string error_of(const std::string& text) {
    try {
        (void)expected(text);
    } catch (const ExpectationError& error) {
        return error.what();
    }
    return "none";
}

TEST(ExpectationFile, IsBesideItsGuest) { EXPECT_EQ(expectation_file_of("build/my.elf"), "build/my.elf.expect"); }

TEST(ExpectationFile, HasALineForEachSweep) {
    const auto file = expected(
        "# my entry code\n"
        "nmi,irq=0x30 depth 2 holds   # both\n"
        "\n"
        "  db=my_word+0x4 depth 1  breaks I2 at db:entry_db|leave_db db:*,irq:entry_irq\n");
    EXPECT_EQ(file.name, "my.elf");
    ASSERT_EQ(file.variants.size(), 2U);
    const auto& first = file.variants[0];
    EXPECT_EQ(first.name, "nmi,irq=0x30 depth 2");
    EXPECT_THAT(first.events, ElementsAre(Event::nmi(), Event::irq(0x30)));
    EXPECT_EQ(first.depth, 2U);
    EXPECT_TRUE(first.expects.holds());
    const auto& second = file.variants[1];
    EXPECT_THAT(second.events, ElementsAre(Event::db(0x5004)));
    EXPECT_EQ(second.expects.invariant, sweep::Invariant::kernel_gs);
    ASSERT_EQ(second.expects.places.size(), 2U);
    EXPECT_EQ(to_string(second.expects.places[0]), "db on entry_db or leave_db");
    EXPECT_EQ(to_string(second.expects.places[1]), "db on any code, then irq on entry_irq");
}

TEST(ExpectationFile, MayNameAWindow) {
    const auto file = expected("nmi depth 1 window nmi:a..b,c..d holds\nnmi depth 1 holds");
    ASSERT_EQ(file.variants.size(), 2U);
    EXPECT_EQ(file.variants[0].name, "nmi depth 1 window nmi:a..b,c..d");
    EXPECT_EQ(file.variants[0].window, (std::vector<sweep::SymbolRange>{{"a", "b", Event::Kind::nmi}, {"c", "d"}}));
    EXPECT_THAT(error_of("nmi depth 1 window a..b"), HasSubstr("the line ends before 'holds' or 'breaks'"));
    EXPECT_THAT(error_of("nmi depth 1 window a.. holds"), HasSubstr("line 1: 'a..': neither FROM..TO nor SYMBOL"));
}

TEST(ExpectationFile, WithOneLineNeedsNoNameForIt) {
    const auto file = expected("nmi depth 0 breaks I9 at nothing");
    ASSERT_EQ(file.variants.size(), 1U);
    EXPECT_EQ(file.variants[0].name, "");
    ASSERT_EQ(file.variants[0].expects.places.size(), 1U);
    EXPECT_THAT(file.variants[0].expects.places[0], IsEmpty());
    EXPECT_EQ(file.variants[0].expects.invariant, sweep::Invariant::fault_origin);
}

TEST(ExpectationFile, ThatCannotBeReadSaysWhere) {
    const std::pair<const char*, const char*> wrong[] = {
        {"", "my.elf.expect: it has no expectations: a line is 'EVENTS depth K holds' or"},
        {"# nothing\n", "it has no expectations"},
        {"nmi depth 1 holds\nnmx depth 1 holds", "my.elf.expect, line 2: 'nmx': no such event"},
        {"nmi", "line 1: the line ends before 'depth'"},
        {"nmi 2 holds", "expected 'depth', not '2'"},
        {"nmi depth two holds", "'two' is not a depth"},
        {"nmi depth -1 holds", "'-1' is not a depth"},
        {"nmi depth 1 hold", "expected 'holds' or 'breaks', not 'hold'"},
        {"nmi depth 1 holds firmly", "unexpected 'firmly' after the expectation"},
        {"nmi depth 1 breaks at nmi:x", "'at' is not an invariant, which is I1 to I18"},
        {"nmi depth 1 breaks I19 at nmi:x", "'I19' is not an invariant"},
        {"nmi depth 1 breaks I2", "the line ends before 'at'"},
        {"nmi depth 1 breaks I2 in nmi:x", "expected 'at', not 'in'"},
        {"nmi depth 1 breaks I2 at", "the line ends before the place"},
        {"nmi depth 1 breaks I2 at nmi", "'nmi' is not EVENT:SYMBOL"},
        {"nmi depth 1 breaks I2 at nmi:a,b", "'b' is not EVENT:SYMBOL"},
        {"nmi depth 1 breaks I2 at irq=3:a", "'irq=3:a' is not EVENT:SYMBOL"},
        {"nmi depth 1 breaks I2 at nmi:a|", "'nmi:a|' has an empty symbol"},
        {"nmi depth 1 breaks I2 at nmi:", "'nmi:' has an empty symbol"},
        {"nmi depth 1 holds\nnmi depth 1 holds", "line 2: 'nmi depth 1' is there twice"},
    };
    for (const auto& [text, message] : wrong) EXPECT_THAT(error_of(text), HasSubstr(message)) << text;
}

}  // namespace
}  // namespace gatecrash::suite
