// Tests the messages and exit codes of the program for mistakes that it finds before any guest runs.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "posix/file.hpp"
#include "support/gatecrash.hpp"

namespace gatecrash::cli {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

/// Expects this exit code, no standard output, and a message of one line that says what to do.
void expect_refusal(const Result& result, int code, const std::string& message) {
    EXPECT_EQ(result.code, code) << result.err;
    EXPECT_THAT(result.out, IsEmpty());
    EXPECT_THAT(result.err, StartsWith("gatecrash: "));
    EXPECT_THAT(result.err, HasSubstr(message));
}
void expect_wrong_usage(const Words& arguments, const std::string& message) {
    const auto result = run_gatecrash(arguments);
    SCOPED_TRACE(testing::PrintToString(arguments));
    expect_refusal(result, 2, message);
    EXPECT_THAT(result.err, HasSubstr("\n  see `gatecrash "));
}

TEST(Usage, IsExplainedWhereItIsWrong) {
    expect_wrong_usage({}, "no command");
    expect_wrong_usage({"frob"}, "no such command: 'frob'");
    expect_wrong_usage({"bench", "nested-nmi"}, "no path matches 'nested-nmi'; the paths are: syscall-sysret, ");
    expect_wrong_usage({"bench", "bp+harness"}, "no piece is called 'harness'");
    expect_wrong_usage({"bench", "bp", "harness"}, "`bench harness` takes no other PATTERN");
    expect_wrong_usage({"bench", "linux", "bp"}, "`bench linux` takes no other PATTERN");
    expect_wrong_usage({"bench", "--threshold", "0.1"}, "--threshold says what increase --baseline allows");
    expect_wrong_usage({"bench", "--baseline", "x", "--threshold", "much"}, "--threshold must be a number");
    expect_wrong_usage({"bench", "--baseline", "/nonexistent/x"}, "--baseline /nonexistent/x: No such file");
    expect_wrong_usage({"bench", "--baseline", GATECRASH}, "not a document of `gatecrash bench --json`");
    expect_wrong_usage({"bench", "--plot", "/nonexistent/x"}, "--plot: ");
    expect_wrong_usage({"bench", "--plot", "-", "--json", "-"}, "--json and --plot both write to standard output");
    expect_wrong_usage({"check"}, "FILE is missing");
    expect_wrong_usage({"check", "/nonexistent.elf"}, "the file: cannot read /nonexistent.elf: No such file");
    expect_wrong_usage({"check", "/proc/self/environ"}, "/proc/self/environ: no ELF file and no bzImage");
    expect_wrong_usage({"check", GATECRASH}, "neither a section .noinstr.text nor .entry.text: name the sections");
    expect_wrong_usage({"check", GATECRASH, "--section", ".nothing"}, "no section .nothing");
    expect_wrong_usage({"check", GATECRASH, "--entry", "main=trap"}, "the kind must be one of syscall, sysenter, idt,");
    expect_wrong_usage({"check", GATECRASH, "--require", "stibp"},
                       "--require must be verw, swapgs-fence, ibpb or spec-ctrl, not 'stibp'");
    expect_wrong_usage({"check", GATECRASH, "--suppress", "/nonexistent"}, "--suppress: cannot read /nonexistent");
    expect_wrong_usage({"check", GATECRASH, "--suppress", GATECRASH}, GATECRASH ":1: no rule is called");
    expect_wrong_usage({"check", GATECRASH, "--sarif", "-", "--json", "-"}, "--json and --sarif both write to");
    expect_wrong_usage({"check", GATECRASH, "--sarif", "/nonexistent/x"}, "--sarif: ");
    expect_wrong_usage({"check", GATECRASH, GATECRASH}, "unexpected argument");
    expect_wrong_usage({"check", GUEST, "--with-run"}, "--with-run");
    expect_wrong_usage({"check", GUEST, "--with-run", "/nonexistent"}, "--with-run: cannot read /nonexistent");
    expect_wrong_usage({"check", GUEST, "--with-run", GUEST}, GUEST ": not a JSON document of gatecrash: ");
    expect_wrong_usage({"check", GUEST, "--with-run", GUEST, "--section", ".entry.text"},
                       "--with-run and --section exclude each other");
    expect_wrong_usage({"run", "--frob"}, "unknown option --frob");
    expect_wrong_usage({"list", "--junit", "x"}, "unknown option --junit");
    expect_wrong_usage({"run", "--junit"}, "--junit");
    expect_wrong_usage({"run", "--ktap", "--json", "-"}, "--ktap and --json both write to standard output");
    expect_wrong_usage({"explore", "nested-nmi/flag-only", "--ktap", "--junit", "-"},
                       "--ktap and --junit both write to standard output");
    expect_wrong_usage({"run", "--jobs", "0"}, "--jobs");
    expect_wrong_usage({"run", "--json"}, "--json");
    expect_wrong_usage({"run", "--max-findings", "0"}, "--max-findings must be a number from 1");
    expect_wrong_usage({"explore", "nested-nmi/flag-only", "--fail-fast", "--max-findings", "2"},
                       "--fail-fast means --max-findings 1: give only one of the two");
    expect_wrong_usage({"run", "--machine", "vax"}, ", all");
    expect_wrong_usage({"run", "--machine", "all", "--ktap"}, "--ktap works for one machine only");
    expect_wrong_usage({"replay", "x@nmi:y", "--machine", "all"}, "--machine all works only with");
    expect_wrong_usage({"explore"}, "TARGET is missing");
    expect_wrong_usage({"explore", "nested-nmi/flag-only", "--events", "smi"}, "no such event");
    expect_wrong_usage({"explore", "nested-nmi/flag-only", "--events", "db=nowhere"},
                       "nested-nmi/flag-only has no symbol 'nowhere'");
    expect_wrong_usage({"replay", "nested-nmi/flag-only@db=nowhere+4:user_window"},
                       "nested-nmi/flag-only has no symbol 'nowhere'");
    expect_wrong_usage({"replay"}, "SCHEDULE is missing");
    expect_wrong_usage({"gdb"}, "SCHEDULE is missing");
    expect_wrong_usage({"gdb", "nested-nmi/flag-only", "nested-nmi/linus-2010"}, "unexpected argument");
    expect_wrong_usage({"gdb", "nested-nmi/flag-only@nmi:nowhere"}, "nested-nmi/flag-only has no symbol 'nowhere'");
    expect_wrong_usage({"gdb", "nested-nmi/flag-only", "--json", "-"}, "--json is for commands that have results");
    expect_wrong_usage({"gdb", "nested-nmi/flag-only", "--kernel", "x"}, "--kernel is for schedules of `linux`");
    expect_wrong_usage({"gdb", "linux/getpid", "--stepper", "stop-bytes"}, "--stepper does not work for a kernel");
    expect_wrong_usage({"gdb", "nested-nmi/flag-only", "--socket", GUEST},
                       "cannot make the socket " GUEST ": the file exists");
    expect_wrong_usage({"gdb", "nested-nmi/flag-only", "--socket", "/nonexistent/x"}, "/nonexistent/x: No such file");
    expect_wrong_usage({"gdb", "nested-nmi/flag-only", "--socket", "/tmp/" + std::string(200, 'x')},
                       "the socket's path is longer than 107 characters");
    expect_wrong_usage({"new"}, "DIR is missing");
    expect_wrong_usage({"explain", "stakc"}, "'stakc' is not explained; similar: I4");
    expect_wrong_usage({"explain", "I4", "frobnicate"}, "'frobnicate' is not explained; `gatecrash explain` lists");
    expect_wrong_usage({"explain", "I4", "--ktap"}, "unknown option --ktap");
}

TEST(Usage, SaysThatGdbIsMissing) {
    const auto result = run_gatecrash({"gdb", "--gdb", "nested-nmi/flag-only"}, {{"PATH", "/nowhere"}});
    expect_refusal(result, 3, "gdb is not installed");
    EXPECT_THAT(result.err, HasSubstr("leave --gdb out"));
}

TEST(Usage, IsPrintedOnRequest) {
    for (const auto& words : {Words{"--help"}, {"help"}, {"run", "--help"}, {"help", "replay"}}) {
        const auto result = run_gatecrash(words);
        EXPECT_EQ(result.code, 0);
        EXPECT_THAT(result.out, HasSubstr("usage: gatecrash "));
        EXPECT_THAT(result.err, IsEmpty());
    }
    EXPECT_THAT(run_gatecrash({"--version"}).out, testing::MatchesRegex("gatecrash [0-9]+\\.[0-9]+\\.[0-9]+\n"));
}

TEST(CheckCommand, SaysWhatBreaksARule) {
    const std::string code = CHECKED_CODE "/64-leaves_section";
    const TemporaryFolder folder;
    const auto sarif = (folder.path() / "check.sarif").string();
    const auto broken = run_gatecrash({"check", code + ".elf", "--json", "-", "--sarif", sarif});
    EXPECT_EQ(broken.code, 1);
    EXPECT_THAT(broken.err, StartsWith("broken+0x1: leaves-section: calls work, which is in .text\n"));
    EXPECT_EQ(nlohmann::json::parse(broken.out)["results"][0]["symbol"], "broken+0x1");
    EXPECT_EQ(nlohmann::json::parse(posix::read_file(sarif))["runs"][0]["results"][0]["ruleId"], "leaves-section");
    EXPECT_EQ(run_gatecrash({"check", code + "-clean.elf"}).code, 0);

    const auto accepted = folder.file("accepted", "leaves-section broken we know\nindirect-branch nobody never\n");
    const auto suppressed = run_gatecrash({"check", code + ".elf", "--suppress", accepted});
    EXPECT_EQ(suppressed.code, 0);
    EXPECT_THAT(suppressed.out, HasSubstr("line 2 of the suppressions is unused: no indirect-branch at nobody\n"));
    EXPECT_THAT(suppressed.out, HasSubstr("0 findings, 1 suppressed in 5 instructions"));

    const std::string other = R"({"gatecrash": "1", "results": [{"code": "0", "executed": []}]})";
    const auto foreign = folder.file("foreign.json", other);
    expect_wrong_usage({"check", code + ".elf", "--with-run", foreign}, "none of its results is about this file");
    expect_wrong_usage({"check", code + ".o", "--with-run", foreign}, "an object file has none of the addresses");
    const auto cut = folder.file("cut.json", other.substr(0, 30));
    expect_wrong_usage({"check", code + ".elf", "--with-run", cut}, "not a JSON document of gatecrash: ");

    const auto added = run_gatecrash({"check", code + "-clean.elf", "--entry", "work", "--section", ".entry.text"});
    EXPECT_EQ(added.code, 1);
    EXPECT_THAT(added.out, HasSubstr("the entry point work is in .text"));
}

TEST(Pattern, ThatMatchesNothingIsAnswered) {
    expect_wrong_usage({"run", "nested-nmi", "no-such-*"}, "'no-such-*'; the cases are: ");
    expect_wrong_usage({"list", "no-such"}, "nested-nmi");
}

/// Returns a document of a shard, as --json writes it.
nlohmann::json shard_document(const std::string& shard) {
    return {{"gatecrash", run_gatecrash({"--version"}).out.substr(10, 5)},
            {"machine",
             {{"name", "amd"},
              {"kvm", "kvm_amd"},
              {"cpu", "QEMU"},
              {"kernel", "6.1"},
              {"emulated", true},
              {"vendor", "amd"},
              {"behaviours", {{"int3", true}}}}},
            {"command", {"run", "nested-nmi/flag-only"}},
            {"results",
             {{{"case", "nested-nmi"},
               {"variant", "flag-only"},
               {"covers", nlohmann::json::array()},
               {"expect", "breaks I4"},
               {"verdict", "holds"},
               {"status", "ok"},
               {"boundaries", 10},
               {"schedules", 6},
               {"pruned", 2},
               {"depth", 1},
               {"seconds", 1.5},
               {"modelled", false},
               {"finding", nullptr},
               {"findings", 0},
               {"not_exhaustive", nullptr},
               {"skip_reason", nullptr},
               {"message", nullptr},
               {"guest", "0123456789abcdef"},
               {"shard", shard},
               {"interrupted", false},
               {"levels",
                {{{"schedules", 1}, {"pruned", 0}, {"findings", nlohmann::json::array()}},
                 {{"schedules", 5}, {"pruned", 2}, {"findings", nlohmann::json::array()}}}}}}}};
}

TEST(Merge, JudgesTheWhole) {
    const TemporaryFolder folder;
    const auto one = folder.file("1", shard_document("1/2").dump());
    const auto two = folder.file("2", shard_document("2/2").dump());
    const auto result = run_gatecrash({"merge", two, one, "--json", "-"});
    EXPECT_EQ(result.code, 1) << result.err;
    const auto whole = nlohmann::json::parse(result.out);
    EXPECT_EQ(whole["results"][0]["schedules"], 12);
    EXPECT_EQ(whole["results"][0]["status"], "unexpected");
    EXPECT_FALSE(whole.contains("command"));
    EXPECT_FALSE(whole["results"][0].contains("shard"));
    EXPECT_FALSE(whole["results"][0].contains("guest"));
    EXPECT_EQ(whole["machine"], shard_document("1/2")["machine"]);
}

/// Returns a document of a shard of `linux`, which swept one workload and could not execute another.
nlohmann::json kernel_shard(const std::string& shard) {
    auto document = shard_document(shard);
    document["command"] = {"linux", "--machine=auto", "--max-findings=25", "--events=nmi", "--depth=1"};
    document["sweeps"] = 2;
    auto& swept = document["results"][0];
    swept.update({{"case", "linux/getpid"}, {"variant", ""}, {"expect", nullptr}});
    swept["replay_options"] = {"--append", "pti=on"};
    auto skipped = swept;
    skipped.update({{"case", "linux/espfix"}, {"verdict", "skip"}, {"status", "skip"}, {"skip_reason", "no 16 bits"}});
    skipped.update({{"boundaries", 0}, {"schedules", 0}, {"pruned", 0}, {"depth", 0}});
    skipped["levels"] = nlohmann::json::array();
    document["results"].push_back(skipped);
    return document;
}

TEST(Merge, NeedsNoKernelForShardsOfOne) {
    const TemporaryFolder folder;
    const auto one = folder.file("1", kernel_shard("1/2").dump());
    const auto result = run_gatecrash({"merge", one, folder.file("2", kernel_shard("2/2").dump()), "--json", "-"});
    EXPECT_EQ(result.code, 0) << result.err;
    const auto whole = nlohmann::json::parse(result.out)["results"];
    ASSERT_EQ(whole.size(), 2U);
    EXPECT_EQ(whole[0]["case"], "linux/getpid");
    EXPECT_EQ(whole[0]["schedules"], 12);
    EXPECT_EQ(whole[0]["replay_options"], nlohmann::json({"--append", "pti=on"}));
    EXPECT_EQ(whole[1]["status"], "skip");
    EXPECT_EQ(whole[1]["skip_reason"], "no 16 bits");

    auto other_skipped = kernel_shard("2/2");
    other_skipped["results"].erase(1);
    EXPECT_EQ(run_gatecrash({"merge", one, folder.file("2", other_skipped.dump())}).code, 0)
        << "what a machine cannot sweep, it cannot sweep in any shard";

    auto broken_off = kernel_shard("2/2");
    broken_off["results"][1] = broken_off["results"][0];
    broken_off["results"][1].update({{"case", "linux/espfix"}, {"interrupted", true}});
    auto swept = kernel_shard("1/2");
    swept["results"][1] = swept["results"][0];
    swept["results"][1]["case"] = "linux/espfix";
    folder.file("1", swept.dump());
    const auto files = Words{"merge", one, folder.file("3", broken_off.dump()), "--json", "-"};
    const auto partial = run_gatecrash(files);
    EXPECT_EQ(partial.code, 5);
    EXPECT_THAT(partial.err,
                HasSubstr("\n  2/2 was interrupted; add its --resume FILE, if it had one:\n    gatecrash linux "));
    EXPECT_THAT(partial.err, HasSubstr(files[2] + " --max-findings=25 --events=nmi --depth=1\n"));
    const auto rest = nlohmann::json::parse(partial.out);
    EXPECT_EQ(rest["results"][0], whole[0]) << "both shards have ended this one";
    EXPECT_EQ(rest["results"][1]["status"], "skip");
    EXPECT_EQ(rest["partial"]["missing"].size(), 1U);

    for (const auto* shard : {"1/2", "2/2"}) {
        auto begun = kernel_shard(shard);
        begun["results"].erase(1);
        folder.file(std::string(shard, 1), begun.dump());
    }
    const auto both = run_gatecrash({"merge", one, folder.path() / "2"});
    EXPECT_EQ(both.code, 5) << "nobody knows the names of the sweeps that no shard has begun";
    EXPECT_THAT(both.err, AllOf(HasSubstr("  1/2 was interrupted"), HasSubstr("  2/2 was interrupted")));
}

TEST(Merge, WritesAPage) {
    const TemporaryFolder folder;
    const auto page = folder.path() / "result.html";
    Words words{"merge"};
    for (const auto* shard : {"1/2", "2/2"}) {
        auto document = shard_document(shard);
        auto& map = document["results"][0]["map"] = nlohmann::json::parse(
            R"({"events": ["nmi"], "windows": [[["entry_nmi", "0x1000", "0 1 2 3 4 5 6 7 8 9"]]],
                "singles": [], "instructions": [], "pairs": []})");
        map["singles"].push_back(shard[0] == '1' ? "0 0 2h-" : "0 0 3.4h3w");
        words.push_back(folder.file(std::string(shard, 1), document.dump()));
    }
    words.insert(words.end(), {"--html", page});
    (void)run_gatecrash(words);
    EXPECT_THAT(posix::read_file(page), HasSubstr(R"("singles":["0 0 2h-4h3w"])"));

    words.back() = "/dev/full";
    const auto full = run_gatecrash(words);
    EXPECT_EQ(full.code, 3);
    EXPECT_THAT(full.err, HasSubstr("writing /dev/full failed: No space left on device"));
    words.back() = folder.path();
    expect_wrong_usage(words, "--html: cannot write " + folder.path().string() + ": Is a directory");

    auto broken = shard_document("1/2");
    broken["results"][0]["map"]["events"] = "nmi";
    expect_wrong_usage({"merge", folder.file("broken", broken.dump())}, "not a document of gatecrash");
}

/// Returns a document of a shard that found something where nothing may break.
nlohmann::json refuting_shard(const std::string& shard) {
    auto document = shard_document(shard);
    document["command"] = {"run", "--machine=auto", "--", "nested-nmi/copied-*"};
    auto& result = document["results"][0];
    result.update({{"variant", "copied-frame"}, {"expect", "holds"}, {"verdict", "breaks"}, {"status", "unexpected"}});
    result["levels"][1]["findings"] = {{{"invariant", "I4"},
                                        {"schedule", "nested-nmi/copied-frame@nmi:entry_nmi"},
                                        {"message", "the frame is overwritten"},
                                        {"also", nlohmann::json::array()},
                                        {"schedules", 1},
                                        {"window", 0},
                                        {"order", 3},
                                        {"block", 0}}};
    return document;
}

TEST(Merge, OfSomeShardsIsPartial) {
    const TemporaryFolder folder;
    const auto two = folder.file("2", shard_document("2/3").dump());
    const auto result = run_gatecrash({"merge", two, "--json", "-"});
    EXPECT_EQ(result.code, 5) << result.err;
    EXPECT_THAT(result.err, HasSubstr("because 2 of 3 shards are missing"));
    const auto document = nlohmann::json::parse(result.out);
    EXPECT_EQ(document["partial"]["shards"], 3);
    const auto command = [&](const std::string& i) {
        return "gatecrash run --machine amd --shard " + i + "/3 --json " + folder.path().string() + "/shard-" + i +
               "-of-3.json nested-nmi/flag-only";
    };
    EXPECT_EQ(document["partial"]["missing"],
              nlohmann::json({{{"shard", "1/3"}, {"reason", "has no FILE"}, {"command", command("1")}},
                              {{"shard", "3/3"}, {"reason", "has no FILE"}, {"command", command("3")}}}));
    for (const auto* i : {"1", "3"}) EXPECT_THAT(result.err, HasSubstr("/3 has no FILE:\n    " + command(i) + "\n"));
    const auto& flag_only = document["results"][0];
    EXPECT_EQ(flag_only["partial"], true);
    EXPECT_EQ(flag_only["verdict"], "skip") << "another shard may have what is expected";
    EXPECT_EQ(flag_only["skip_reason"], "partial: 1 of 3 shards have ended this sweep");
    EXPECT_EQ(flag_only["schedules"], 6);
    EXPECT_THAT(result.err, Not(HasSubstr("nothing ran")));
    expect_wrong_usage({"merge", two, folder.file("partial", result.out)},
                       "a partial result of `merge`: name the documents of its shards instead");

    const auto many = run_gatecrash({"merge", folder.file("many", shard_document("30/60").dump())});
    EXPECT_THAT(many.err, HasSubstr("59 of 60 shards are missing"));
    EXPECT_THAT(many.err, HasSubstr("shard-10-of-60.json"));
    EXPECT_THAT(many.err, Not(HasSubstr("shard-11-of-60.json")));
    EXPECT_THAT(many.err, HasSubstr("and 49 more"));
}

TEST(Merge, JudgesOfSomeShardsOnlyWhatOthersCannotChange) {
    const TemporaryFolder folder;
    const auto refuted = run_gatecrash({"merge", folder.file("1", refuting_shard("1/2").dump()), "--json", "-"});
    EXPECT_EQ(refuted.code, 5) << refuted.err;
    EXPECT_THAT(refuted.err, HasSubstr("gatecrash: 1 variant is not as expected: `gatecrash explain "));
    EXPECT_THAT(refuted.err, HasSubstr("partial: the missing shards may break more, or with fewer events\n"));
    EXPECT_THAT(refuted.err, HasSubstr("shard-2-of-2.json -- 'nested-nmi/copied-*'\n"));
    const auto result = nlohmann::json::parse(refuted.out)["results"][0];
    EXPECT_EQ(result["status"], "unexpected");
    EXPECT_EQ(result["partial"], true);

    auto expected = refuting_shard("1/2");
    expected["command"].back() = "nested-nmi/flag-only";
    expected["results"][0]["variant"] = "flag-only";
    const auto open = run_gatecrash({"merge", folder.file("expected", expected.dump()), "--json", "-"});
    EXPECT_EQ(open.code, 5) << open.err;
    EXPECT_EQ(nlohmann::json::parse(open.out)["results"][0]["status"], "skip") << "it may break in another place too";

    auto exploring = refuting_shard("1/2");
    exploring["command"] = {"explore", "--machine=auto", "--", "nested-nmi/copied-frame"};
    const auto explored = run_gatecrash({"merge", folder.file("exploring", exploring.dump())});
    EXPECT_EQ(explored.code, 5) << explored.err;
    EXPECT_THAT(explored.err, HasSubstr("because 1 of 2 shards is missing"));
    EXPECT_THAT(explored.out, HasSubstr("breaks I4"));
}

TEST(Merge, IsPartialAfterAnInterruption) {
    const TemporaryFolder folder;
    auto interrupted = shard_document("2/2");
    interrupted["results"][0].update({{"interrupted", true}, {"verdict", "skip"}, {"status", "skip"}});
    const Words words{"merge", folder.file("1", shard_document("1/2").dump()),
                      folder.file("2.json", interrupted.dump()), "--json", "-"};
    const auto result = run_gatecrash(words);
    EXPECT_EQ(result.code, 5) << result.err;
    EXPECT_THAT(result.err, HasSubstr("--shard 2/2 --json " + words[2] + " nested-nmi/flag-only\n"));
    const auto document = nlohmann::json::parse(result.out);
    EXPECT_EQ(document["results"][0]["skip_reason"], "partial: 1 of 2 shards have ended this sweep");
    EXPECT_EQ(document["results"][0]["schedules"], 12);
    EXPECT_EQ(document["partial"]["missing"].size(), 1U);
}

TEST(Merge, RefusesAShardOfAnotherSweep) {
    const TemporaryFolder folder;
    const auto one = folder.file("1", shard_document("1/2").dump());
    const auto two = shard_document("2/2");
    const auto expect_refused = [&](const std::string& path, const nlohmann::json& value, const std::string& message) {
        auto changed = two;
        changed[nlohmann::json::json_pointer(path)] = value;
        expect_wrong_usage({"merge", one, folder.file("2", changed.dump())}, message);
    };
    expect_wrong_usage({"merge", folder.file("4", shard_document("3/4000000000").dump())},
                       "a sweep has at most 65536 shards, not 4000000000");
    expect_wrong_usage({"merge", one, one}, "it is shard 1/2 again, like " + one);
    expect_wrong_usage({"merge", folder.path() / "nothing"}, "No such file");
    expect_wrong_usage({"merge", folder.path()}, "Is a directory");
    expect_wrong_usage({"merge", folder.file("text", "no JSON")}, "not a document of gatecrash");
    expect_wrong_usage({"merge", folder.file("list", "[]")}, "not a document of gatecrash");
    expect_wrong_usage({"merge", folder.file("whole", R"({"gatecrash": "0"})")}, "it was made without --shard");
    expect_refused("/results/0/guest", "fedcba9876543210", "its guest, or the sweep of it, differs from that in");
    expect_refused("/gatecrash", "0.0.0", "it is from gatecrash 0.0.0, but this is gatecrash ");
    expect_refused("/machine/kernel", "5.10", "same sweep as " + one + ": their machines differ");
    expect_refused("/machine/behaviours/int3", false, "same sweep as " + one + ": their machines behave differently");
    expect_refused("/machine/behaviours/int4", true, "'int4' is not a behaviour");
    expect_refused("/command/1", "nested-nmi/copied-frame",
                   "same sweep as " + one + ": their commands or options differ");
    expect_refused("/results/0/shard", "2/3", "same sweep as " + one + ": their numbers of shards differ");
    expect_refused("/results/0/shard", "0/2", "'0/2' is not a shard");
    expect_refused("/results/0/variant", "copied-frame", "has a result of nested-nmi/copied-frame");
    expect_refused("/results/0/boundaries", 11, "its guest differs from that in " + one);
    expect_refused("/results/0/schedules", 7, "the levels do not add up");
    expect_refused("/results/0/levels/0/schedules", -1, "'schedules' is not a count");
    expect_refused("/results/0/verdict", "fine", "'fine' is neither a verdict nor a status");
    expect_refused("/results", nlohmann::json::array(), "it has no results");
    expect_refused("/results/0/levels", 7, "");
}

TEST(List, ShowsWhatMatches) {
    const auto all = run_gatecrash({"list"});
    EXPECT_EQ(all.code, 0);
    EXPECT_THAT(all.out, HasSubstr("\nnested-nmi: "));
    EXPECT_THAT(all.out, HasSubstr("\n  single-stack\n"));
    const auto some = run_gatecrash({"list", "*/flag-only"});
    EXPECT_THAT(some.out, Not(HasSubstr("\n  single-stack\n")));
    EXPECT_THAT(some.out, HasSubstr("breaks I4 (stack): "));
    EXPECT_THAT(some.out, HasSubstr("\n`gatecrash explain TERM` "));

    const auto document = nlohmann::json::parse(run_gatecrash({"list", "--json", "-"}).out);
    std::vector<std::string> names;
    for (const auto& each : document["cases"]) names.push_back(each["case"]);
    EXPECT_TRUE(std::ranges::is_sorted(names));
    EXPECT_THAT(names, testing::Contains("nested-nmi"));
}

TEST(Explain, PrintsWhatThePagesSay) {
    const auto result = run_gatecrash({"explain", "I4", "nmi", "sti-shadow", "unexpected"});
    EXPECT_EQ(result.code, 0);
    EXPECT_THAT(result.err, IsEmpty());
    EXPECT_THAT(result.out, StartsWith("I4: stack\n(docs/reference/invariants.md)\n\n- What must hold: "));
    EXPECT_THAT(result.out,
                HasSubstr("\n\nnmi: non-maskable interrupt\n(docs/reference/events.md)\n\n- Syntax: `nmi`\n"));
    EXPECT_THAT(result.out, HasSubstr("\n\nsti-shadow\n(docs/reference/behaviours.md, \"Other behaviours\")\n\n- "));
    EXPECT_THAT(result.out, HasSubstr("\n\nunexpected\n(docs/reference/exit-codes.md, \"Statuses\")\n\n- "));
}

TEST(Explain, TakesANameOfSeveralWords) {
    EXPECT_EQ(run_gatecrash({"explain", "kernel", "GS"}).out, run_gatecrash({"explain", "I2"}).out);
    EXPECT_EQ(run_gatecrash({"explain", "Kernel-gs"}).out, run_gatecrash({"explain", "I2"}).out);
}

TEST(Explain, ListsWhatItExplains) {
    const auto result = run_gatecrash({"explain"});
    EXPECT_EQ(result.code, 0);
    for (const auto* part : {"\n  I16  interrupt stacks\n", "\n  watch  ", "sti-shadow,", " boundary,", "128 + N"}) {
        EXPECT_THAT(result.out, HasSubstr(part));
    }
    const auto document = nlohmann::json::parse(run_gatecrash({"explain", "--json", "-"}).out);
    EXPECT_EQ(document["terms"][0]["names"], (std::vector<std::string>{"I1", "round trip"}));
    EXPECT_EQ(document["terms"][0]["page"], "docs/reference/invariants.md");
    EXPECT_THAT(document["terms"][0]["text"].get<std::string>(), HasSubstr("**What must hold:**"));
}

TEST(Explain, RefusesWhatIsNoFinding) {
    expect_wrong_usage({"explain", "nested-nmi/flag-only@nmi:no_such_symbol"}, "has no symbol 'no_such_symbol'");
    expect_wrong_usage({"explain", "I4", "nested-nmi/flag-only@nmi:nmi_iret"},
                       "explain terms and schedules one by one");
    expect_wrong_usage({"explain", "I4", "--append", "pti=on"}, "--append is for schedules");
    expect_wrong_usage({"explain", "frobnicate"}, "'frobnicate' is not explained");
}

TEST(Trace, RefusesOptionsThatItLacks) {
    const std::string schedule = "nested-nmi/flag-only@nmi:nmi_iret";
    expect_wrong_usage({"replay", "--syntax", "att", schedule}, "--syntax needs --trace or --html");
    expect_wrong_usage({"replay", "--trace-limit", "5", schedule}, "--trace-limit needs --trace");
    expect_wrong_usage({"replay", "--trace", "--syntax", "masm", schedule}, "--syntax must be one of intel, att, not");
    expect_wrong_usage({"replay", "--trace", "--trace-limit", "few", schedule}, "--trace-limit must be a number");
    expect_wrong_usage({"replay", "--trace=", schedule}, "'--trace' should follow immediately after the equal sign");
    expect_wrong_usage({"replay", "--trace=/nonexistent/x", schedule}, "--trace: ");
    expect_wrong_usage({"replay", "--trace=x", "--html", "x", schedule}, "--html and --trace both write to x");
    expect_wrong_usage({"replay", "--trace"}, "SCHEDULE is missing");
}

TEST(Schedule, IsCheckedBeforeAMachineIsNeeded) {
    expect_wrong_usage({"replay", "nested-nmi/flag-only@nmi:no_such_symbol"}, "has no symbol 'no_such_symbol'");
    expect_wrong_usage({"replay", "nested-nmi/flag-only@smi:entry_nmi"}, "'smi'");
    expect_wrong_usage({"replay", "nested-nmi/flag-only@nmi:entry_nmi+x"}, "'x'");
    expect_wrong_usage({"replay", "nested-nmi/no-such@nmi:entry_nmi"}, "'nested-nmi/no-such'");
    expect_wrong_usage({"replay", "nested-nmi/flag-only@nmi:entry_nmi", "nested-nmi/flag-only@nmi:no_such_symbol"},
                       "has no symbol 'no_such_symbol'");
    expect_wrong_usage({"explore", "nested-nmi/flag-only", "--window", "entry_nmi..nowhere"},
                       "has no symbol 'nowhere'");
}

TEST(LinuxKernel, ThatCannotBeSweptIsRefusedBeforeAMachineIsNeeded) {
    const TemporaryFolder folder;
    expect_wrong_usage({"linux", "--kernel", "/nonexistent/bzImage"},
                       "--kernel: cannot read /nonexistent/bzImage: No such");
    expect_wrong_usage({"linux", "--kernel", folder.path()}, "is a folder");
    expect_wrong_usage({"linux", "--kernel", folder.file("text", "no kernel")}, "text");
    expect_wrong_usage({"linux", "--kernel", GUEST}, "no symbols in the kernel: name its vmlinux");
    expect_wrong_usage({"linux", "--cpu", "intel,via"}, "--cpu: 'via' is none of host, intel, amd, no-fsgsbase");
    expect_wrong_usage({"linux", "--cpu", "intel,amd"}, "--cpu: a CPU has one vendor");
    expect_wrong_usage({"replay", "--cpu", "intel", "nested-nmi/flag-only@nmi:entry_nmi"},
                       "--cpu is for schedules of `linux`");
    expect_wrong_usage({"replay", "linux/getpid@smi:panic"}, "'smi'");
    expect_wrong_usage({"replay", "linux/getpid@nmi:panic", "nested-nmi/flag-only@nmi:entry_nmi"},
                       "replay them one by one");
}

TEST(KernelImage, ThatCannotBeBootedIsRefusedBeforeAMachineIsNeeded) {
    const TemporaryFolder folder;
    const std::string image = TEST_IMAGES "pvh.elf";
    expect_wrong_usage({"kernel"}, "IMAGE is missing");
    expect_wrong_usage({"kernel", "/nonexistent/kernel.elf"}, "cannot read /nonexistent/kernel.elf: No such");
    expect_wrong_usage({"kernel", folder.path()}, "is a folder");
    expect_wrong_usage({"kernel", folder.file("text", "no kernel")}, "text: no boot loader can start it");
    expect_wrong_usage({"kernel", GUEST}, "no boot loader can start it");
    expect_wrong_usage({"kernel", folder.file("cut.elf", posix::read_file(image).substr(0, 8000))}, "cut off");
    expect_wrong_usage({"kernel", image, "--exit-port", "x"}, "--exit-port must be a number");
    expect_wrong_usage({"kernel", image, "--exit-port", "0x10000"}, "--exit-port must be a number");
    expect_wrong_usage({"kernel", image, "--description", "/nonexistent"}, "--description: cannot read /nonexistent");
    expect_wrong_usage({"kernel", image, "--description", folder.file("my.json", R"({"exits": 1})")},
                       "my.json: no key 'exits'");
    expect_wrong_usage({"kernel", image, "--events", "nmi"}, "--events is for sweeps, which need --window");
    expect_wrong_usage({"kernel", image, "--json", "-"}, "--json is for sweeps, which need --window");
}

TEST(KernelImage, ThatCannotBeSweptIsRefusedBeforeAMachineIsNeeded) {
    const TemporaryFolder folder;
    const std::string image = TEST_IMAGES "pvh.elf", window = "entry_syscall..syscall_exit";
    const auto expect = [&](Words more, const std::string& message) {
        Words words{"kernel", image};
        words.insert(words.end(), more.begin(), more.end());
        expect_wrong_usage(words, message);
    };
    expect({"--window", "entry_syscall"}, "--window must be FROM..TO");
    expect({"--window", "entry_syscall+1..user"}, "--window must be FROM..TO");
    expect({"--window", "user..user"}, "--window begins and ends at user: name two places");
    expect({"--window", "no_such..user"}, "the image has no symbol 'no_such'");
    expect({"--window", "entry_syscall..idt"}, "idt is not code in the file of the image");
    expect({"--window", window, "--events", "mc"}, "mc cannot land on a kernel yet");
    expect({"--window", window, "--events", "irq"}, "irq needs a vector");
    expect({"--window", window, "--description", folder.file("my.json", R"({"failures": ["oops"]})")},
           "the image has no symbol 'oops'");
    expect_wrong_usage({"kernel", TEST_IMAGES "flat.bin", "--window", window}, "the image has no symbol");
    expect_wrong_usage({"replay", "kernel/pvh.elf@nmi:user"}, "needs --image FILE and --window FROM..TO");
    expect_wrong_usage({"replay", "linux/getpid@nmi:panic", "--image", image}, "--image is for schedules of `kernel`");
    expect_wrong_usage({"replay", "nested-nmi/flag-only@nmi:entry_nmi", "--exit-port", "1"},
                       "--exit-port is for schedules of `kernel`");
    expect_wrong_usage({"replay", "kernel/pvh.elf@nmi:user", "--init", image}, "--init is for schedules of `linux`");
}

/// Makes damaged copies of a guest.
class GuestFile : public testing::Test {
  protected:
    GuestFile() : guest_(posix::read_file(GUEST)) {}

    TemporaryFolder folder_;
    std::string guest_;
};

TEST_F(GuestFile, ThatIsCutOffIsRefused) {
    for (const std::size_t size : {0UL, 3UL, 40UL, 64UL, 100UL, guest_.size() / 2, guest_.size() - 1}) {
        const auto path = folder_.file("cut.elf", guest_.substr(0, size));
        expect_wrong_usage({"explore", path}, path);
    }
}

TEST_F(GuestFile, OfAnotherKindIsRefused) {
    constexpr std::size_t elf_class = 4;
    guest_[elf_class] = 1;  // ELFCLASS32
    expect_wrong_usage({"explore", folder_.file("32.elf", guest_)}, "neither x86-64 nor i386");
    expect_wrong_usage({"explore", folder_.file("text", "no guest at all")}, "not an ELF file");
    expect_wrong_usage({"explore", "/bin/sh"}, "not a static executable");
    expect_wrong_usage({"explore", folder_.path()}, "is a folder");
    expect_wrong_usage({"explore", folder_.path() / "nothing.elf"}, "No such file");
}

TEST_F(GuestFile, ThatLacksSomethingIsRefusedByItsName) {
    const auto stripped = folder_.path() / "stripped.elf";
    ASSERT_EQ(Command({"strip", "-o", stripped, GUEST}).finish().code, 0);
    expect_wrong_usage({"explore", stripped}, "no section .symtab: do not strip the guest");
    const auto source = folder_.file("empty.c", "void _start(void) {}");
    const auto other = folder_.path() / "other.elf";
    ASSERT_EQ(Command({"cc", "-nostdlib", "-static", "-no-pie", "-o", other, source}).finish().code, 0);
    expect_wrong_usage({"explore", other}, "no symbol gatecrash_abi: link it with gatecrash's runtime and guest.lds");
}

TEST_F(GuestFile, IsRunOnlyWithItsExpectations) {
    const auto guest = folder_.file("my.elf", guest_);
    expect_wrong_usage({"run", guest}, "my.elf has no expectations: write " + guest + ".expect, with lines such as");
    (void)folder_.file("my.elf.expect", "nmi depth 1 hold\n");
    expect_wrong_usage({"run", guest}, "my.elf.expect, line 1: expected 'holds' or 'breaks', not 'hold'");
    (void)folder_.file("my.elf.expect", "pf=no_such_word depth 1 holds\n");
    expect_wrong_usage({"run", guest}, "no_such_word");
    (void)folder_.file("my.elf.expect", "nmi depth 1 holds\n");
    (void)folder_.file("my.elf", guest_.substr(0, 100));
    expect_wrong_usage({"run", guest}, "my.elf");
    expect_wrong_usage({"run", folder_.path() / "other.elf"}, "there is no file");
}

TEST(New, WritesTheExample) {
    const TemporaryFolder folder;
    const auto project = folder.path() / "not" / "there yet";
    const auto result = run_gatecrash({"new", project});
    EXPECT_EQ(result.code, 0) << result.err;
    EXPECT_THAT(result.out, HasSubstr("wrote " + (project / "entry.S").string() + "\n"));
    EXPECT_THAT(result.out, HasSubstr("  cd '" + project.string() + "'\n  meson setup build && ninja -C build\n"));
    std::size_t files = 0;
    for (const auto& entry : fs::directory_iterator(EXAMPLE)) {
        const auto name = entry.path().filename();
        EXPECT_EQ(posix::read_file(project / name), posix::read_file(entry.path())) << name;
        ++files;
    }
    EXPECT_EQ(std::distance(fs::directory_iterator(project), fs::directory_iterator()), files);

    const auto document = nlohmann::json::parse(run_gatecrash({"new", folder.path() / "2", "--json", "-"}).out);
    EXPECT_EQ(document["files"].size(), files);
}

TEST(New, OverwritesNothing) {
    const TemporaryFolder folder;
    const auto file = folder.file("mine", "x");
    expect_wrong_usage({"new", folder.path()}, folder.path().string() + ": it is not empty");
    expect_wrong_usage({"new", file}, file + ": it is not a folder");
    expect_wrong_usage({"new", file + "/below"}, "Not a directory");
    EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator()), 1);
}

TEST(DocumentPath, ThatCannotBeWrittenIsNamedBeforeAnyWork) {
    const TemporaryFolder folder;
    const auto file = folder.file("file", "x");
    struct {
        std::string path, reason;
    } const rows[] = {
        {"/nowhere/x.json", "No such file"}, {folder.path(), "Is a directory"}, {file + "/x", "Not a directory"}};
    for (const auto& row : rows) {
        for (const auto& words : {Words{"run", "--json"},
                                  {"list", "--json"},
                                  {"explore", "nested-nmi/flag-only", "--json"},
                                  {"replay", "nested-nmi/flag-only", "--json"},
                                  {"run", "--junit"},
                                  {"run", "--html"},
                                  {"replay", "nested-nmi/flag-only", "--html"},
                                  {"explore", "nested-nmi/flag-only", "--ktap", "--junit"}}) {
            auto arguments = words;
            arguments.push_back(row.path);
            expect_wrong_usage(arguments, "cannot write " + row.path + ": " + row.reason);
        }
    }
}

TEST(Output, ToAFullDiskIsAnError) {
    const auto json = run_gatecrash({"list", "--json", "/dev/full"});
    EXPECT_EQ(json.code, 3);
    EXPECT_THAT(json.err, HasSubstr("writing /dev/full failed: No space left on device"));
    const auto text = Command({"/bin/sh", "-c", std::string(GATECRASH) + " list > /dev/full"}).finish();
    EXPECT_EQ(text.code, 3);
    EXPECT_THAT(text.err, HasSubstr("writing standard output failed: No space left on device"));
}

TEST(Machine, ThatWasNotSetUpSaysHowTo) {
    const auto result = run_gatecrash({"run", "--machine", "intel"},
                                      {{"PATH", "/nowhere"}, {"GATECRASH_KERNEL", GUEST}, {"GATECRASH_MODULES", "/"}});
    expect_refusal(result, 3, "the machine 'intel' is not set up: there is no ");
    EXPECT_THAT(result.err, HasSubstr("./dev setup --intel"));
}

TEST(Machine, WithoutItsEmulatorSaysWhatToInstall) {
    // Names a kernel, so that this test does not need the one that `./dev setup` unpacks.
    const auto result = run_gatecrash({"run", "--machine", "amd"},
                                      {{"PATH", "/nowhere"}, {"GATECRASH_KERNEL", GUEST}, {"GATECRASH_MODULES", "/"}});
    expect_refusal(result, 3, "qemu-system-x86_64");
    EXPECT_THAT(result.err, HasSubstr("./dev setup"));
}

TEST(Machine, WithoutItsKernelSaysWhereToGetOne) {
    const auto result = run_gatecrash({"run", "--machine", "amd"},
                                      {{"GATECRASH_KERNEL", "/nowhere/vmlinuz"}, {"GATECRASH_MODULES", "/nowhere"}});
    expect_refusal(result, 3, "/nowhere/vmlinuz");
    EXPECT_THAT(result.err, HasSubstr("./dev setup"));
}

TEST(Machine, WithoutPermissionSaysHowToGetIt) {
    if (::access("/dev/kvm", F_OK) != 0) GTEST_SKIP() << "no /dev/kvm here";
    // Root may use the device anyway, so this runs as nobody. That user may not see the build folder, so it gets a
    // copy.
    const TemporaryFolder folder;
    const auto copy = folder.path() / "gatecrash";
    fs::copy_file(GATECRASH, copy);
    fs::permissions(folder.path(), fs::perms::owner_all | fs::perms::others_read | fs::perms::others_exec);
    Words words{copy, "run", "--machine", "host"};
    if (::geteuid() == 0) words.insert(words.begin(), {"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"});
    if (::geteuid() == 0 ? (fs::status("/dev/kvm").permissions() & fs::perms::others_write) != fs::perms::none
                         : ::access("/dev/kvm", W_OK) == 0) {
        GTEST_SKIP() << "everybody may use /dev/kvm here";
    }
    const auto result = Command(words).finish();
    expect_refusal(result, 3, "Permission denied");
    EXPECT_THAT(result.err, HasSubstr("kvm group"));
    EXPECT_THAT(result.err, HasSubstr("--machine amd"));
}

TEST(Machine, ThatDoesNotExistIsNamedWithItsRemedy) {
    if (run_gatecrash({"doctor", "--machine", "host"}).code == 0) GTEST_SKIP() << "this host's KVM is fit";
    const auto result = run_gatecrash({"run", "--machine", "all"},
                                      {{"PATH", "/nowhere"}, {"GATECRASH_KERNEL", GUEST}, {"GATECRASH_MODULES", "/"}});
    EXPECT_EQ(result.code, 3);
    EXPECT_THAT(result.out, StartsWith("host is not used: the machine 'host' cannot be used: "));
    EXPECT_THAT(result.out, HasSubstr("\namd is not used: "));
    EXPECT_THAT(result.out, HasSubstr("\nintel is not used: the machine 'intel' is not set up"));
    EXPECT_THAT(result.out, HasSubstr("./dev setup --intel"));
    EXPECT_THAT(result.err, HasSubstr("gatecrash: no machine can run guests: the reasons are above\n"));
}

TEST(Machine, ThatIsNotFitIsNotUsed) {
    const auto doctor = run_gatecrash({"doctor", "--machine", "host"});
    if (doctor.code == 0) GTEST_SKIP() << "this host's KVM is fit";
    EXPECT_EQ(doctor.code, 3);
    EXPECT_THAT(doctor.out, HasSubstr("not fit"));
    expect_refusal(run_gatecrash({"run", "--machine", "host"}), 3, "the machine 'host' cannot be used: ");
}

TEST(Host, IsReportedAlsoIfItIsNotFit) {
    const TemporaryFolder folder;
    const auto path = folder.path() / "host.json";
    const auto result = run_gatecrash({"doctor", "--report", path});
    const auto report = nlohmann::json::parse(posix::read_file(path));
    EXPECT_EQ(report["machine"]["name"], "host");
    EXPECT_FALSE(report["expected"]["hosts"].get<std::string>().empty());
    EXPECT_EQ(result.code == 0, report["machines"][0]["fit"].get<bool>());
    EXPECT_EQ(report["bench"].is_null(), result.code != 0);
    EXPECT_EQ(report["bench_missing"].get<std::string>().empty(), result.code == 0);
}

}  // namespace
}  // namespace gatecrash::cli
