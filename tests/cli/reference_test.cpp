// The terms of a page, and how they are looked up.
#include "cli/reference.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace gatecrash::cli {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const ReferencePage page{"docs/page.md",
                         "# A page\n"
                         "Text.\n"
                         "## I4: stack\n"
                         "About the stack.\n"
                         "### A heading inside\n"
                         "| `no-term` | here |\n"
                         "## How it works\n"
                         "```\n"
                         "## no: heading\n"
                         "```\n"
                         "| word | meaning | origin |\n"
                         "|---|---|---|\n"
                         "| `gate` | a descriptor | |\n"
                         "| `latch`, `latched` | it waits | a \\| b |\n"
                         "| `amd` (QEMU) | no term | |\n"
                         "## #DB: debug `exception`\n"
                         "About #DB.\n"};

std::vector<std::string> names_of(const std::vector<Term>& terms) {
    std::vector<std::string> names;
    std::ranges::transform(terms, std::back_inserter(names), &Term::name);
    return names;
}

TEST(Reference, HasHeadingsAndRowsAsTerms) {
    const auto terms = terms_of(page);
    ASSERT_THAT(names_of(terms), ElementsAre("I4", "gate", "latch", "#DB"));
    EXPECT_EQ(title_of(page), "A page");
    EXPECT_THAT(terms[0].names, ElementsAre("I4", "stack"));
    EXPECT_EQ(terms[0].title, "stack");
    EXPECT_EQ(terms[0].page, "docs/page.md");
    EXPECT_EQ(terms[0].text, "About the stack.\n### A heading inside\n| `no-term` | here |\n");
    EXPECT_EQ(terms[1].text, "- meaning: a descriptor\n");
    EXPECT_EQ(terms[1].section, "How it works");
    EXPECT_THAT(terms[2].names, ElementsAre("latch", "latched"));
    EXPECT_EQ(terms[2].text, "- meaning: it waits\n- origin: a | b\n");
    EXPECT_EQ(terms[3].title, "debug exception");
}

TEST(Reference, IsLookedUpByEachNameOfATerm) {
    const auto terms = terms_of(page);
    for (const auto* name : {"I4", "i4", "stack", "STACK"}) {
        EXPECT_THAT(names_of(find_terms(terms, name)), ElementsAre("I4")) << name;
    }
    for (const auto* name : {"db", "#db", "debug-exception", "debug_exception"}) {
        EXPECT_THAT(names_of(find_terms(terms, name)), ElementsAre("#DB")) << name;
    }
    for (const auto* name : {"", "I", "stac", "no-term", "no", "amd", "how it works"}) {
        EXPECT_THAT(find_terms(terms, name), IsEmpty()) << name;
    }
}

TEST(Reference, HasEveryMeaningOfAWord) {
    auto terms = terms_of(page);
    terms.push_back({.names = {"stack"}, .title = {}, .page = "other.md", .section = {}, .text = {}});
    EXPECT_THAT(names_of(find_terms(terms, "stack")), ElementsAre("I4", "stack"));
}

TEST(Reference, NamesWhatLooksLikeAnUnknownTerm) {
    const auto terms = terms_of(page);
    EXPECT_THAT(names_like(terms, "stak"), ElementsAre("I4"));
    EXPECT_THAT(names_like(terms, "lach"), ElementsAre("latch"));
    EXPECT_THAT(names_like(terms, "exception"), ElementsAre("#DB"));
    EXPECT_THAT(names_like(terms, "frobnicate"), IsEmpty());
    EXPECT_THAT(names_like(terms, "gata", 1), ElementsAre("gate"));
}

}  // namespace
}  // namespace gatecrash::cli
