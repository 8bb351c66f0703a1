// Sweeps the Linux kernel that `./dev setup` unpacked, as a user does.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <span>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "check/check.hpp"
#include "check/protected_code.hpp"
#include "kernel/symbols.hpp"
#include "machines/run.hpp"
#include "posix/file.hpp"
#include "support/gatecrash.hpp"

namespace gatecrash::cli {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

Result sweep_linux(Words more) {
    Words words{"linux", "--machine", "amd", "--workload", "getpid"};
    words.insert(words.end(), more.begin(), more.end());
    return run_gatecrash(words);
}

/// Returns the results of a document, without what depends on the host's speed.
json results_of(const Result& result) {
    auto results = json::parse(result.out)["results"];
    for (auto& each : results) {
        each.erase("seconds");
        each.erase("spent");
    }
    return results;
}

TEST(Linux, HoldsAndGivesTheSameResultForEachNumberOfWorkers) {
    const Words what{"--events", "nmi,irq,db", "--json", "-", "--quiet", "--jobs"};
    auto alone = what, together = what;
    alone.emplace_back("1");
    together.emplace_back("3");
    const auto one = sweep_linux(alone), three = sweep_linux(together);
    ASSERT_EQ(one.code, 0) << one.err;
    ASSERT_EQ(three.code, 0) << three.err;
    const auto results = results_of(one);
    EXPECT_EQ(results, results_of(three));
    ASSERT_EQ(results.size(), 1U);
    EXPECT_EQ(results[0]["case"], "linux/getpid");
    EXPECT_EQ(results[0]["verdict"], "holds");
    EXPECT_GT(results[0]["boundaries"], 200);
    EXPECT_GT(results[0]["schedules"], results[0]["boundaries"]);

    const TemporaryFolder folder;
    const auto checked = run_gatecrash({"check", machines::default_kernel_image(), "--with-run",
                                        folder.file("result.json", one.out), "--json", "-", "--quiet"});
    const auto runs = json::parse(checked.out)["runs"];
    EXPECT_EQ(runs["results"], 1) << checked.err;
    EXPECT_GT(runs["reached"], 50);
    // Only the free run after an NMI goes there.
    for (const auto& unreached : runs["not_reached"])
        EXPECT_THAT(unreached["symbol"], AllOf(testing::Ne("entry_SYSCALL_64"), testing::Ne("first_nmi")));
}

/// Builds a vmlinux with the symbols of the kernel that is swept. Its debug information knows one function, which
/// stands where the kernel has entry_SYSCALL_64.
std::string vmlinux_with_lines(const TemporaryFolder& folder) {
    const auto file = machines::default_kernel_image();
    const auto text = posix::read_file(file);
    const auto bytes = std::as_bytes(std::span(text));
    const auto image = kernel::read_boot_image({bytes.begin(), bytes.end()}, file);
    const auto symbols = kernel::own_symbols(image);
    const auto place = kernel::symbol_table(symbols).find("entry_SYSCALL_64").value();
    auto script = fmt::format("SECTIONS {{ .notes : {{ *(.note.gnu.build-id) }} . = {:#x}; .text : {{ *(.text) }} }}\n",
                              number(place));
    for (const auto& symbol : symbols) script += fmt::format("\"{}\" = {:#x};\n", symbol.name, number(symbol.address));
    std::string id;
    for (const char byte : kernel::build_id(image)) id += fmt::format("{:02x}", static_cast<unsigned char>(byte));
    const auto code = folder.file("code.c", "#line 7 \"arch/entry.c\"\nvoid entry_code(void) { for (;;); }\n");
    auto vmlinux = folder.path() / "vmlinux";
    const auto built =
        Command({"cc", "-g", "-O1", "-nostdlib", "-static", "-no-pie", "-Wl,--entry=entry_code",
                 "-Wl,--build-id=0x" + id, "-Wl,-T," + folder.file("script.lds", script), "-o", vmlinux, code})
            .finish();
    EXPECT_EQ(built.code, 0) << built.err;
    return vmlinux;
}

TEST(Linux, ShowsTheSourceInATrace) {
    const TemporaryFolder folder;
    const auto vmlinux = vmlinux_with_lines(folder);
    const Words words{
        "replay", "--machine", "amd", "--symbols", vmlinux, "--trace", "linux/getpid@nmi:entry_SYSCALL_64"};
    const auto result = run_gatecrash(words);
    EXPECT_EQ(result.code, 0) << result.err;
    EXPECT_THAT(result.out, ContainsRegex("\n       arch/entry.c:7\n *[0-9]+  [^ ]+ +0 user  ---uK  swapgs\n"));
    EXPECT_THAT(result.out, AllOf(HasSubstr("\nlinux/getpid@nmi:entry_SYSCALL_64\n"), Not(HasSubstr("\n@"))));
    auto with_document = words;
    with_document.insert(with_document.end(), {"--json", "-"});
    const auto document = run_gatecrash(with_document);
    EXPECT_EQ(json::parse(document.out)["results"].size(), 1U);
    EXPECT_EQ(document.err.substr(document.err.find("# boundary")), result.out);
}

TEST(Linux, LeavesWhatTheExampleForCiUploads) {
    const TemporaryFolder folder;
    const auto sweep = [&](const Words& more) {
        Words words{KERNEL_CI_EXAMPLE "/sweep.sh", folder.path() / "results"};
        words.insert(words.end(), more.begin(), more.end());
        if (!more.empty()) words.insert(words.end(), {"--machine", "amd"});
        const auto programs = std::filesystem::path(GATECRASH).parent_path().string();
        return machines::Command(words, {{"PATH", programs + ":/usr/bin:/bin"}}).finish();
    };
    const auto kernel = machines::default_kernel_image().string();
    const auto result = sweep({kernel, "--workload", "getpid", "--events", "nmi"});
    EXPECT_EQ(result.code, 0) << result.err;
    EXPECT_THAT(result.out, HasSubstr("\nok 1 "));
    for (const auto* const name : {"result.html", "result.json", "junit.xml", "result.ktap", "check.sarif"})
        EXPECT_GT(std::filesystem::file_size(folder.path() / "results" / name), 0U) << name;

    EXPECT_EQ(sweep({kernel, "--workload", "getpid", "--events", "nmi", "--poke", "entry_SYSCALL_64+0x0=0f0b90"}).code,
              1);
    EXPECT_EQ(sweep({"/nonexistent"}).code, 2);
    EXPECT_THAT(sweep({}).err, HasSubstr("usage: "));
}

TEST(Linux, GivesTheSameDocumentInShards) {
    const TemporaryFolder folder;
    const Words what{"--events", "nmi,irq", "--window", "entry", "--poke", "paranoid_entry+0x80=0f1f440000",
                     "--json",   "-",       "--quiet"};
    const auto document = [&](Words more) {
        more.insert(more.end(), what.begin(), what.end());
        const auto result = sweep_linux(more);
        EXPECT_EQ(result.code, 1) << result.err;
        return result;
    };
    Words merge{"merge", "--json", "-"};
    for (const std::string shard : {"1/2", "2/2"}) {
        const auto journal = folder.path() / ("work" + shard.substr(0, 1));
        const Words words{"--shard", shard, "--resume", journal};
        const auto part = sweep_linux([&] {
            auto all = words;
            all.insert(all.end(), what.begin(), what.end());
            return all;
        }());
        // Finished work is read from the file, and is the same.
        EXPECT_EQ(results_of(document(words)), results_of(part)) << part.err;
        merge.push_back(folder.file(shard.substr(0, 1), part.out));
    }
    const auto merged = run_gatecrash(merge);
    EXPECT_EQ(merged.code, 1) << merged.err;
    const auto whole = document({});
    EXPECT_EQ(results_of(merged), results_of(whole));
    EXPECT_EQ(json::parse(merged.out)["machine"], json::parse(whole.out)["machine"]);
}

/// Threads that keep CPUs busy.
class Load {
  public:
    explicit Load(int threads) {
        for (int i = 0; i < threads; ++i) {
            threads_.emplace_back([](const std::stop_token& stop) {
                while (!stop.stop_requested()) continue;
            });
        }
    }

  private:
    std::vector<std::jthread> threads_;
};

TEST(Linux, GivesTheSameDocumentOnABusyHost) {
    const char* shards = std::getenv("GTEST_TOTAL_SHARDS");
    if (shards != nullptr && std::string(shards) != "1") GTEST_SKIP() << "only `./dev test --all` runs this";
    const Words what{"--json", "-", "--quiet"};
    const auto alone = sweep_linux(what);
    ASSERT_EQ(alone.code, 0) << alone.err;
    const Load load(6);
    const auto beside = sweep_linux(what);
    ASSERT_EQ(beside.code, 0) << beside.err;
    EXPECT_EQ(results_of(alone).size(), 3U);
    EXPECT_EQ(results_of(alone), results_of(beside));
}

/// The bytes of UD2 at the entry of NMIs.
const Words poke{"--poke", "asm_exc_nmi=0f0b"};

TEST(Linux, ShowsWhatAPlantedBugDoes) {
    auto words = poke;
    words.insert(words.end(), {"--events", "nmi", "--window", "entry_SYSCALL_64"});
    const auto result = sweep_linux(words);
    EXPECT_EQ(result.code, 1);
    EXPECT_THAT(result.out, AllOf(HasSubstr("breaks I8"), HasSubstr("the kernel called "), HasSubstr("Kernel panic"),
                                  HasSubstr("gatecrash replay --poke 'asm_exc_nmi+0x0=0f0b' --window entry_SYSCALL_64 "
                                            "'linux/getpid@nmi:entry_SYSCALL_64'")))
        << result.err;

    Words again{"replay", "--machine", "amd", "--trace", "linux/getpid@nmi:entry_SYSCALL_64"};
    again.insert(again.end(), poke.begin(), poke.end());
    const auto replayed = run_gatecrash(again);
    EXPECT_EQ(replayed.code, 1);
    EXPECT_THAT(replayed.out,
                AllOf(HasSubstr(">>> nmi lands at entry_SYSCALL_64"), HasSubstr("=== vector 2 goes to asm_exc_nmi"),
                      HasSubstr("ud2"), HasSubstr("=== vector 6 goes to asm_exc_invalid_op"), HasSubstr("breaks I8")))
        << replayed.err;
}

TEST(Linux, ShowsTracesAndExecutedCodeOnAPage) {
    const TemporaryFolder folder;
    auto words = poke;
    words.insert(words.end(), {"--events", "nmi", "--window", "entry_SYSCALL_64", "--json", "-"});
    const auto plain = sweep_linux(words);
    words.insert(words.end(), {"--html", folder.path() / "page.html"});
    const auto with_page = sweep_linux(words);
    EXPECT_EQ(with_page.code, 1) << with_page.err;
    const auto before = json::parse(plain.out)["results"][0], after = json::parse(with_page.out)["results"][0];
    for (const auto* const field : {"boundaries", "schedules", "findings", "finding"})
        EXPECT_EQ(before[field], after[field]) << "a trace must not change the sweep: " << field;
    EXPECT_THAT(after["found"][0]["trace"].dump(),
                AllOf(HasSubstr(">>> nmi lands at entry_SYSCALL_64"), HasSubstr("=== vector 2 goes to asm_exc_nmi"),
                      HasSubstr("=== vector 6 goes to asm_exc_invalid_op")));
    EXPECT_GT(after["instructions"].size(), 10U);
}

TEST(Linux, TellsTheStoryOfAFinding) {
    Words words{"explain", "--machine", "amd", "linux/getpid@nmi:entry_SYSCALL_64"};
    words.insert(words.end(), poke.begin(), poke.end());
    const auto result = run_gatecrash(words);
    EXPECT_EQ(result.code, 0) << result.err;
    EXPECT_THAT(result.out, AllOf(HasSubstr("Vector 2 (NMI) interrupts entry_SYSCALL_64."),
                                  HasSubstr("Vector 6 (#UD) interrupts asm_exc_nmi."),
                                  HasSubstr("What I8 (no unexpected vector) demands")));
}

constexpr unsigned near_branch = 5;  ///< bytes of a CALL or JMP with a distance of 32 bits

check::CodeFile default_kernel() {
    const auto text = posix::read_file(machines::default_kernel_image());
    const auto bytes = std::as_bytes(std::span(text));
    return check::read_code_file({bytes.begin(), bytes.end()}, "kernel");
}

/// Makes an object file that has the annotations of a vmlinux.o, since the fetched kernel was built without. Its
/// sections have the same symbols at the same places, and no code. Each branch of `allowed` is in a region.
std::string object_of(const check::CodeFile& kernel, std::span<const vm::Virtual> allowed,
                      const TemporaryFolder& folder) {
    std::string source;
    for (const auto& section : check::usual_sections(kernel)) {
        source += fmt::format(".section {0},\"ax\"\n.L{0}: .skip {1}\n", section.name, section.bytes.size());
        for (const auto& symbol : kernel.symbols) {
            if (!section.contains(symbol.address)) continue;
            source += fmt::format(".globl {0}\n.set {0}, .L{1} + {2}\n", symbol.name, section.name,
                                  symbol.address - section.address);
        }
        for (const auto branch : allowed) {
            if (!section.contains(number(branch))) continue;
            const auto at = number(branch) - section.address;
            source += fmt::format(
                ".pushsection .discard.instr_begin,\"a\"\n.long .L{0} + {1} - .\n.popsection\n"
                ".pushsection .discard.instr_end,\"a\"\n.long .L{0} + {2} - .\n.popsection\n",
                section.name, at, at + near_branch);
        }
    }
    auto object = folder.path() / "vmlinux.o";
    const auto built = Command({"cc", "-c", "-o", object, folder.file("object.s", source)}).finish();
    EXPECT_EQ(built.code, 0) << built.err;
    return object;
}

/// Returns the function that a near call or jump goes to.
std::string target_of(const check::CodeFile& kernel, vm::Virtual branch) {
    std::int32_t distance = 0;
    std::memcpy(&distance, kernel.at(number(branch) + 1, sizeof distance).data(), sizeof distance);
    return kernel.name_of(number(branch) + near_branch + static_cast<std::uint64_t>(std::int64_t{distance}));
}

TEST(Linux, FindsCodeThatLeavesTheProtectedSectionsWithoutAnAnnotation) {
    const auto kernel = default_kernel();
    std::vector<vm::Virtual> allowed;
    for (const auto branch : check::certain_exits(kernel, {})) {
        // Each NMI calls nmi_handle(), which a compiler may have split.
        const bool is_left = kernel.name_of(number(branch)).starts_with("default_do_nmi+") &&
                             target_of(kernel, branch).starts_with("nmi_handle");
        if (!is_left) allowed.push_back(branch);
    }
    const TemporaryFolder folder;
    const auto object = object_of(kernel, allowed, folder);
    const auto* const message =
        "the branch at default_do_nmi\\+0x[0-9a-f]+ goes to nmi_handle[.a-z0-9]*, outside of the protected sections, "
        "where "
        "no annotation allows it";
    const auto result = sweep_linux(
        {"--annotations", object, "--events", "nmi,db", "--json", "-", "--quiet", "--max-findings", "100000"});
    EXPECT_EQ(result.code, 1) << result.err;
    const auto swept = json::parse(result.out)["results"][0];
    EXPECT_EQ(swept["findings"], swept["boundaries"]) << "each NMI breaks it, and no #DB";
    EXPECT_THAT(swept["finding"].dump(), AllOf(HasSubstr("linux/getpid@nmi:"), ContainsRegex(message)));
    for (const auto& found : swept["found"]) EXPECT_THAT(found["schedule"].get<std::string>(), HasSubstr("@nmi:"));

    const auto replayed = run_gatecrash(
        {"replay", "--machine", "amd", "--annotations", object, "--trace", "linux/getpid@nmi:entry_SYSCALL_64"});
    EXPECT_EQ(replayed.code, 1) << replayed.err;
    EXPECT_THAT(replayed.out, AllOf(HasSubstr("I18 (noinstr)"), ContainsRegex(message)));

    const auto checked = run_gatecrash({"check", machines::default_kernel_image(), "--annotations", object});
    EXPECT_THAT(checked.out, ContainsRegex("default_do_nmi\\+0x[0-9a-f]+: leaves-section: calls nmi_handle"));
}

TEST(Linux, RefusesAnObjectWithoutAnnotations) {
    const TemporaryFolder folder;
    const auto object = object_of(default_kernel(), {}, folder);
    const auto result = sweep_linux({"--annotations", object});
    EXPECT_EQ(result.code, 2);
    EXPECT_THAT(result.err, HasSubstr("vmlinux.o: it has no annotations. Name the vmlinux.o of a kernel that was built "
                                      "with CONFIG_DEBUG_ENTRY=y"));
}

TEST(Linux, GivesTheKernelAnotherCpu) {
    auto words = poke;
    words.insert(words.end(), {"--cpu", "no-fsgsbase,no-smap", "--events", "nmi", "--window", "entry_SYSCALL_64"});
    EXPECT_THAT(sweep_linux(words).out,
                HasSubstr("gatecrash replay --cpu 'no-fsgsbase,no-smap' --poke 'asm_exc_nmi+0x0=0f0b' --window"));
    const auto replayed = run_gatecrash(
        {"replay", "--machine", "amd", "--cpu", "no-fsgsbase,no-smap", "--trace", "linux/getpid@nmi:entry_SYSCALL_64"});
    EXPECT_EQ(replayed.code, 0) << replayed.err;
    EXPECT_THAT(replayed.out, ContainsRegex(" paranoid_entry[+]0x[0-9a-f]+ +0 nmi   N--uK  swapgs\n"));
    EXPECT_THAT(replayed.out, AllOf(Not(HasSubstr("wrgsbase")), Not(HasSubstr("  clac"))));
}

TEST(Linux, SkipsAWorkloadThatTheMachineCannotRun) {
    const auto result = run_gatecrash({"linux", "--machine", "amd", "--cpu", "intel", "--workload", "sysenter,getpid",
                                       "--events", "nmi", "--window", "entry_SYSCALL_64", "--quiet"});
    EXPECT_EQ(result.code, 0) << result.err;
    EXPECT_THAT(result.out, HasSubstr("skipped: this machine's CPU has loaded a CS with both L and D"));
    EXPECT_THAT(result.out, HasSubstr("2 variants: 1 ok, 0 unexpected, 1 skipped, 0 errors"));
}

TEST(Linux, ReplaysAScheduleThatHolds) {
    const auto result =
        run_gatecrash({"replay", "--machine", "amd", "linux/getpid@nmi:entry_SYSCALL_64,nmi:first_nmi#1"});
    EXPECT_EQ(result.code, 0) << result.err;
    EXPECT_THAT(result.out, AllOf(HasSubstr("every invariant holds"), HasSubstr("\nnot compared: last_nmi_rip\n")));
}

TEST(Linux, ChecksTheNamesOfMemory) {
    const auto result = sweep_linux({"--events", "nmi", "--ignore-memory", "last_nmi_rip,no_such_word+0x8"});
    EXPECT_EQ(result.code, 2);
    EXPECT_THAT(result.out + result.err, HasSubstr("the kernel has no 'no_such_word+0x8'"));
}

TEST(Linux, SaysWhichWorkloadsThereAre) {
    const auto result = run_gatecrash({"linux", "--machine", "amd", "--workload", "getpid,fork"});
    EXPECT_EQ(result.code, 2);
    EXPECT_THAT(result.err, AllOf(HasSubstr("no workload 'fork'"), HasSubstr("getpid, yield, ")));
}

TEST(Linux, SaysWhatAKernelSaidThatDidNotBoot) {
    const auto result = sweep_linux({"--append", "rdinit=/nothing"});
    EXPECT_EQ(result.code, 3);
    EXPECT_THAT(result.err, AllOf(HasSubstr("Kernel panic"), HasSubstr("--append")));
    EXPECT_THAT(sweep_linux({"--memory", "24"}).err, HasSubstr("--memory"));
    EXPECT_THAT(sweep_linux({"--memory", "512"}).err,
                AllOf(HasSubstr("has 512 MiB itself"), HasSubstr("less memory with --memory")));
}

}  // namespace
}  // namespace gatecrash::cli
