// Builds entry code as another project would: only with the files that `meson install` provides. Of this tree, the test
// names only the build folder from which it installs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "posix/file.hpp"
#include "support/gatecrash.hpp"

namespace gatecrash::cli {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

void expect_success(const Result& result) { ASSERT_EQ(result.code, 0) << result.out << result.err; }

/// Installs the SDK into a folder of its own, and runs commands that find no other SDK.
class OwnEntryCode : public testing::Test {
  protected:
    static void SetUpTestSuite() {
        folder_ = std::make_unique<TemporaryFolder>();
        const auto sdk = folder_->path() / "sdk";
        expect_success(Command({"meson", "install", "-C", BUILD, "--no-rebuild", "--destdir", sdk}).finish());
        for (const auto& entry : fs::recursive_directory_iterator(sdk)) {
            if (entry.path().filename() == "gatecrash-guest.pc") pkg_config_ = entry.path().parent_path();
            if (entry.path().filename() == "gatecrash" && entry.path().parent_path().filename() == "bin")
                program_ = entry.path();
        }
        ASSERT_FALSE(pkg_config_.empty());
        ASSERT_FALSE(program_.empty());
    }
    static void TearDownTestSuite() { folder_.reset(); }

    static Result run_with_sdk(const Words& words) {
        return Command(words, {{"PKG_CONFIG_PATH", pkg_config_}}).finish();
    }
    static Result explore(const fs::path& guest, Words more = {}) {
        Words words{program_, "explore", "--machine", "amd", guest};
        words.insert(words.end(), more.begin(), more.end());
        return run_with_sdk(words);
    }
    static json result_of(const Result& explored) { return json::parse(explored.out)["results"][0]; }

    /// Builds a guest from one assembly file, and returns its path.
    static fs::path build(const std::string& name, const std::string& source,
                          const std::string& package = "gatecrash-guest", const std::string& more = "") {
        auto guest = folder_->path() / (name + ".elf");
        const auto file = folder_->file(name + ".S", source);
        expect_success(run_with_sdk({"/bin/sh", "-c",
                                     "cc $(pkg-config --cflags " + package + ") " + more + " -o " + guest.string() +
                                         " " + file + " $(pkg-config --libs " + package + ")"}));
        return guest;
    }

    // NOLINTBEGIN(cppcoreguidelines-avoid-non-const-global-variables): the suite installs once
    static std::unique_ptr<TemporaryFolder> folder_;
    static fs::path pkg_config_, program_;
    // NOLINTEND(cppcoreguidelines-avoid-non-const-global-variables)
};
std::unique_ptr<TemporaryFolder> OwnEntryCode::folder_;
fs::path OwnEntryCode::pkg_config_, OwnEntryCode::program_;

/// The symbols on which the lines "I2 (kernel GS): nmi:SYMBOL, +0xOFFSET ..." of a report lie.
std::set<std::string> symbols_of(const std::string& report, const std::string& before) {
    std::set<std::string> symbols;
    std::istringstream lines(report);
    for (std::string line; std::getline(lines, line);) {
        const auto at = line.find(before);
        if (at == std::string::npos) continue;
        const auto begin = at + before.size();
        symbols.insert(line.substr(begin, line.find_first_of("+#,: ", begin) - begin));
    }
    return symbols;
}

TEST_F(OwnEntryCode, ShowsItsSourceInATrace) {
    const auto source = posix::read_file(BUILD "/../examples/out-of-tree/entry.S");
    const auto trace = [&](const std::string& name, const std::string& flags) {
        const auto guest = build(name, source, "gatecrash-guest", flags);
        return run_with_sdk({program_, "replay", "--machine", "amd", "--trace", guest.string() + "@nmi:entry_syscall"})
            .out;
    };
    const auto line = std::count(source.begin(), source.begin() + source.find("\nentry_nmi:") + 1, '\n') + 2;
    EXPECT_THAT(trace("with-lines", "-g"),
                testing::ContainsRegex(fmt::format("\n       [^ ]*with-lines.S:{}\n    1  entry_nmi ", line)));
    EXPECT_THAT(trace("without-lines", ""), testing::Not(HasSubstr("without-lines.S:")));
}

/// A repository with an entry.S, for `git bisect`.
class History {
  public:
    explicit History(fs::path folder) : folder_(std::move(folder)) {
        fs::create_directories(folder_);
        git("init -q");
    }
    /// Adds a commit with this entry.S.
    void commit(const std::string& subject, const std::string& source) const {
        std::ofstream(folder_ / "entry.S") << source;
        git("add entry.S && " + configured_git + " commit -q -m '" + subject + "'");
    }
    /// Runs `git ARGUMENTS` and returns its output.
    std::string git(const std::string& arguments, const Environment& environment = {}) const {
        const auto result =
            Command({"/bin/bash", "-c", "cd " + folder_.string() + " && " + configured_git + " " + arguments},
                    environment)
                .finish();
        EXPECT_EQ(result.code, 0) << arguments << "\n" << result.out << result.err;
        return result.out + result.err;
    }

  private:
    static inline const std::string configured_git = "git -c user.name=tester -c user.email=tester@example.org";
    fs::path folder_;
};

TEST_F(OwnEntryCode, IsBisectedToTheCommitThatBrokeIt) {
    const auto good = posix::read_file(EXAMPLE "/entry.S");
    auto broken = good;
    const std::string choice = "#ifdef GS_BY_CS";
    broken.replace(broken.find(choice), choice.size(), "#ifndef GS_BY_BASE");
    const History history(folder_->path() / "repository");
    history.commit("good", good);
    history.commit("a comment", good + "// 1\n");
    history.commit("another comment", good + "// 2\n");
    history.commit("does not build", good + "#error\n");
    history.commit("builds again", good + "// 3\n");
    history.commit("decide by CS", broken);
    history.commit("a last comment", broken + "// 4\n");

    const Environment environment{{"PKG_CONFIG_PATH", pkg_config_},
                                  {"PATH", program_.parent_path().string() + ":/usr/bin:/bin"}};
    history.git("bisect start HEAD HEAD~6");
    const auto bisected =
        history.git("bisect run " BISECT_EXAMPLE
                    "/step.sh 'cc $(pkg-config --cflags gatecrash-guest) -o my-entry.elf "
                    "entry.S $(pkg-config --libs gatecrash-guest)' explore my-entry.elf --machine amd --events nmi",
                    environment);
    EXPECT_THAT(bisected,
                HasSubstr(history.git("rev-parse ':/decide by CS'").substr(0, 40) + " is the first bad commit"));
    EXPECT_THAT(bisected, HasSubstr("#error")) << "git skips a commit that does not build";
    EXPECT_THAT(bisected, HasSubstr("breaks I2"));
}

TEST_F(OwnEntryCode, IsNotCalledBadForAnErrorOrForNothing) {
    const auto step = [](const Words& more) {
        Words words{BISECT_EXAMPLE "/step.sh"};
        words.insert(words.end(), more.begin(), more.end());
        return Command(words, {{"PATH", program_.parent_path().string() + ":/usr/bin:/bin"}}).finish();
    };
    EXPECT_EQ(step({"false", "list"}).code, 125) << "it does not build";
    EXPECT_EQ(step({"true", "list"}).code, 0);
    EXPECT_EQ(step({"true", "explore", "/nonexistent.elf"}).code, 255);
    EXPECT_THAT(step({"true", "frob"}).err,
                HasSubstr("step.sh: gatecrash ended with exit code 2: bisect stops here\n"));
    EXPECT_EQ(step({"true"}).code, 255);
    EXPECT_EQ(step({"true", "check", CHECKED_CODE "/64-leaves_section.elf"}).code, 1);
}

TEST_F(OwnEntryCode, OfTheExampleBreaksAndHoldsAsItSays) {
    const auto project = folder_->path() / "project";
    const auto built = project / "build";
    expect_success(run_with_sdk({program_, "new", project}));
    expect_success(run_with_sdk({"meson", "setup", built, project}));
    expect_success(run_with_sdk({"ninja", "-C", built}));

    const auto broken = built / "gs-by-cs.elf";
    const auto found = explore(broken);
    EXPECT_EQ(found.code, 1) << found.err;
    // There the GS base is the user's and CS is not: before the SWAPGS of each entry, and after that of its exit.
    EXPECT_EQ(symbols_of(found.out, "I2 (kernel GS): nmi:"),
              (std::set<std::string>{"entry_syscall", "entry_irq_stubs", "entry_irq", "entry_bp"}));
    EXPECT_THAT(found.out,
                HasSubstr("I2 (kernel GS): nmi:entry_syscall, +"));  // the exit; the entry is the finding itself
    const auto finding = result_of(explore(broken, {"--json", "-", "--quiet"}))["finding"];
    EXPECT_EQ(finding["invariant"], "I2");
    EXPECT_EQ(finding["also"], json::array());
    EXPECT_EQ(finding["schedule"], broken.string() + "@nmi:entry_syscall");
    EXPECT_THAT(finding["message"].get<std::string>(),
                HasSubstr("the body of vector 2 that interrupted entry_syscall runs with GS base 0x7654000"));

    const auto replayed = run_with_sdk({program_, "replay", "--machine", "amd", finding["schedule"]});
    EXPECT_EQ(replayed.code, 1) << replayed.err;
    EXPECT_THAT(replayed.out, HasSubstr("breaks I2 (kernel GS): " + finding["message"].get<std::string>()));

    const auto held = explore(built / "gs-by-base.elf", {"--events", "irq"});
    EXPECT_EQ(held.code, 0) << held.out << held.err;
    EXPECT_THAT(held.out, HasSubstr("  holds  "));

    // The expectation files beside the guests say the same.
    const auto run = [&](const Words& guests) {
        Words words{program_, "run", "--machine", "amd", "--json", "-", "--quiet"};
        words.insert(words.end(), guests.begin(), guests.end());
        return run_with_sdk(words);
    };
    const auto judged = run({broken, built / "gs-by-base.elf"});
    EXPECT_EQ(judged.code, 0) << judged.out << judged.err;
    const auto results = json::parse(judged.out)["results"];
    ASSERT_EQ(results.size(), 3U);
    EXPECT_EQ(results[0]["case"], broken.string());
    EXPECT_EQ(results[0]["variant"], "");
    EXPECT_EQ(results[0]["expect"], "breaks I2");
    EXPECT_EQ(results[0]["finding"], finding);
    EXPECT_EQ(results[1]["variant"], "nmi depth 1");
    EXPECT_EQ(results[2]["variant"], "irq depth 1");
    for (const auto& result : results) EXPECT_EQ(result["status"], "ok") << result;

    // With one expected place fewer, the sweep finds one too many.
    std::ofstream(broken.string() + ".expect")
        << "nmi depth 1 breaks I2 at nmi:entry_syscall|entry_irq_stubs|entry_irq\n";
    const auto refuted = run({broken});
    EXPECT_EQ(refuted.code, 1) << refuted.err;
    const auto result = json::parse(refuted.out)["results"][0];
    EXPECT_EQ(result["status"], "unexpected");
    EXPECT_THAT(result["message"].get<std::string>(), HasSubstr("@nmi:entry_bp breaks it too"));
}

TEST_F(OwnEntryCode, ThatLosesARegisterEachTimeBreaksWithoutAnEvent) {
    const auto guest = build("loses-r12", R"(
#include <gatecrash/entry.h>
        .text
        .globl entry_bp
entry_bp:
        xorl %r12d, %r12d
        pushq $0
        ENTRY_PLAIN event_body GATECRASH_VECTOR_BP
)");
    const auto explored = explore(guest, {"--json", "-", "--quiet"});
    EXPECT_EQ(explored.code, 1) << explored.err;
    const auto finding = result_of(explored)["finding"];
    EXPECT_EQ(finding["invariant"], "I1");
    EXPECT_EQ(finding["schedule"], guest.string()) << "the empty schedule";
    EXPECT_EQ(finding["message"], "R12 is 0x0, not 0x2a2b2c2d2e2f2a2b");
    EXPECT_EQ(run_with_sdk({program_, "replay", "--machine", "amd", guest}).code, 1);
}

TEST_F(OwnEntryCode, MayHaveThirtyTwoBits) {
    const auto sound = explore(build("sound32", ".globl nothing\nnothing:\n", "gatecrash-guest32"),
                               {"--events", "nmi,irq,db,mc", "--json", "-", "--quiet"});
    EXPECT_EQ(sound.code, 0) << sound.err;
    EXPECT_GT(result_of(sound)["schedules"], 500);
    // The NMI loads FS only if the interrupted CS is the user's. The kernel loads its own FS a few instructions after
    // an entry, so an NMI before that runs its body with the user's FS.
    const auto guest = build("fs-by-cs", R"(
#include <gatecrash/entry32.h>
        .section .entry.text, "ax"
        .globl entry_nmi, own_nmi_body
entry_nmi:
        pushl $0
        pushl $GATECRASH_VECTOR_NMI
        SAVE_REGS32
        testb $3, GATECRASH_FRAME32_CS(%esp)
        jz own_nmi_body
        LOAD_KERNEL_SEGMENTS
own_nmi_body:
        CALL_BODY32 event_body GATECRASH_VECTOR_NMI
        RESTORE_REGS32
        iretl
)",
                             "gatecrash-guest32");
    const auto explored = explore(guest, {"--window", "entry_bp..entry_db", "--json", "-", "--quiet"});
    EXPECT_EQ(explored.code, 1) << explored.err;
    const auto finding = result_of(explored)["finding"];
    EXPECT_EQ(finding["invariant"], "I2");
    EXPECT_EQ(finding["schedule"], guest.string() + "@nmi:entry_bp");
    EXPECT_THAT(finding["message"].get<std::string>(), HasSubstr("0xf, not the kernel's"));
    const auto replayed = run_with_sdk({program_, "replay", "--machine", "amd", finding["schedule"]});
    EXPECT_EQ(replayed.code, 1) << replayed.err;
    EXPECT_THAT(replayed.out, HasSubstr("breaks I2 (kernel GS): " + finding["message"].get<std::string>()));
}

TEST_F(OwnEntryCode, ChoosesItsGates) {
    // After a trap gate the next interrupt may arrive before the SWAPGS, from kernel code with the user's GS base.
    const auto guest = build("trap-gate", ".globl trap_gate_of_irq\ntrap_gate_of_irq = 1\n");
    const auto explored = explore(guest, {"--events", "irq", "--json", "-", "--quiet"});
    EXPECT_EQ(explored.code, 1) << explored.err;
    EXPECT_EQ(result_of(explored)["status"], "finding");
    const auto finding = result_of(explored)["finding"];
    EXPECT_EQ(finding["invariant"], "I2") << finding;
    EXPECT_THAT(finding["schedule"].get<std::string>(), HasSubstr("@irq:entry_irq"));
    const auto sound = explore(build("interrupt-gate", ".globl trap_gate_of_irq\ntrap_gate_of_irq = 0\n"),
                               {"--events", "irq", "--json", "-", "--quiet"});
    EXPECT_EQ(sound.code, 0) << sound.out;
}

TEST_F(OwnEntryCode, ThatIsBuiltWronglySaysWhy) {
    const auto compile = [](const std::string& header, const std::string& package) {
        const auto file = folder_->file("wrong.S", "#include <gatecrash/" + header + ">\n");
        return run_with_sdk({"/bin/sh", "-c", "cc -c $(pkg-config --cflags " + package + ") -o /dev/null " + file});
    };
    EXPECT_EQ(compile("entry.h", "gatecrash-guest").code, 0);
    EXPECT_EQ(compile("entry32.h", "gatecrash-guest32").code, 0);
    EXPECT_THAT(compile("entry32.h", "gatecrash-guest").err, HasSubstr("entry32.h is for 32-bit guests: include"));
    EXPECT_THAT(compile("entry.h", "gatecrash-guest32").err, HasSubstr("entry.h is for 64-bit guests: include"));

    const auto guest = build("no-end", R"(
#include <gatecrash/entry.h>
        .section .user, "ax"
        .globl user_start
user_start:
        outb %al, $GATECRASH_PORT_BEGIN
        nop
        outb %al, $GATECRASH_PORT_DONE
)");
    for (const auto* command : {"explore", "replay"}) {
        const auto refused = run_with_sdk({program_, command, "--machine", "amd", guest});
        EXPECT_EQ(refused.code, 2) << refused.out;
        EXPECT_THAT(
            refused.err,
            HasSubstr(
                "the workload rings doorbell DONE before user_start+0x5, inside a window: it must ring END first"));
    }
}

TEST_F(OwnEntryCode, MayReplaceEveryEntryAndTheWorkload) {
    std::string source = "#include <gatecrash/entry.h>\n.text\n";
    for (const auto* vector :
         {"de", "db", "nmi", "bp", "of", "br", "ud", "nm", "df", "9",  "ts", "np", "ss", "gp", "pf", "15",  "mf",
          "ac", "mc", "xm",  "ve", "cp", "22", "23", "24", "25", "26", "27", "hv", "vc", "sx", "31", "irq", "syscall"})
        source += ".globl entry_" + std::string(vector) + "\nentry_" + vector + ":\n";
    source += R"(
        iretq
        .section .user, "ax"
        .globl user_start
user_start:
        outb %al, $GATECRASH_PORT_BEGIN
        nop
        outb %al, $GATECRASH_PORT_END
        outb %al, $GATECRASH_PORT_DONE
)";
    const auto guest = build("all-its-own", source);
    const auto explored = explore(guest, {"--depth", "0"});
    EXPECT_EQ(explored.code, 0) << explored.out << explored.err;
    EXPECT_THAT(explored.out, HasSubstr("  holds  "));
    const auto names = Command({"nm", guest}).finish().out;
    EXPECT_THAT(names, Not(HasSubstr("syscall_back")));
}

}  // namespace
}  // namespace gatecrash::cli
