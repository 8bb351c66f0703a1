// Counts and times paths into the kernel and back, on the machine that runs this test.
#include "bench/entry_bench.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "bench/host.hpp"
#include "support/kvm_system.hpp"

namespace gatecrash::bench {
namespace {

using vm::StepperKind;

std::map<std::string, double> counts_of(const std::vector<std::string>& patterns,
                                        StepperKind kind = StepperKind::trap_flag) {
    const auto compositions = select_compositions(patterns);
    std::map<std::string, double> counts;
    for (const auto& figure : count_instructions(kvm_system(), compositions, kind).figures) {
        EXPECT_EQ(figure.unit, "instructions");
        counts[figure.name] = figure.median;
    }
    return counts;
}

/// The number of instructions on a path, counted by hand from the code.
struct Known {
    const char* name;
    double count;
};

TEST(EntryBench, CountsKnownSequencesExactly) {
    constexpr Known known[] = {
        {"syscall-sysret+swapgs", 4},
        {"syscall-sysret+cr3", 6},
        {"syscall-sysret+stack", 5},
        {"syscall-sysret+save", 32},
        {"syscall-sysret+save+clear", 47},
        {"syscall-sysret+rsb", 36},
        {"syscall-sysret+exit-work", 4},
        {"sysenter32+verw", 3},
        {"sysenter32+cr3", 6},
        {"sysenter32+stack", 3},  // SYSEXIT has the user's ESP in ECX
        {"sysenter32+save", 16},  // 7 registers
        {"sysenter32+save+clear", 23},
        {"sysenter32+rsb", 36},
        {"sysenter32+context-cs", 4},
        {"sysenter32+context-soft", 5},
        {"sysenter32+exit-work", 4},
        {"sysenter32+verw+cr3+stack+save+clear+rsb+context-soft+exit-work", 68},
        {"bp+verw", 3},
        {"bp+swapgs", 8},         // TEST, JZ and SWAPGS, twice
        {"bp-kernel+swapgs", 6},  // without the SWAPGS
        {"bp+paranoid-rdmsr", 12},
        {"bp-kernel+paranoid-rdmsr", 9},
        {"bp+stack", 9},   // 2 of `bp`, and 7 to copy 5 words
        {"pf+stack", 12},  // as bp+stack, with the error code
        {"bp+context-cs", 8},
        {"bp+context-soft", 5},
        {"nmi+espfix", 3},
        {"syscall-frame-sysret+tif-iret", 13},
        {"syscall-frame-sysret+sysret-canonical", 17},
        // An exit that always tries SYSRET executes these tests, and then its IRET.
        {"int80-iret+sysret-rcx", 4},
        // docs/how-to/measure-entry-cost.md has a table with these.
        {"syscall-iret+save", 38},
        {"syscall-frame-sysret+save", 41},
        {"syscall-frame-sysret+save+sysret-rcx+sysret-canonical+sysret-cs+sysret-r11+sysret-rf-tf+sysret-ss", 59},
        {"syscall-frame-sysret+save+tif-iret+sysret-rcx+sysret-canonical+sysret-cs+sysret-r11+sysret-rf-tf+sysret-ss",
         61},
        {"syscall-frame-sysret+save+tif-iret", 43},
        {"int80-iret+save", 32},
        {"int80-iret+save+sysret-rcx", 35},
        {"int80-iret+save+tif-iret", 34},
    };
    std::vector<std::string> names;
    for (const auto& each : known) names.emplace_back(each.name);
    for (const auto kind : {StepperKind::trap_flag, StepperKind::stop_bytes}) {
        auto counts = counts_of(names, kind);
        for (const auto& [name, count] : known) EXPECT_EQ(counts[name], count) << name;
    }
    std::size_t bare = 0;
    for (const auto& [name, count] : counts_of({})) {
        if (name.find('+') != std::string::npos) continue;
        EXPECT_EQ(count, instructions_of(name).value_or(0)) << name;
        ++bare;
    }
    EXPECT_GE(bare, 18U) << "all but SYSENTER in 64-bit mode, which only Intel's CPUs have";
}

/// The bench cannot step a 32-bit guest with TF, so it does not count such a guest with that stepper.
TEST(EntryBench, StepsAsAskedOrNotAtAll) {
    const auto compositions = select_compositions(std::vector<std::string>{"sysenter32", "bp"});
    const auto measured =
        count_instructions(kvm_system(), compositions, StepperKind::trap_flag, StepperKind::trap_flag);
    ASSERT_EQ(measured.figures.size(), 1U);
    EXPECT_EQ(measured.figures.front().name, "bp");
    ASSERT_EQ(measured.skipped.size(), 1U);
    EXPECT_EQ(measured.skipped.front().name, "sysenter32");
    EXPECT_THAT(measured.skipped.front().reason, testing::HasSubstr("stop bytes only"));
    EXPECT_EQ(
        count_instructions(kvm_system(), compositions, StepperKind::trap_flag, StepperKind::stop_bytes).figures.size(),
        2U);
}

/// Pieces do not interfere: together they take as many instructions as the sum of each one alone.
TEST(EntryBench, AddsPiecesUp) {
    const std::vector<std::string> pieces{"verw",
                                          "swapgs",
                                          "cr3",
                                          "stack",
                                          "save",
                                          "rsb",
                                          "context-cs",
                                          "exit-work",
                                          "tif-iret",
                                          "sysret-cs",
                                          "sysret-ss",
                                          "sysret-rf-tf",
                                          "sysret-canonical"};
    const std::string path = "syscall-frame-sysret";
    std::vector<std::string> names{path};
    std::string all = path;
    for (const auto& piece : pieces) {
        names.push_back(path + "+" + piece);
        all += "+" + piece;
    }
    const auto composed = select_compositions(std::vector{all}).front().name();
    names.push_back(composed);
    auto counts = counts_of(names);
    double sum = counts[path];
    for (const auto& piece : pieces) sum += counts[path + "+" + piece] - counts[path];
    EXPECT_EQ(counts[composed], sum);
}

/// With the registers saved and cleared, the tests of an opportunistic SYSRET find the user's values, and pass.
TEST(EntryBench, ReturnsBySysretIfTheFrameIsUnchanged) {
    auto counts =
        counts_of({"syscall-frame-sysret+save+clear+sysret-rcx+sysret-r11", "syscall-frame-sysret+save+clear"});
    const double plain = counts["syscall-frame-sysret+save+clear"];
    // The two tests are MOV, CMP and an untaken JNE each. An IRET would need 2 instructions fewer than the return by
    // SYSRET.
    EXPECT_EQ(counts["syscall-frame-sysret+save+clear+sysret-rcx+sysret-r11"], plain + 6);
}

/// A path is longer with each piece than without it.
TEST(EntryBench, CountsEverythingThatFits) {
    const auto compositions = all_compositions();
    const auto measured = count_instructions(kvm_system(), compositions, StepperKind::trap_flag);
    EXPECT_EQ(measured.figures.size() + measured.skipped.size(), compositions.size());
    EXPECT_GT(measured.figures.size(), compositions.size() / 2);
    for (const auto& [name, reason] : measured.skipped) EXPECT_FALSE(reason.empty()) << name;
    std::map<std::string, double> counts;
    for (const auto& figure : measured.figures) counts[figure.name] = figure.median;
    for (const auto& [name, count] : counts) {
        const auto plus = name.rfind('+');
        if (plus == std::string::npos) continue;
        EXPECT_GT(count, counts.at(name.substr(0, plus))) << name;
    }
}

/// All paths end as they began, however often they run; the bench checks that. On `amd`, whose counter has no constant
/// rate, no figure claims cycles.
TEST(EntryBench, ClaimsNoCyclesWhereThereAreNone) {
    const auto compositions = all_compositions();
    const auto measured = measure_cycles(kvm_system(), compositions, 1);
    EXPECT_EQ(measured.figures.size() + measured.skipped.size(), compositions.size());
    for (const auto& figure : measured.figures) {
        SCOPED_TRACE(figure.name);
        EXPECT_EQ(figure.unit, "cycles");
        if (!has_invariant_tsc() || !is_narrow(figure)) {
            EXPECT_FALSE(figure.valid);
        }
        EXPECT_EQ(figure.note.starts_with("the time-stamp counter does not run at one rate"), !has_invariant_tsc());
        EXPECT_GT(figure.runs, 100U);
        EXPECT_GT(figure.p99, 0);
    }
}

/// KVM intercepts #UD to emulate missing instructions. So each UD2 exits to KVM, and its cycles are KVM's.
TEST(EntryBench, ReportsExitsWhileItTimesAGuest) {
    const auto compositions =
        select_compositions(std::vector<std::string>{"ud", "ud-kernel", "bp", "pf", "sysenter32"});
    auto measured = measure_cycles(kvm_system(), compositions, 1);
    ASSERT_EQ(measured.figures.size(), compositions.size());
    // The host's timer also causes exits, more often on a busy host.
    const auto left = testing::ContainsRegex("the guest exited 1[.][0-4] times per pass");
    for (const auto& figure : measured.figures) {
        SCOPED_TRACE(figure.name);
        if (figure.name.starts_with("ud")) {
            EXPECT_FALSE(figure.valid);
            EXPECT_THAT(figure.note, left);
        } else {
            EXPECT_THAT(figure.note, testing::Not(testing::HasSubstr("was left")));
        }
    }
    const auto not_looked_at = testing::Contains(testing::HasSubstr("KVM_CAP_BINARY_STATS_FD"));
    EXPECT_THAT(measured.warnings, testing::Not(not_looked_at));

    auto old_kvm = kvm::System::open();
    old_kvm.forgo(kvm::Capability::binary_statistics);
    measured = measure_cycles(old_kvm, compositions, 1);
    EXPECT_THAT(measured.warnings, not_looked_at);
    for (const auto& figure : measured.figures) EXPECT_THAT(figure.note, testing::Not(left)) << figure.name;
}

/// A guest cannot time a VM entry. So the bench times the entry of an event from an INT n, and only such figures say
/// so.
TEST(EntryBench, TimesWhatAnEventEntersFromItsGateOn) {
    const auto compositions = select_compositions(
        std::vector<std::string>{"irq", "irq-kernel", "nmi", "nmi+stack", "nmi-kernel", "db", "db-kernel", "bp"});
    const auto measured = measure_cycles(kvm_system(), compositions, 1);
    EXPECT_THAT(measured.skipped, testing::IsEmpty());
    const std::map<std::string, std::string> expected{
        {"irq", "INT 32"}, {"irq-kernel", "INT 32"}, {"nmi", "INT 2"},       {"nmi+stack", "INT 2"},
        {"db", "INT 1"},   {"db-kernel", "INT 1"},   {"nmi-kernel", "INT 2"}};
    for (const auto& figure : measured.figures) {
        SCOPED_TRACE(figure.name);
        const auto instruction = expected.find(figure.name);
        const bool is_event = instruction != expected.end();
        const auto note = is_event ? "entered by " + instruction->second + " through its gate, not by the event" : "";
        EXPECT_THAT(figure.note, testing::EndsWith(note));
        EXPECT_EQ(figure.note.find("entered by") != std::string::npos, is_event);
        EXPECT_GT(figure.median, 0);
    }
}

}  // namespace
}  // namespace gatecrash::bench
