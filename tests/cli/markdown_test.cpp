// The text for a terminal that is made of Markdown.
#include "cli/markdown.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gatecrash::cli {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(Markdown, HasNoLinkTargetsAndNoBold) {
    EXPECT_EQ(without_markup("see [the page](a/b.md#c) and **this**"), "see the page and this");
    EXPECT_EQ(without_markup("[`code` in it](x)"), "`code` in it");
    EXPECT_EQ(without_markup("`[a](b)` and `**`"), "`[a](b)` and `**`");
    EXPECT_EQ(without_markup("TARGET [ \"@\" ] and a[1] (x)"), "TARGET [ \"@\" ] and a[1] (x)");
}

TEST(Markdown, HasTablesOfCells) {
    EXPECT_THAT(cells_of("| a | `b\\|c` |  |"), ElementsAre("a", "`b|c`", ""));
    EXPECT_THAT(cells_of("a | b"), IsEmpty());
    EXPECT_TRUE(is_rule(cells_of("|---|:--|")));
    EXPECT_FALSE(is_rule(cells_of("| a | --- |")));
}

TEST(Markdown, IsWrappedAtTheWidthOfATerminal) {
    const std::string word(30, 'x');
    EXPECT_EQ(wrapped(word + " " + word + " " + word, "- ", "  "), "- " + word + " " + word + "\n  " + word + "\n");
    const std::string whole(terminal_columns, 'x');
    EXPECT_EQ(wrapped(whole, "", ""), whole + "\n");
    EXPECT_EQ(wrapped(whole + "y z", "", "  "), whole + "y\n  z\n");
    EXPECT_EQ(wrapped("", "- ", "  "), "- \n");
}

TEST(Markdown, BecomesParagraphsListsAndCode) {
    EXPECT_EQ(to_terminal("One\nparagraph.\n\nAnother.\n\n- an **item**\n  of two lines\n  - an inner one\n"
                          "- the last\n\nText:\n```\nif  (x)\n# no heading\n```\n### A heading\nEnd.\n"),
              "One paragraph.\n\nAnother.\n\n- an item of two lines\n  - an inner one\n- the last\n\nText:\n\n"
              "    if  (x)\n    # no heading\n\nA heading\n\nEnd.\n");
}

TEST(Markdown, HasRowsOfTablesAsItems) {
    EXPECT_EQ(to_terminal("| a | b |\n|---|---|\n| `x` | one |\n"), "- `x`: one\n");
    EXPECT_EQ(to_terminal("| a | b | c |\n|---|---|---|\n| x | one | [two](t) |\n| y | | three |\n"),
              "- x\n  - b: one\n  - c: two\n- y\n  - c: three\n");
}

}  // namespace
}  // namespace gatecrash::cli
