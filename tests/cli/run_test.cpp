// Runs the commands with the emulated machine.
#include <elf.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "machines/machines.hpp"
#include "posix/file.hpp"
#include "support/amd.hpp"
#include "support/gatecrash.hpp"
#include "support/junit.hpp"
#include "support/ktap.hpp"

namespace gatecrash::cli {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

/// A variant that breaks and takes a fraction of a second, and one that takes many seconds.
constexpr const char* quick = "nested-nmi/flag-only";
constexpr const char* slow = "nested-nmi/linus-2010-irq";

/// The text between "gatecrash replay '" and "'".
std::string replayed_schedule(const std::string& text) {
    const std::string begin = "gatecrash replay '";
    const auto at = text.find(begin);
    if (at == std::string::npos) return "";
    return text.substr(at + begin.size(), text.find('\'', at + begin.size()) - at - begin.size());
}

TEST(Run, ShowsWhereTheFindingHappens) {
    const TemporaryFolder folder;
    const auto path = folder.path() / "result.json";
    const auto run = run_on_amd({"run", quick, "--json", path});
    EXPECT_EQ(run.code, 0) << run.err;
    EXPECT_THAT(run.out, testing::StartsWith("ok  "));
    EXPECT_THAT(run.out, HasSubstr("1 variant: 1 ok, 0 unexpected, 0 skipped, 0 errors"));
    const auto document = read_json(path);
    EXPECT_EQ(document["machine"]["name"], "amd");
    EXPECT_EQ(document["machine"]["kvm"], "kvm_amd");
    EXPECT_EQ(document["machine"]["emulated"], true);
    EXPECT_THAT(posix::read_file(EXAMPLE "/../../README.md"),
                HasSubstr("on each of " + document["results"][0]["boundaries"].dump() + " boundaries"));
    const auto schedule = replayed_schedule(run.out);
    EXPECT_EQ(document["results"][0]["finding"]["schedule"], schedule);
    const auto trace = run_on_amd({"replay", schedule, "--trace"});
    EXPECT_EQ(trace.code, 1);
    EXPECT_THAT(trace.out, HasSubstr("iret"));

    // GUEST is that variant's file.
    const auto checked = run_gatecrash({"check", GUEST, "--with-run", path});
    EXPECT_THAT(checked.out, HasSubstr(" instructions were reached by 1 sweep\n")) << checked.err;
    EXPECT_THAT(checked.out, HasSubstr("    not reached: entry_mc, "));
    EXPECT_THAT(checked.out, Not(HasSubstr("    not reached: entry_bp, ")));
}

TEST(Run, GivesTheSameAnswerEachTime) {
    std::set<std::string> answers;
    for (int i = 0; i < 10; ++i) {
        const auto* jobs = i % 2 == 0 ? "1" : "2";
        auto document = json::parse(run_on_amd({"run", quick, "--jobs", jobs, "--json", "-", "--quiet"}).out);
        answers.insert(without_seconds(document));
    }
    EXPECT_THAT(answers, SizeIs(1));
}

TEST(Shards, MergeIntoTheWhole) {
    expect_merged_shards_to_be({"run", quick});
    expect_merged_shards_to_be({"explore", quick});
    expect_merged_shards_to_be({"explore", GUEST, "--no-prune", "--events", "nmi,irq=0x30"});
}

TEST(Shards, ThatAreMissingAreMadeByTheCommandsOfMerge) {
    const TemporaryFolder folder;
    const auto guest = (folder.path() / "a guest.elf").string();
    fs::copy_file(GUEST, guest);
    const Words words{"explore", guest, "--events", "nmi,irq=0x30", "--depth", "1", "--json"};
    const auto with = [&](const Words& more) {
        auto all = words;
        all.insert(all.end(), more.begin(), more.end());
        return run_on_amd(all);
    };
    const auto two = (folder.path() / "2.json").string();
    EXPECT_THAT(with({two, "--shard", "2/3"}).code, testing::AnyOf(0, 1));
    const auto partial = run_gatecrash({"merge", two, "--json", "-"});
    EXPECT_EQ(partial.code, 5) << partial.err;
    const auto missing_shards = json::parse(partial.out)["partial"]["missing"];
    EXPECT_EQ(missing_shards.size(), 2U);
    for (const auto& missing : missing_shards) {
        const auto path = fs::path(GATECRASH).parent_path().string() + ":/usr/bin:/bin";
        const auto made = machines::Command({"/bin/sh", "-c", missing["command"]}, {{"PATH", path}}).finish();
        EXPECT_THAT(made.code, testing::AnyOf(0, 1)) << made.err;
    }
    const auto merged = run_gatecrash(
        {"merge", two, folder.path() / "shard-1-of-3.json", folder.path() / "shard-3-of-3.json", "--json", "-"});
    const auto whole = with({"-"});
    EXPECT_EQ(merged.code, whole.code) << merged.err;
    EXPECT_EQ(without_seconds(json::parse(merged.out)), without_seconds(json::parse(whole.out)));
}

/// The same holds in a shard. GivesTheSameAnswerEachTime tests whole sweeps.
TEST(Jobs, ChangeNothingButTheSeconds) {
    const auto with_jobs = [](const char* jobs) {
        return run_on_amd({"explore", quick, "--json", "-", "--shard", "2/12", "--jobs", jobs});
    };
    const auto one = with_jobs("1"), two = with_jobs("2");
    EXPECT_EQ(two.code, one.code) << two.err;
    EXPECT_EQ(without_seconds(json::parse(two.out)), without_seconds(json::parse(one.out)));
}

/// The --resume file shows which workers ran: it has no boundaries of a worker that did not run.
TEST(Jobs, WithoutABlockToSweepAreNotStarted) {
    const TemporaryFolder folder;
    const auto path = folder.path() / "work";
    const Words words{"run", "compat-syscall/cstar-stub", "interrupt-origin/exceptions", "--json", "-", "--quiet"};
    auto many = words;
    many.insert(many.end(), {"--jobs", "6", "--resume", path});
    const auto result = run_on_amd(many);
    EXPECT_EQ(result.code, 0) << result.err;
    EXPECT_EQ(without_seconds(json::parse(result.out)), without_seconds(json::parse(run_on_amd(words).out)));
    const auto workers = read_json(path)["workers"];
    ASSERT_THAT(workers, SizeIs(6));
    const auto boundaries = [&](std::size_t sweep) {
        std::vector<bool> known;
        for (const auto& worker : workers) known.push_back(worker["done"][sweep]["swept"]["boundaries"] != 0);
        return known;
    };
    EXPECT_THAT(boundaries(0), testing::ElementsAre(1, 1, 1, 1, 0, 0)) << "a few are started at once";
    EXPECT_THAT(boundaries(1), testing::ElementsAre(1, 1, 1, 1, 1, 1)) << "it has 8 blocks";
}

TEST(Jobs, EndTogetherWhenInterrupted) {
    const TemporaryFolder folder;
    const auto path = folder.path() / "result.json";
    Command command(gatecrash({"run", "--machine", "amd", "--jobs", "2", quick, slow, "--json", path}));
    command.wait_for_output(quick);
    ::usleep(1'500'000);  // until the slow sweep runs
    command.signal(SIGINT);
    const auto result = command.finish();
    EXPECT_EQ(result.code, 128 + SIGINT);
    EXPECT_THAT(result.out, HasSubstr(": 1 ok, 0 unexpected, "));
    const auto results = read_json(path)["results"];
    EXPECT_EQ(results[0]["status"], "ok");
    // On a busy host, possibly no worker has begun the slow sweep.
    for (std::size_t i = 1; i < results.size(); ++i) EXPECT_EQ(results[i]["status"], "skip");
    EXPECT_THAT(result.err, HasSubstr("interrupted: 1 of 2 variants are done"));
}

TEST(Jobs, SayThatAWorkerWasKilled) {
    const TemporaryFolder folder;
    const auto path = folder.path() / "result.xml";
    Command command(gatecrash({"explore", "--machine", "amd", "--jobs", "2", slow, "--junit", path}));
    pid_t worker = 0;
    for (int i = 0; i < 6000 && worker == 0; ++i) {
        ::usleep(10'000);
        for (const auto pid : machines::emulators_of(command.pid())) worker = machines::parent_of(pid);
    }
    ASSERT_GT(worker, 1);
    ::kill(worker, SIGKILL);
    const auto result = command.finish();
    EXPECT_EQ(result.code, 3);
    EXPECT_THAT(result.err, HasSubstr("gatecrash: a worker was killed, possibly out of memory"));
    EXPECT_THAT(posix::read_file(path), HasSubstr("a worker was killed"));
}

TEST(Run, PutsNothingButJsonOnStandardOutputIfAskedTo) {
    const auto loud = run_on_amd({"run", quick, "--json", "-"});
    EXPECT_TRUE(json::accept(loud.out)) << loud.out;
    EXPECT_THAT(loud.err, HasSubstr("1 variant: 1 ok"));
    const auto quiet = run_on_amd({"run", quick, "--json", "-", "--quiet"});
    EXPECT_TRUE(json::accept(quiet.out));
    EXPECT_THAT(quiet.err, Not(HasSubstr("1 variant")));
}

TEST(Run, ReportsThatADocumentCouldNotBeWritten) {
    for (const auto* option : {"--json", "--junit", "--html"}) {
        const auto result = run_on_amd({"run", quick, option, "/dev/full"});
        EXPECT_EQ(result.code, 3);
        EXPECT_THAT(result.err, HasSubstr("writing /dev/full failed: No space left on device"));
    }
}

TEST(Run, WritesKtapAndBothDocumentsAtOnce) {
    const TemporaryFolder folder;
    const auto junit = folder.path() / "result.xml";
    const auto json = folder.path() / "result.json";
    const auto result = run_on_amd({"run", quick, "--ktap", "--junit", junit, "--json", json});
    EXPECT_EQ(result.code, 0) << result.err;
    EXPECT_EQ(result.out, "KTAP version 1\n1..1\n  KTAP version 1\n  1..1\n  ok 1 flag-only\nok 1 nested-nmi\n");
    EXPECT_THAT(result.err, HasSubstr("1 variant: 1 ok"));
    const auto document = posix::read_file(junit);
    EXPECT_EQ(junit::errors_of(document), "");
    EXPECT_THAT(document, HasSubstr("<testcase classname=\"nested-nmi\" name=\"flag-only\""));
    EXPECT_EQ(read_json(json)["results"][0]["status"], "ok");
    EXPECT_THAT(run_on_amd({"run", quick, "--ktap", "--quiet"}).err, IsEmpty());
}

TEST(Explore, ReportsItsFindingAsKtapAndJunit) {
    const auto ktap = run_on_amd({"explore", quick, "--ktap", "--quiet"});
    EXPECT_EQ(ktap.code, 1);
    const auto tests = ktap::parse(ktap.out);
    ASSERT_THAT(tests, SizeIs(1));
    ASSERT_THAT(tests[0].subtests, SizeIs(1));
    EXPECT_FALSE(tests[0].subtests[0].ok);
    const auto replay = tests[0].subtests[0].diagnostics.back();
    EXPECT_EQ(replay, "gatecrash replay '" + replayed_schedule(replay) + "'");

    const auto junit = run_on_amd({"explore", quick, "--junit", "-", "--quiet"});
    EXPECT_EQ(junit.code, 1);
    EXPECT_EQ(junit::errors_of(junit.out), "");
    EXPECT_EQ(replayed_schedule(junit.out), replayed_schedule(replay));
}

/// Returns a copy of the guest's file `elf` that halts at its entry point.
std::string halting(std::string elf) {
    Elf64_Ehdr header;
    std::memcpy(&header, elf.data(), sizeof(header));
    for (std::size_t i = 0; i < header.e_phnum; ++i) {
        Elf64_Phdr segment;
        std::memcpy(&segment, elf.data() + header.e_phoff + i * sizeof(segment), sizeof(segment));
        const auto offset = header.e_entry - segment.p_vaddr;
        if (segment.p_type == PT_LOAD && offset < segment.p_filesz) elf[segment.p_offset + offset] = '\xf4';
    }
    return elf;
}

TEST(Explore, ReportsAnErrorAsKtapAndJunit) {
    const TemporaryFolder folder;
    const auto guest = folder.file("guest.elf", halting(posix::read_file(GUEST)));
    const auto junit = folder.path() / "result.xml";
    const auto result = run_on_amd({"explore", guest, "--ktap", "--junit", junit});
    EXPECT_EQ(result.code, 2) << result.err;
    const auto tests = ktap::parse(result.out);
    ASSERT_THAT(tests, SizeIs(1));
    EXPECT_EQ(tests[0].name, guest);
    EXPECT_EQ(tests[0].directive, "ERROR");
    EXPECT_THAT(tests[0].data, HasSubstr("outside its windows the guest ended with"));
    const auto document = posix::read_file(junit);
    EXPECT_EQ(junit::errors_of(document), "");
    EXPECT_THAT(document, HasSubstr("errors=\"1\""));
}

TEST(Run, NamesTheBehaviourForWhichTheHostIsNotUsed) {
    if (run_gatecrash({"doctor", "--machine", "host"}).code == 0) GTEST_SKIP() << "this host's KVM is fit";
    const auto result = run_gatecrash({"run", quick});
    EXPECT_EQ(result.code, 0);
    EXPECT_THAT(result.err, HasSubstr("gatecrash: using the amd machine, since this host's KVM is not fit: "));
    EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
}

class Interrupted : public testing::TestWithParam<int> {};

TEST_P(Interrupted, KeepsTheResultsSoFarAndLeavesNoProcess) {
    const TemporaryFolder folder;
    const auto path = folder.path() / "result.json";
    const auto junit = folder.path() / "result.xml";
    Command command(
        gatecrash({"run", "--machine", "amd", "--jobs", "2", quick, slow, "--json", path, "--junit", junit}));
    command.wait_for_output(quick);
    const auto emulators = machines::emulators_of(command.pid());
    ASSERT_THAT(emulators, Not(IsEmpty()));
    ::usleep(500'000);  // until the slow sweep runs
    command.signal(GetParam());
    const auto result = command.finish();

    EXPECT_EQ(result.code, 128 + GetParam());
    EXPECT_THAT(result.out, HasSubstr("interrupted after"));
    EXPECT_THAT(result.out, HasSubstr("2 variants: 1 ok, 0 unexpected, 1 skipped"));
    EXPECT_THAT(result.err, HasSubstr("gatecrash: interrupted: 1 of 2 variants are done"));
    const auto document = read_json(path);
    ASSERT_THAT(document["results"], SizeIs(2));
    EXPECT_EQ(document["results"][0]["status"], "ok");
    EXPECT_EQ(document["results"][1]["status"], "skip");
    EXPECT_EQ(junit::errors_of(posix::read_file(junit)), "");
    EXPECT_THAT(posix::read_file(junit), HasSubstr("<skipped message=\"interrupted after "));
    for (const auto pid : emulators) EXPECT_NE(::kill(pid, 0), 0) << "an emulator still runs";
    EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator()), 2);
}

TEST_P(Interrupted, LeavesKtapWhole) {
    Command command(gatecrash({"run", "--machine", "amd", "--jobs", "2", quick, slow, "--ktap", "--quiet"}));
    command.wait_for_output("ok 1 flag-only\n");
    command.signal(GetParam());
    const auto result = command.finish();
    EXPECT_EQ(result.code, 128 + GetParam());
    const auto tests = ktap::parse(result.out);
    ASSERT_THAT(tests, SizeIs(1));
    ASSERT_THAT(tests[0].subtests, SizeIs(2));
    EXPECT_EQ(tests[0].subtests[1].directive, "SKIP");
    EXPECT_THAT(tests[0].subtests[1].data, testing::StartsWith("interrupted "));
}

TEST_P(Interrupted, SkipsAnExplorationThatDidNotBegin) {
    const TemporaryFolder folder;
    const auto path = folder.path() / "result.json";
    Command command(gatecrash({"explore", slow, "--machine", "amd", "--json", path}));
    while (machines::emulators_of(command.pid()).empty()) ::usleep(1'000);
    command.signal(GetParam());
    const auto result = command.finish();
    EXPECT_EQ(result.code, 128 + GetParam()) << result.out;
    EXPECT_THAT(result.out, HasSubstr("interrupted "));
    EXPECT_THAT(result.err, HasSubstr("gatecrash: interrupted: schedules that were not run yet may break as well"));
    EXPECT_EQ(read_json(path)["results"][0]["verdict"], "skip");
}

INSTANTIATE_TEST_SUITE_P(By, Interrupted, testing::Values(SIGINT, SIGTERM));

class Resume : public testing::TestWithParam<int> {};

TEST_P(Resume, GivesTheResultsOfARunWithoutABreak) {
    const TemporaryFolder folder;
    const auto path = folder.path() / "work";
    const Words words{"explore", "nested-nmi/copied-frame", "--shard", "1/4", "--json", "-"};
    auto resumed = words;
    resumed.insert(resumed.end(), {"--resume", path});
    Words first = resumed;
    first.insert(first.begin() + 1, {"--machine", "amd", "--jobs", "2"});  // later runs take these from the file
    Command command(gatecrash(first));
    wait_for_a_save(path);
    const auto emulators = machines::emulators_of(command.pid());
    EXPECT_THAT(emulators, Not(IsEmpty()));
    command.signal(GetParam());
    const auto broken_off = command.finish();
    EXPECT_EQ(broken_off.code, 128 + GetParam());
    EXPECT_EQ(broken_off.err.find("the same command resumes from here") != std::string::npos, GetParam() == SIGINT);
    const auto runs = [](pid_t pid) { return ::kill(pid, 0) == 0; };
    for (int i = 0; i < 1000 && std::ranges::any_of(emulators, runs); ++i) ::usleep(10'000);
    EXPECT_FALSE(std::ranges::any_of(emulators, runs)) << "an emulator still runs";

    const auto rest = run_on_amd(resumed);
    EXPECT_EQ(rest.code, 0) << rest.err;
    EXPECT_EQ(without_seconds(json::parse(rest.out)), without_seconds(json::parse(run_on_amd(words).out)));
    // A run of finished work prints the same results, and sweeps nothing.
    const auto again = run_on_amd(resumed);
    const auto told = json::parse(again.out), done = json::parse(rest.out);
    EXPECT_EQ(without_seconds(told), without_seconds(done));
    EXPECT_EQ(told["results"][0]["seconds"], done["results"][0]["seconds"]);

    const auto other = run_on_amd({"explore", "nested-nmi/copied-frame", "--depth", "1", "--resume", path});
    EXPECT_EQ(other.code, 2);
    EXPECT_THAT(other.err,
                HasSubstr("it belongs to another command, or to other options; name another file to start again"));
    auto with_page = resumed;
    with_page.insert(with_page.end(), {"--html", folder.path() / "page"});
    EXPECT_THAT(run_on_amd(with_page).err, HasSubstr("it belongs to another command, or to other options"));
    resumed.insert(resumed.end(), {"--jobs", "77"});
    EXPECT_THAT(run_on_amd(resumed).err, HasSubstr("it was made with --jobs "));
    EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator()), 1);
}

INSTANTIATE_TEST_SUITE_P(By, Resume, testing::Values(SIGINT, SIGKILL));

TEST(Resume, RefusesWhatItDidNotMake) {
    const TemporaryFolder folder;
    const auto result = run_on_amd({"run", quick, "--resume", folder.file("work", "something precious")});
    EXPECT_EQ(result.code, 2);
    EXPECT_THAT(result.err, HasSubstr("not a file that --resume made"));
    EXPECT_EQ(posix::read_file(folder.path() / "work"), "something precious");
    EXPECT_EQ(run_on_amd({"run", quick, "--resume", folder.path() / "no-folder" / "work"}).code, 2);
    const auto full = run_on_amd({"run", quick, "--resume", "/dev/full"});
    EXPECT_EQ(full.code, 3);
    EXPECT_THAT(full.err, HasSubstr("writing /dev/full failed: No space left on device"));
}

TEST(Budget, ReportsWhatItDidNotSweep) {
    const auto result = run_on_amd({"run", "nested-nmi/copied-frame", "--budget", "100", "--json", "-"});
    EXPECT_EQ(result.code, 4);
    EXPECT_THAT(result.err, HasSubstr("skipped: not exhaustive: "));
    const auto document = json::parse(result.out);
    const auto& swept = document["results"][0];
    EXPECT_EQ(swept["schedules"], 100);
    EXPECT_EQ(swept["not_exhaustive"]["depth"], swept["depth"]);
    EXPECT_LT(swept["not_exhaustive"]["boundaries"], swept["not_exhaustive"]["of"]);
    // A budget does not hide a finding.
    const auto breaks = run_on_amd({"explore", "nested-nmi/single-stack", "--budget", "60"});
    EXPECT_EQ(breaks.code, 1);
    EXPECT_THAT(breaks.out, HasSubstr("breaks I4"));
    EXPECT_THAT(breaks.out, HasSubstr("not exhaustive: "));
}

TEST(MaxFindings, StopASweepAtTheSameFindingWhoeverDoesTheWork) {
    const Words words{"explore", "nested-nmi/single-stack", "--max-findings", "4"};
    expect_merged_shards_to_be(words);
    const auto with_jobs = [&](const char* jobs) {
        auto all = words;
        all.insert(all.end(), {"--jobs", jobs, "--json", "-"});
        return run_on_amd(all);
    };
    const auto one = with_jobs("1"), three = with_jobs("3");
    EXPECT_EQ(one.code, 1);
    EXPECT_EQ(without_seconds(json::parse(three.out)), without_seconds(json::parse(one.out)));
    const auto result = json::parse(one.out)["results"][0];
    EXPECT_EQ(result["stopped_after"], 4);
    EXPECT_EQ(result["findings"], 4);
    EXPECT_THAT(one.err, HasSubstr("stopped after 4 findings (--max-findings)\n"));
}

TEST(MaxFindings, AreTwentyFiveForExplore) {
    const auto result = run_on_amd({"explore", "nested-nmi/single-stack", "--json", "-"});
    EXPECT_EQ(json::parse(result.out)["results"][0]["stopped_after"], 25);
}

TEST(MaxFindings, LeaveRunToJudgeWhatItFound) {
    const TemporaryFolder folder;
    const auto path = folder.path() / "result.json", junit = folder.path() / "result.xml";
    const auto stopped =
        run_on_amd({"run", "nested-nmi/single-stack", "--fail-fast", "--json", path, "--junit", junit, "--ktap"});
    EXPECT_EQ(stopped.code, 0) << stopped.err;
    EXPECT_THAT(stopped.out, HasSubstr("ok 1 single-stack\n"));
    EXPECT_THAT(stopped.err, HasSubstr("stopped after 1 finding (--max-findings)"));
    EXPECT_THAT(stopped.err, Not(HasSubstr("  found I4"))) << "it is expected to break";
    EXPECT_EQ(read_json(path)["results"][0]["stopped_after"], 1);
    EXPECT_EQ(read_json(path)["results"][0]["status"], "ok");
    EXPECT_EQ(run_on_amd({"run", quick, "--json", path}).code, 0);
    EXPECT_EQ(read_json(path)["results"][0]["stopped_after"], nullptr);
}

TEST(Findings, AreShownAsTheyAreFound) {
    const Words words{"explore", "nested-nmi/single-stack", "--max-findings", "3"};
    const auto shown = run_on_amd(words);
    EXPECT_THAT(shown.out, Not(HasSubstr("  found I4")));
    std::size_t lines = 0;
    for (auto at = shown.err.find("\nnested-nmi/single-stack  found I4 (stack): nmi:"); at != std::string::npos;
         at = shown.err.find("\nnested-nmi/single-stack  found I4 (stack): nmi:", at + 1)) {
        ++lines;
    }
    lines += shown.err.starts_with("nested-nmi/single-stack  found I4 (stack): nmi:") ? 1 : 0;
    EXPECT_EQ(lines, 3U) << shown.err;
    auto quiet = words;
    quiet.emplace_back("--quiet");
    EXPECT_THAT(run_on_amd(quiet).err, Not(HasSubstr("  found ")));
}

TEST(Explore, EndsWithOneForAFinding) {
    const auto result = run_on_amd({"explore", quick});
    EXPECT_EQ(result.code, 1);
    EXPECT_THAT(result.out, HasSubstr("breaks I4"));
    EXPECT_THAT(result.err, HasSubstr("watch it happen with gatecrash replay '"));
}

TEST(Explore, SweepsAFileAndItsFindingReplays) {
    const TemporaryFolder folder;
    const auto path = folder.path() / "my guest@home.elf";
    fs::copy_file(GUEST, path);
    const auto explored = run_on_amd({"explore", path, "--events", "nmi", "--depth", "1"});
    EXPECT_EQ(explored.code, 1) << explored.err;
    const auto schedule = replayed_schedule(explored.out);
    EXPECT_THAT(schedule, testing::StartsWith(path.string() + "@nmi:"));
    EXPECT_EQ(run_on_amd({"replay", schedule}).code, 1);
}

TEST(Explore, FindsTheSameWithBothSteppersAndWithoutPruning) {
    const auto schedule = replayed_schedule(run_on_amd({"explore", quick}).out);
    EXPECT_THAT(schedule, Not(IsEmpty()));
    EXPECT_EQ(replayed_schedule(run_on_amd({"explore", quick, "--stepper", "stop-bytes"}).out), schedule);
    EXPECT_EQ(replayed_schedule(run_on_amd({"explore", quick, "--no-prune"}).out), schedule);
}

TEST(Explore, HoldsWithoutEvents) {
    const auto result = run_on_amd({"explore", quick, "--depth", "0"});
    EXPECT_EQ(result.code, 0) << result.out;
}

TEST(Explore, SaysWhatIsModelledAsRunDoes) {
    const auto result = run_on_amd({"explore", "debug/mov-ss", "--depth", "0", "--json", "-"});
    EXPECT_EQ(result.code, 0) << result.err;
    EXPECT_EQ(json::parse(result.out)["results"][0]["modelled"], true);
    EXPECT_THAT(result.err, HasSubstr("(modelled)"));
}

TEST(Replay, OfNoEventHolds) {
    const auto result = run_on_amd({"replay", quick});
    EXPECT_EQ(result.code, 0);
    EXPECT_THAT(result.out, HasSubstr("every invariant holds\n"));
}

TEST(Replay, OfSeveralSchedulesPrintsEachAsIfAlone) {
    const TemporaryFolder folder;
    const auto file = folder.path() / "guest.elf";
    fs::copy_file(GUEST, file);
    const std::string breaking = "@nmi:nmi_iret";
    const auto path = folder.path() / "result.json";
    const auto several = run_on_amd({"replay", quick, quick + breaking, file.string() + breaking, "--json", path});
    EXPECT_EQ(several.code, 1);
    EXPECT_THAT(several.err, HasSubstr(std::string("an invariant broke in 2 of 3 schedules; --trace shows each step, "
                                                   "and `gatecrash explain --machine amd '") +
                                       quick));
    const auto alone = run_on_amd({"replay", quick + breaking, "--json", "-"});
    EXPECT_THAT(several.out, testing::StartsWith(quick));
    EXPECT_THAT(several.out, HasSubstr(std::string("every invariant holds\n\n") + quick + breaking));
    // The text is on standard error, before the remark.
    const auto text = alone.err.substr(0, alone.err.find("gatecrash: "));
    EXPECT_THAT(several.out, HasSubstr("\n\n" + text + "\n" + file.string() + breaking));
    auto document = read_json(path);
    ASSERT_THAT(document["results"], SizeIs(3));
    EXPECT_EQ(document["results"][0]["verdict"], "holds");
    EXPECT_EQ(document["results"][0]["findings"], 0);
    EXPECT_EQ(document["results"][1]["findings"], 1);
    EXPECT_EQ(document["results"][2]["case"], file.string());
    document["results"] = json::array({document["results"][1]});
    EXPECT_EQ(without_seconds(document), without_seconds(json::parse(alone.out)));
}

TEST(Replay, OfABoundaryThatIsNeverReachedIsRefused) {
    for (const std::string boundary : {"entry_nmi#1000", "entry_nmi+0xfffff", "1000000"}) {
        const auto result = run_on_amd({"replay", std::string(quick) + "@nmi:" + boundary});
        EXPECT_EQ(result.code, 2) << boundary;
        EXPECT_THAT(result.err, HasSubstr("never reaches")) << boundary;
    }
}

TEST(Watchpoint, IsRefusedWhereItIsLost) {
    for (const auto& words : {Words{"explore", "debug/reference", "--events", "watch=0x500fb0"},
                              Words{"replay", "debug/reference@watch=0x500fb0:user_copy"}}) {
        const auto result = run_on_amd(words);
        EXPECT_EQ(result.code, 3);
        EXPECT_EQ(result.out, "");
        EXPECT_THAT(
            result.err,
            HasSubstr("watch=0x500fb0 cannot land on 'amd': breakpoint-from-outside: this KVM gives \"no event\""));
    }
}

TEST(Stats, SayWhereTheTimeOfASweepWent) {
    const TemporaryFolder folder;
    const auto path = (folder.path() / "results.json").string();
    const auto result = run_on_amd({"explore", "nested-nmi/single-stack", "--jobs", "1", "--stats", "--json", path});
    EXPECT_EQ(result.code, 1) << result.err;
    EXPECT_THAT(result.out, HasSubstr("Where the time of all workers went:\n  starting "));
    const auto document = json::parse(posix::read_file(path));
    const auto& spent = document["results"][0]["spent"];
    double sum = 0;
    for (const auto* phase : {"starting", "stepping", "injecting", "checking", "examining"}) {
        EXPECT_GT(spent[phase], 0.0) << phase;
    }
    for (const auto& seconds : spent) sum += seconds.get<double>();
    EXPECT_GE(sum, document["results"][0]["seconds"].get<double>() - spent["starting"].get<double>());
    EXPECT_THAT(run_on_amd({"explore", quick, "--jobs", "1"}).out, Not(HasSubstr("Where the time")));
}

TEST(Bench, MeasuresTheHarness) {
    const auto result = run_on_amd({"bench", "harness", "--json", "-", "--quiet"});
    EXPECT_EQ(result.code, 0) << result.err;
    const auto document = json::parse(result.out);
    std::map<std::string, json> figures;
    for (const auto& figure : document["results"]) figures[figure["name"]] = figure;
    for (const auto* name : {"kvm_run_floor_ns", "step_ns", "snapshot_ns", "restore_ns", "vm_create_ns",
                             "injections_per_s", "floor_ratio", "exits_per_injection"}) {
        ASSERT_TRUE(figures.contains(name)) << name;
        EXPECT_GT(figures[name]["median"], 0) << name;
        EXPECT_EQ(figures[name]["valid"], true) << name;
    }
    const double injection = figures["injection_ns"]["median"], floor = figures["kvm_run_floor_ns"]["median"];
    EXPECT_DOUBLE_EQ(figures["floor_ratio"]["median"], injection / floor);
    // The IRET of the handler and the doorbell END cause exits, since QEMU's CPU has no virtual NMIs. Interrupts of the
    // host add a few.
    EXPECT_GE(figures["exits_per_injection"]["median"], 2);
    EXPECT_LT(figures["exits_per_injection"]["median"], 3);
}

TEST(Bench, CountsPathsAndDrawsThem) {
    const TemporaryFolder folder;
    const auto json_file = folder.path() / "then.json", picture = folder.path() / "paths.svg";
    const Words paths{"bench", "syscall-sysret", "syscall-sysret+save+swapgs", "nmi+ibrs"};
    auto first = paths;
    first.insert(first.end(), {"--json", json_file, "--plot", picture});
    const auto result = run_on_amd(first);
    EXPECT_EQ(result.code, 0) << result.err;
    EXPECT_THAT(result.out, HasSubstr("syscall-sysret+swapgs+save           34    +32"));
    EXPECT_THAT(result.out, HasSubstr("skipped: the CPU has no IBRS: nmi+save+ibrs"));
    EXPECT_THAT(result.out, HasSubstr("No cycles were measured"));
    EXPECT_THAT(posix::read_file(picture), testing::AllOf(HasSubstr("<svg"), HasSubstr("syscall-sysret+swapgs+save")));
    auto then = json::parse(posix::read_file(json_file));
    for (const auto& figure : then["results"]) EXPECT_EQ(figure["unit"], "instructions");

    EXPECT_EQ(run_on_amd({"bench", "syscall-sysret+swapgs+save", "--baseline", json_file}).code, 0);
    // Makes one figure of the baseline faster.
    then["results"][1]["median"] = 30;
    then["results"][1]["interval"] = {30, 30};
    std::ofstream(json_file) << then;
    const auto slower = run_on_amd({"bench", "syscall-sysret+swapgs+save", "--baseline", json_file});
    EXPECT_EQ(slower.code, 1);
    EXPECT_THAT(slower.out, HasSubstr("1.133"));
    EXPECT_THAT(slower.out, HasSubstr("over the threshold of 1.050"));
    EXPECT_EQ(run_on_amd({"bench", "syscall-sysret+swapgs+save", "--baseline", json_file, "--threshold", "0.2"}).code,
              0);
    const auto other = run_on_amd({"bench", "bp", "--baseline", json_file});
    EXPECT_EQ(other.code, 2);
    EXPECT_THAT(other.err, HasSubstr("these figures can be compared with"));
    const auto skipped = run_on_amd({"bench", "nmi+ibrs", "--json", json_file});
    EXPECT_EQ(skipped.code, 4);
    EXPECT_THAT(skipped.out, HasSubstr("skipped: the CPU has no IBRS: nmi+save+ibrs"));
    EXPECT_THAT(skipped.err, HasSubstr("nothing was measured"));
    EXPECT_EQ(read_json(json_file)["skipped"].size(), 1U);
}

TEST(Explore, LandsExceptions) {
    const auto result = run_on_amd({"explore", "nested-nmi/copied-frame", "--events", "db,mc", "--depth", "1"});
    EXPECT_EQ(result.code, 0) << result.out;
    // The runtime's #PF entry is plain: it assumes the kernel's GS base for every fault in the kernel.
    const auto fault = run_on_amd({"explore", "nested-nmi/copied-frame", "--events", "pf", "--depth", "1"});
    EXPECT_EQ(fault.code, 1);
    EXPECT_THAT(fault.out, HasSubstr("breaks I2"));
    EXPECT_EQ(replayed_schedule(fault.out), "nested-nmi/copied-frame@pf:entry_nmi");
    EXPECT_EQ(run_on_amd({"replay", replayed_schedule(fault.out)}).code, 1);
}

TEST(Doctor, FindsTheEmulatedMachineFit) {
    const TemporaryFolder folder;
    const auto path = folder.path() / "doctor.json";
    const auto result = run_on_amd({"doctor", "--json", path});
    EXPECT_EQ(result.code, 0) << result.out;
    EXPECT_THAT(result.out, HasSubstr("amd (kvm_amd, "));
    const auto document = read_json(path);
    const auto behaviours = document["machine"]["behaviours"], answers = document["machine"]["answers"];
    EXPECT_GT(behaviours.size(), 90U);
    EXPECT_EQ(document["manuals"].size(), behaviours.size());
    for (const auto& behaviour : behaviours.items()) {
        const auto& name = behaviour.key();
        const bool ok = behaviour.value();
        const auto place_of = [&](std::string_view mark) {
            return result.out.find(fmt::format("  {:<9}{}", mark, name));
        };
        const auto at = ok ? place_of("ok") : std::min(place_of("differs"), place_of("other"));
        ASSERT_NE(at, std::string::npos) << name;
        EXPECT_TRUE(ok || result.out.find("  hardware  ", at) != std::string::npos) << name;
        EXPECT_NE(result.out.find(answers[name].get<std::string>(), at), std::string::npos) << name;
    }
}

TEST(Doctor, ReportsWhatTheHarnessCosts) {
    const TemporaryFolder folder;
    const auto path = folder.path() / "report.json";
    EXPECT_EQ(run_on_amd({"doctor", "--report", path}).code, 0);
    const auto report = read_json(path);
    EXPECT_EQ(report["machine"]["name"], "amd");
    EXPECT_GT(report["machine"]["answers"].size(), 90U);
    EXPECT_EQ(report["bench_missing"], "");
    EXPECT_EQ(report["bench"]["results"][0]["name"], "kvm_run_floor_ns");
    EXPECT_TRUE(report["expected"].is_null()) << "nothing is expected of an emulated machine";
}

/// Returns the index of `intel` in documents, which list machines in the order of their table.
std::size_t place_of_intel() {
    return static_cast<std::size_t>(machines::find_machine("intel") - machines::all_machines().data());
}

/// Runs the command with QEMU alone on PATH, and so without the Intel machine. That is not a failure.
Result run_without_intel(const TemporaryFolder& folder, const Words& arguments) {
    const auto tools = folder.path() / "tools";
    fs::create_directory(tools);
    fs::create_symlink("/usr/bin/qemu-system-x86_64", tools / "qemu-system-x86_64");
    auto words = gatecrash(arguments);
    words.insert(words.begin(), {"/usr/bin/env", "PATH=" + tools.string()});
    return Command(words).finish();
}

TEST(Run, OnEveryMachineEndsWithAComparison) {
    const TemporaryFolder folder;
    const auto path = folder.path() / "result.json";
    const auto result = run_without_intel(folder, {"run", "--machine", "all", "--jobs", "1", quick, "--json", path});
    EXPECT_EQ(result.code, 0) << result.err;
    EXPECT_THAT(result.out, HasSubstr("\namd\nok  "));
    EXPECT_THAT(result.out, HasSubstr(" on amd (kvm_amd, "));
    EXPECT_THAT(result.out, HasSubstr("intel is not used: the machine 'intel' is not set up"));
    EXPECT_THAT(result.out, HasSubstr("\n  nested-nmi/flag-only  ok breaks I4"));
    auto document = read_json(path);
    ASSERT_EQ(document["machines"].size(), machines::all_machines().size());
    EXPECT_EQ(document["machines"][0]["machine"]["name"], "host");
    EXPECT_EQ(document["machines"][1]["machine"]["name"], "amd");
    EXPECT_THAT(document["machines"][place_of_intel()]["remedy"].get<std::string>(), HasSubstr("./dev setup --intel"));
    // The part about one machine equals the document of a run on that machine alone.
    json alone = json::parse(run_on_amd({"run", quick, "--jobs", "1", "--json", "-", "--quiet"}).out);
    alone.erase("gatecrash");
    EXPECT_EQ(without_seconds(document["machines"][1]), without_seconds(alone));
}

TEST(Doctor, ShowsTheMachinesSideBySideAndWhatIsMissing) {
    const TemporaryFolder folder;
    const auto path = folder.path() / "doctor.json";
    const auto result = run_without_intel(folder, {"doctor", "--json", path});
    EXPECT_EQ(result.code, 0) << result.err;
    const auto document = read_json(path);
    ASSERT_EQ(document["machines"].size(), machines::all_machines().size());
    EXPECT_EQ(document["machines"][0]["name"], "host");
    EXPECT_EQ(document["machines"][1]["name"], "amd");
    EXPECT_EQ(document["machines"][1]["fit"], true);
    EXPECT_EQ(document["machines"][place_of_intel()]["name"], "intel");
    EXPECT_NE(document["machines"][place_of_intel()]["missing"], "");
    EXPECT_THAT(document["machines"][place_of_intel()]["remedy"].get<std::string>(), HasSubstr("./dev setup --intel"));
    EXPECT_THAT(result.out, HasSubstr("intel\n  missing: "));
    EXPECT_THAT(result.out, HasSubstr("  the manuals\n"));
    for (const auto& [name, answer] : document["machines"][1]["answers"].items()) {
        EXPECT_THAT(result.out, HasSubstr("\n" + name + " ")) << name;
        if (document["machines"][1]["behaviours"][name] == false) {
            EXPECT_THAT(result.out, HasSubstr("amd gives: " + answer.get<std::string>() + "\n")) << name;
        }
    }
}

/// Returns the output of the command on a terminal of 40 columns.
std::string shown_on_terminal(const Words& words, int code) {
    int master = -1;
    int terminal = -1;
    winsize size{.ws_row = 24, .ws_col = 40, .ws_xpixel = 0, .ws_ypixel = 0};
    EXPECT_EQ(::openpty(&master, &terminal, nullptr, nullptr, &size), 0);
    const posix::FileDescriptor master_closer(master);
    posix::FileDescriptor terminal_closer(terminal);
    Command command(gatecrash(words), {}, terminal);
    const auto result = command.finish();
    terminal_closer.reset();
    std::string shown;
    std::array<char, 65536> bytes{};
    for (ssize_t got = 0; (got = ::read(master, bytes.data(), bytes.size())) > 0;)
        shown.append(bytes.data(), static_cast<std::size_t>(got));
    EXPECT_EQ(result.code, code);
    return shown;
}

TEST(Progress, IsALiveLineOnATerminal) {
    const auto shown = shown_on_terminal({"run", "--machine", "amd", quick}, 0);
    const std::string line = "\r\033[Knested-nmi/flag-only  level ";
    ASSERT_THAT(shown, HasSubstr(line));
    const auto begin = shown.find(line) + 4;
    EXPECT_EQ(shown.find('\r', begin) - begin, 39U) << "cut to the width of the terminal";
    EXPECT_TRUE(shown.ends_with("\r\033[K")) << "erased in the end";
}

TEST(Progress, OnATerminalMakesRoomForFindings) {
    const auto shown = shown_on_terminal(
        {"explore", "--machine", "amd", "--jobs", "1", "--max-findings", "20", "nested-nmi/single-stack"}, 1);
    const std::string line = "nested-nmi/single-stack  found I4 (stack): ";
    std::size_t count = 0;
    for (auto at = shown.find(line); at != std::string::npos; at = shown.find(line, at + 1), ++count) {
        const auto before = shown.substr(0, at);
        EXPECT_TRUE(before.ends_with('\n') || before.ends_with("\r\033[K")) << before;
    }
    EXPECT_EQ(count, 20U);
}

}  // namespace
}  // namespace gatecrash::cli
