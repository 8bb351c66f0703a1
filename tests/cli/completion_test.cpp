#include "cli/completion.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "cli/commands.hpp"

namespace gatecrash::cli {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::IsSupersetOf;
using testing::Not;

Words words_for(const Words& words) {
    Words completed;
    for (const auto& candidate : complete(words).candidates) completed.push_back(candidate.word);
    return completed;
}

TEST(Completion, BeginsWithACommand) {
    auto names = words_for({""});
    for (const auto* command : commands()) EXPECT_THAT(names, Contains(command->name));
    EXPECT_THAT(names, IsSupersetOf({"help", "--help", "--version"}));
    EXPECT_THAT(names, Not(Contains("worker")));
    EXPECT_THAT(words_for({}), IsSupersetOf({"run", "help"}));
    EXPECT_THAT(words_for({"help", "me"}), ElementsAre("merge"));
    EXPECT_THAT(words_for({"frobnicate", ""}), IsEmpty());
}

TEST(Completion, KnowsEveryOptionOfTheHelp) {
    for (const auto* command : commands()) {
        OptionList options;
        command->add_options(options);
        add_common(options);
        const auto words = words_for({std::string(command->name), "--"});
        for (const auto& option : options.options()) EXPECT_THAT(words, Contains("--" + option->long_name()));
    }
    const auto shard = complete({"run", "--sh"}).candidates;
    EXPECT_THAT(shard,
                ElementsAre(Candidate{"--shard", "sweep part I of N; combine the parts' JSON with `gatecrash merge`"}));
}

TEST(Completion, KnowsValues) {
    EXPECT_THAT(words_for({"run", "--machine", "am"}), Contains("amd"));
    EXPECT_THAT(words_for({"run", "--machine=am"}), Contains("--machine=amd"));
    EXPECT_THAT(words_for({"run", "--stepper", ""}), ElementsAre("trap-flag", "stop-bytes"));
    EXPECT_THAT(words_for({"explore", "--events", "irq,n"}), ElementsAre("irq,nmi"));
    EXPECT_THAT(words_for({"explore", "--events=irq,n"}), ElementsAre("--events=irq,nmi"));
    EXPECT_THAT(words_for({"linux", "--cpu", "no-s"}), ElementsAre("no-smap"));
    EXPECT_THAT(words_for({"run", "--budget", ""}), IsEmpty()) << "a number";
    EXPECT_THAT(words_for({"replay", "--trace", "nested-nmi/single"}), ElementsAre("nested-nmi/single-stack@"))
        << "an optional value is joined by '='";
    EXPECT_TRUE(complete({"replay", "--trace=tr"}).files);
    EXPECT_THAT(words_for({"run", "--quiet", "nested-nmi/single"}), ElementsAre("nested-nmi/single-stack"))
        << "a flag has no value";
}

TEST(Completion, KnowsArguments) {
    EXPECT_THAT(words_for({"run", "nested-nm"}), IsSupersetOf({"nested-nmi", "nested-nmi/single-stack"}));
    EXPECT_THAT(words_for({"explore", "nested-nm"}), Not(Contains("nested-nmi")));
    EXPECT_THAT(words_for({"replay", "nested-nmi/single"}), ElementsAre("nested-nmi/single-stack@"));
    EXPECT_THAT(words_for({"bench", "har"}), ElementsAre("harness"));
    EXPECT_THAT(words_for({"explain", "nested-task"}), IsEmpty());
    EXPECT_THAT(words_for({"explain", "I1"}), Contains("I16"));
    EXPECT_THAT(words_for({"run", "--", "--machine", "nested-nmi/single"}), ElementsAre("nested-nmi/single-stack"));
    EXPECT_THAT(words_for({"doctor", ""}), IsEmpty());
}

TEST(Completion, KnowsWhereFilesCanStand) {
    for (const auto& words : std::vector<Words>{{"run", ""},
                                                {"merge", ""},
                                                {"explore", ""},
                                                {"kernel", ""},
                                                {"check", ""},
                                                {"run", "--json", ""},
                                                {"linux", "--kernel=b"}}) {
        EXPECT_TRUE(complete(words).files) << testing::PrintToString(words);
        EXPECT_FALSE(complete(words).folders) << testing::PrintToString(words);
    }
    EXPECT_TRUE(complete({"new", ""}).folders);
    for (const auto& words : std::vector<Words>{{""},
                                                {"list", ""},
                                                {"new", ""},
                                                {"replay", ""},
                                                {"run", "--machine", ""},
                                                {"run", "--jobs", ""},
                                                {"run", "--"}}) {
        EXPECT_FALSE(complete(words).files) << testing::PrintToString(words);
    }
}

}  // namespace
}  // namespace gatecrash::cli
