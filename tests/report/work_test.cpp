#include "report/work.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gatecrash::report {
namespace {

using testing::HasSubstr;

sweep::SweepResult sweep() {
    sweep::SweepResult result;
    result.shard = {2, 3};
    result.boundaries = 500;
    result.depth = 1;
    result.levels = {{1, 0}, {70, 30, {{3, 60, 20, {}, true}, {3, 4, 0, {{0, 3}}}, {6, 6, 10}}}};
    result.schedules = 71;
    result.pruned = 30;
    result.findings = {{.schedule = {"c/v", {{vm::Event::nmi(), {"entry", 0x1f, 2, {}}}}},
                        .violation = {sweep::Invariant::stack, "a \"message\"\nof two lines"},
                        .also = {sweep::Invariant::nmi_mask},
                        .schedules = 4,
                        .window = 1,
                        .order = 99,
                        .block = 3}};
    result.interrupted = true;
    result.not_exhaustive = sweep::Coverage{1, 20, 167};
    result.stopped_after = 1;
    return result;
}

sweep::Checkpoint checkpoint() {
    auto result = sweep();
    result.schedules = result.pruned = 0;  // the end adds them up
    return {result, {1, {{2, 0, 3}}}, {"@nmi:entry+0x1f", "@nmi:entry"}, false};
}

template <typename Kind>
Kind passed_on(const Kind& message) {
    const auto line = to_line(Message(message));
    EXPECT_EQ(line.find('\n'), std::string::npos);
    return std::get<Kind>(read_message(line));
}

TEST(Work, MessagesArriveAsTheyAreSent) {
    const MachineDescription machine{"amd",
                                     "kvm_amd",
                                     "cpu",
                                     "6.1",
                                     true,
                                     vm::Vendor::intel,
                                     {{vm::Behaviour::int3, true}, {vm::Behaviour::lsl, false}}};
    EXPECT_EQ(passed_on(machine), machine);
    const auto progress = passed_on(sweep::Progress{2, 10, 500, 1234, 1, 7});
    EXPECT_EQ(std::tie(progress.level, progress.boundary, progress.boundaries, progress.schedules, progress.findings,
                       progress.block),
              std::make_tuple(2U, 10U, 500U, 1234U, 1U, 7U));
    EXPECT_EQ(passed_on(Counted{533}).boundaries, 533U);
    EXPECT_EQ(passed_on(Found{sweep().findings.front()}).finding, sweep().findings.front());
    const auto saved = passed_on(Saved{checkpoint(), 1.5});
    EXPECT_EQ(saved.checkpoint, checkpoint());
    EXPECT_EQ(saved.seconds, 1.5);
    const auto swept = std::get<Swept>(passed_on(Ending(Swept{sweep(), 2.5})));
    EXPECT_EQ(swept.sweep, sweep());
    EXPECT_EQ(swept.seconds, 2.5);
    const auto failed = std::get<Failed>(passed_on(Ending(Failed{"why\nat length", true})));
    EXPECT_EQ(failed.message, "why\nat length");
    EXPECT_TRUE(failed.is_input);
    EXPECT_EQ(std::get<Skipped>(passed_on(Ending(Skipped{"no such CPU"}))).reason, "no such CPU");
}

TEST(Work, AJobArrivesAsItIsSent) {
    const auto job = read_job(to_line(Job{{"run", "--", "x"}, 3, Saved{checkpoint(), 0.5}, true, true}));
    EXPECT_EQ(job.command, (std::vector<std::string>{"run", "--", "x"}));
    EXPECT_EQ(job.first, 3U);
    ASSERT_TRUE(job.from);
    EXPECT_EQ(job.from->checkpoint, checkpoint());
    EXPECT_TRUE(job.saves);
    EXPECT_TRUE(job.counts);
    EXPECT_FALSE(read_job(to_line(Job{})).from);
}

TEST(Work, AJournalComesBackAsItWasKept) {
    Journal journal{"0.1", {"run", "1/1"}, "0123", {"amd", "kvm_amd", "cpu", "6.1", true, vm::Vendor::amd, {}}, {}};
    journal.workers = {{{Swept{sweep(), 1}, Failed{"why", false}}, Saved{checkpoint(), 2}}, {{}, {}}};
    const auto text = to_text(journal);
    const auto back = read_journal(text);
    EXPECT_EQ(to_text(back), text);
    EXPECT_EQ(back.command, journal.command);
    ASSERT_EQ(back.workers.size(), 2U);
    EXPECT_EQ(std::get<Swept>(back.workers[0].done.at(0)).sweep, sweep());
    EXPECT_EQ(back.workers[0].at->checkpoint, checkpoint());
    EXPECT_TRUE(back.workers[1].done.empty());
}

TEST(Work, WhatIsNoneIsRefused) {
    const auto why = [](const std::string& text) {
        try {
            (void)read_journal(text);
        } catch (const WorkError& error) {
            return std::string(error.what());
        }
        return std::string("nothing");
    };
    const auto whole =
        to_text({"0.1", {"run"}, "0", {"amd", "", "", "", true, vm::Vendor::amd, {}}, {{{}, Saved{checkpoint(), 2}}}});
    for (const auto& text :
         {std::string("no JSON"), std::string("[]"), std::string("{}"), whole.substr(0, whole.size() / 2)}) {
        EXPECT_THAT(why(text), HasSubstr("not a file that --resume made: ")) << text;
    }
    auto other = whole;
    other.replace(other.find("\"order\":99"), 10, "\"order\":-1");
    EXPECT_THAT(why(other), HasSubstr("'order' is no count"));
    for (const auto& [from, to] :
         std::vector<std::pair<std::string, std::string>>{{"[3,60,20,[],true]", "[3,61,20,[],true]"},
                                                          {"[3,60,20,[],true]", "[3,60,20,[],false]"},
                                                          {"[3,60,20,[],true]", "[3,60,20,[[0,1]],true]"},
                                                          {"[6,6,10,[],false]", "[2,6,10,[],false]"}}) {
        auto tampered = whole;
        ASSERT_NE(tampered.find(from), std::string::npos);
        tampered.replace(tampered.find(from), from.size(), to);
        EXPECT_THAT(why(tampered), HasSubstr("stretch")) << to;
    }
    EXPECT_THROW((void)read_message("{}"), WorkError);
    EXPECT_THROW((void)read_job("{\"command\":1}"), WorkError);
}

}  // namespace
}  // namespace gatecrash::report
