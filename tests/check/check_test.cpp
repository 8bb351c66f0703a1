// Checks small files, each of which breaks one rule, and twins of them without the defect.
#include "check/check.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <cstring>

#include "check/checked_code.hpp"

namespace gatecrash::check {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::StartsWith;

std::string file_of(Rule rule) {
    std::string name(text_of(rule).name);
    std::ranges::replace(name, '-', '_');
    return name;
}

/// True for the rules about the entry state, whose label `broken` is the place itself.
bool is_of_state(Rule rule) { return rule >= Rule::user_gs_access; }

/// True for the rules about what only 32-bit code has, or that only 64-bit code is tested with.
bool is_of_32_bits(Rule rule) { return rule == Rule::user_segment_access || rule == Rule::user_segment_call; }
bool is_of_64_bits(Rule rule) {
    constexpr Rule of_64_bits[] = {Rule::user_gs_access,  Rule::user_gs_call,           Rule::wrong_gs_return,
                                   Rule::user_stack_push, Rule::swapgs_with_interrupts, Rule::swapgs_without_fence,
                                   Rule::missing_ibpb,    Rule::missing_spec_ctrl};
    return std::ranges::find(of_64_bits, rule) != std::end(of_64_bits);
}

/// Returns a request that asks for the rule if only some kernels do.
Request request_for(Rule rule) {
    return {.sections = {},
            .entries = {},
            .policy = {.needs_verw = rule == Rule::missing_verw || rule == Rule::load_after_verw,
                       .needs_swapgs_fence = rule == Rule::swapgs_without_fence,
                       .needs_ibpb = rule == Rule::missing_ibpb,
                       .needs_spec_ctrl = rule == Rule::missing_spec_ctrl}};
}

/// Returns the findings of a file. Where paths meet is a finding only because of another one.
std::vector<NamedFinding> findings_of(const Report& report, Rule rule) {
    auto findings = report.findings;
    if (rule == Rule::joined_states && findings.size() == 2)
        std::erase_if(findings, [&](const auto& finding) { return finding.rule->rule != rule; });
    return findings;
}

/// Returns where the file of a rule breaks it.
std::string place_of(Rule rule) {
    if (rule == Rule::entry_outside) return "entry_nmi";
    return rule == Rule::patched_site ? "site" : "broken";
}

class EachRule : public testing::TestWithParam<Rule> {
  public:
    /// Returns the same code as an object, as one of 32 bits, and as a linked file.
    static std::vector<std::string> files(const std::string& twin = {}) {
        const auto name = file_of(GetParam()) + twin;
        std::vector<std::string> files;
        if (GetParam() == Rule::user_cr3_access) return {"64-" + name + ".elf"};  // an object has no program headers
        if (!is_of_32_bits(GetParam())) files = {"64-" + name + ".o", "64-" + name + ".elf"};
        if (!is_of_64_bits(GetParam())) files.push_back("32-" + name + ".o");
        return files;
    }
};

TEST_P(EachRule, IsBrokenOnceWhereItIsBroken) {
    for (const auto& name : files()) {
        SCOPED_TRACE(name);
        const auto report = check_code(name, request_for(GetParam()));
        const auto findings = findings_of(report, GetParam());
        ASSERT_THAT(findings, SizeIs(1)) << to_text(report);
        EXPECT_EQ(findings[0].rule->name, text_of(GetParam()).name);
        EXPECT_THAT(findings[0].place, StartsWith(place_of(GetParam())));
        if (is_of_state(GetParam())) {
            EXPECT_EQ(findings[0].place, "broken");
        }
    }
}

TEST_P(EachRule, HoldsInTheTwinWithoutTheDefect) {
    for (const auto& name : files("-clean")) {
        const auto report = check_code(name, request_for(GetParam()));
        EXPECT_THAT(report.findings, IsEmpty()) << name << "\n" << to_text(report);
    }
}

std::vector<Rule> every_rule() {
    std::vector<Rule> all;
    for (const auto& rule : rules()) all.push_back(rule.rule);
    return all;
}
INSTANTIATE_TEST_SUITE_P(Check, EachRule, testing::ValuesIn(every_rule()),
                         [](const auto& param) { return file_of(param.param); });

TEST(Rules, OfOnlySomeKernelsAreAskedFor) {
    for (const auto rule : {Rule::missing_verw, Rule::load_after_verw, Rule::swapgs_without_fence, Rule::missing_ibpb,
                            Rule::missing_spec_ctrl})
        EXPECT_THAT(check_code("64-" + file_of(rule) + ".o").findings, IsEmpty()) << text_of(rule).name;
}

TEST(Rules, HaveDifferentNames) {
    std::vector<std::string_view> names;
    for (const auto& rule : rules()) {
        names.push_back(rule.name);
        EXPECT_EQ(find_rule(rule.name), &rule);
    }
    std::ranges::sort(names);
    EXPECT_EQ(std::ranges::adjacent_find(names), names.end());
}

TEST(Check, TellsThePathToAFinding) {
    const auto report = check_code("64-leaves_section.o");
    ASSERT_THAT(report.findings, SizeIs(1));
    EXPECT_THAT(report.findings[0].path, ElementsAre("entry", "entry+0x2", "broken", "broken+0x1"));
    EXPECT_EQ(report.findings[0].message, "calls work, which is in .text");
    EXPECT_EQ(report.findings[0].instruction, "call work");
    EXPECT_EQ(report.instructions, 5U);
}

TEST(Check, KnowsFunctionsOfOtherFiles) {
    const auto report = check_code("64-others.o");
    ASSERT_THAT(report.findings, SizeIs(4));
    EXPECT_EQ(report.findings[0].message, "calls __fentry__, the hook of the function tracer");
    EXPECT_EQ(report.findings[1].message, "calls elsewhere, which is in another file");
    EXPECT_EQ(report.findings[2].message, "a branch to __x86_indirect_thunk_rax, which makes it indirect");
    EXPECT_EQ(report.findings[2].rule->rule, Rule::indirect_branch);
    EXPECT_EQ(report.findings[3].message, "jumps to __stack_chk_fail, the stack protector");
}

// The path goes on after the call, up to the IRET, whose GS base is then not known any more.
/// Expects that the file has one finding, of `rule` at the label `broken`, and its twin none. Returns the message.
std::string expect_only(const std::string& name, Rule rule) {
    const auto clean = check_code(name + "-clean.o"), broken = check_code(name + ".o");
    EXPECT_THAT(clean.findings, IsEmpty()) << to_text(clean);
    EXPECT_THAT(broken.findings, SizeIs(1)) << to_text(broken);
    if (broken.findings.empty()) return {};
    EXPECT_EQ(broken.findings[0].rule->rule, rule) << name;
    EXPECT_EQ(broken.findings[0].place, "broken") << name;
    return broken.findings[0].message;
}

TEST(Check, FollowsATailCall) {
    for (const auto* const name : {"64-tail_call", "64-conditional_tail_call"})
        (void)expect_only(name, Rule::user_gs_call);
}

TEST(Check, KnowsThatTheStackOfTheKernelIsNotOfTheLdt) { (void)expect_only("64-espfix", Rule::user_gs_access); }

/// Returns the findings of a file: "RULE PLACE: MESSAGE".
std::vector<std::string> findings_in(const std::string& name) {
    std::vector<std::string> found;
    for (const auto& finding : check_code(name).findings)
        found.push_back(std::string(finding.rule->name) + " " + finding.place + ": " + finding.message);
    return found;
}

TEST(Check, TellsWherePathsMeetBeforeOneBreaksARule) {
    EXPECT_THAT(
        findings_in("64-joined_states.o"),
        ElementsAre("joined-states broken: paths meet with the user's and with the kernel's GS base (from CPL 3)",
                    "user-gs-call broken+0x1: calls a function with the user's GS base (from CPL 3)"));
    EXPECT_THAT(findings_in("64-joined_page_tables.o"),
                ElementsAre("joined-states broken: paths meet with the user's and with the kernel's CR3 (from CPL 3)",
                            "user-cr3-call broken+0x1: calls a function with the user's CR3 (from CPL 3)"));
}

TEST(Check, SaysNothingOfPathsThatMeetBeforeTheCodeAsksTheCpu) {
    EXPECT_THAT(findings_in("64-joined_page_tables-clean.o"), IsEmpty());
}

TEST(Check, UnderstandsFunctionsOfLinux) {
    const auto* const site = "patched-site by_key: the site of a static branch (__jump_table)";
    EXPECT_THAT(findings_in("64-linux_functions-clean.o"), ElementsAre(site));
    EXPECT_THAT(
        findings_in("64-linux_functions.o"),
        ElementsAre("leaves-section broken_after_feature: calls work, which is in .text", site,
                    "leaves-section broken_after_key: calls work, which is in .text",
                    "patched-site broken_key: the site of a static branch (__jump_table)",
                    "leaves-section broken_key: jumps to work, which is in .text",
                    "indirect-branch broken_call: an indirect call",
                    "indirect-branch broken_thunk: a branch to __x86_indirect_thunk_rax, which makes it indirect",
                    "indirect-branch broken_static_call: calls __SCT__patched, a static call"));
}

TEST(Check, ReadsTheNotesOfNewerKernels) { EXPECT_THAT(check_code("64-newer_notes.o").findings, IsEmpty()); }

TEST(Check, AccusesNoOtherDesign) {
    for (const auto* const name : {"64-no_swapgs.o", "64-cr3_bits.o", "64-fred.o", "64-local_label.o",
                                   "32-other_stacks.o", "32-other_tests.o", "32-same_page_tables.o"}) {
        const auto report = check_code(name);
        EXPECT_THAT(report.findings, IsEmpty()) << name << "\n" << to_text(report);
    }
}

TEST(Check, TakesTheArmOfVmAndRplInOneRegister) {
    EXPECT_THAT(expect_only("32-mixed_test", Rule::wrong_cr3_return), HasSubstr("from CPL 3"));
}

TEST(Check, TakesNoArmByFlagsThatAreNotMasked) {
    EXPECT_THAT(expect_only("32-without_mask", Rule::wrong_cr3_return), HasSubstr("from CPL 0"));
}

TEST(Check, FollowsASegmentThroughRegistersOf16Bits) {
    (void)expect_only("32-segment_by_word", Rule::user_segment_access);
}

TEST(Check, FollowsAFrameThatIsCopied) { (void)expect_only("32-copied_frame", Rule::user_segment_access); }

TEST(Check, AsksForSegmentsOnlyOfCodeThatLoadsThem) { (void)expect_only("32-own_segments", Rule::user_segment_access); }

TEST(Check, LeavesTheStateToATaskGate) {
    const auto report = check_code("32-task_gate.o");
    EXPECT_THAT(report.findings, IsEmpty()) << to_text(report);
    EXPECT_THAT(to_text(report), HasSubstr("entry_df: a task gate loads it from a TSS"));
}

TEST(Check, ChecksTheSectionsThatItIsTold) {
    const auto report = check_code("64-leaves_section.o", {.sections = {".entry.text"}, .entries = {}, .policy = {}});
    ASSERT_THAT(report.findings, SizeIs(1));
    EXPECT_EQ(report.findings[0].message, "jumps to broken, which is in .noinstr.text");
    EXPECT_THAT(check_code("64-leaves_section.o", {.sections = {".text"}, .entries = {}, .policy = {}}).findings,
                IsEmpty());
}

TEST(Check, TakesMoreEntryPoints) {
    const auto report =
        check_code("64-leaves_section-clean.o", {.sections = {}, .entries = {{"work", std::nullopt}}, .policy = {}});
    ASSERT_THAT(report.findings, SizeIs(1));
    EXPECT_EQ(report.findings[0].message, "the entry point work is in .text");
}

TEST(Check, TellsTheSourceLine) {
    for (const auto* const file : {"64-traced.elf", "64-traced.o", "32-traced.o"}) {
        const auto report = check_code(file);
        ASSERT_THAT(report.findings, SizeIs(1)) << file << "\n" << to_text(report);
        EXPECT_EQ(report.findings[0].rule->rule, Rule::instrumentation_hook);
        EXPECT_EQ(report.findings[0].place, "traced");
        EXPECT_THAT(report.findings[0].source, testing::Optional(HasSubstr("traced.c:5"))) << file;
    }
}

std::string error_of(kernel::Bytes file, const Request& request = {}) {
    try {
        (void)check_file(read_code_file(std::move(file), "code.elf"), request);
    } catch (const kernel::ImageError& error) {
        return error.what();
    }
    return "no error";
}

TEST(CheckedFile, MustHaveWhatIsChecked) {
    EXPECT_THAT(error_of(code_bytes("64-traced.elf"), {.sections = {".nothing"}, .entries = {}, .policy = {}}),
                HasSubstr("no section .nothing: name the sections"));
    EXPECT_THAT(
        error_of(code_bytes("64-traced.elf"), {.sections = {}, .entries = {{"nobody", std::nullopt}}, .policy = {}}),
        HasSubstr("no symbol nobody: name an entry point"));
    EXPECT_THAT(error_of(kernel::bytes_of("neither")), StartsWith("code.elf: no ELF file and no bzImage"));
    EXPECT_THAT(error_of({}), HasSubstr("no ELF file"));
    EXPECT_THAT(error_of(code_bytes("stripped.elf")), HasSubstr("no symbols: it is stripped"));
    EXPECT_THAT(error_of(kernel::bytes_of(kernel::elf_file("code"))), HasSubstr("no symbols: it is stripped"));
    EXPECT_THAT(error_of(kernel::bytes_of(posix::read_file("/proc/self/exe"))),
                HasSubstr("neither a section .noinstr"));
}

TEST(CheckedFile, IsForX86) {
    auto file = code_bytes("64-traced.elf");
    const std::uint16_t arm = 183;
    std::memcpy(file.data() + 18, &arm, sizeof arm);
    EXPECT_THAT(error_of(file), HasSubstr("not for x86"));
}

TEST(CheckedFile, CanEndAnywhere) {
    for (const auto* const name : {"64-leaves_section.o", "32-leaves_section.o", "64-leaves_section.elf"}) {
        const auto whole = code_bytes(name);
        for (std::size_t size = 0; size < whole.size(); size += 7) {
            const auto error = error_of({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)});
            EXPECT_THAT(error, StartsWith("code.elf: ")) << name << " of " << size << " bytes";
        }
    }
}

TEST(CheckedFile, CanHaveAnyByteWrong) {
    for (const auto* const name : {"64-leaves_section.o", "32-patched_site.o", "64-unbalanced_annotation.elf"}) {
        const auto whole = code_bytes(name);
        for (std::size_t at = 0; at < std::min<std::size_t>(whole.size(), 4096); ++at) {
            for (const auto value : {0x00, 0x7f, 0xff}) {
                auto file = whole;
                file[at] = static_cast<std::byte>(value);
                (void)error_of(std::move(file));  // any error, but no other end
            }
        }
    }
}

/// Returns that many bytes of code: functions that call each other, with a branch each.
kernel::Bytes large_code(std::size_t size) {
    std::string code;
    while (code.size() < size) {
        const auto back = -static_cast<std::int32_t>(std::min<std::size_t>(code.size(), 0x100000) + 10);
        code += std::string_view("\x48\x89\xe5\x74\x05\xe8", 6);  // mov rbp, rsp; je to the end; call
        kernel::append(code, back);
        code += std::string_view("\x48\x83\xc4\x08\x90\x90", 6);  // add rsp, 8; nop; nop
    }
    return kernel::bytes_of(code);
}

TEST(Check, WalksMuchCode) {
    CodeFile file;
    file.content = large_code(std::size_t{4} << 20);
    file.ranges.push_back({".entry.text", kernel::kernel_text, file.content});
    file.symbols.push_back({"entry", kernel::kernel_text, true});
    const auto result = check_file(file, {.sections = {}, .entries = {}, .policy = {}});
    EXPECT_GT(result.instructions.size(), 1000000U);
}

struct StepOfPath {
    std::uint64_t address, branch;
    std::int32_t before;
};

TEST(Check, LeavesOutTheMiddleOfALongPath) {
    std::vector<StepOfPath> steps{{0, 0, -1}};
    for (std::int32_t i = 1; i < 500; ++i) {
        const auto address = static_cast<std::uint64_t>(i) * 0x100;
        steps.push_back({address, address - 0x100 + 8, i - 1});
    }
    const auto whole = path_to(steps, 2, 0x204);
    EXPECT_THAT(whole.places, ElementsAre(0, 8, 0x100, 0x108, 0x200, 0x204));
    EXPECT_EQ(whole.left_out, 0U);
    EXPECT_THAT(path_to(steps, 1, 0x100).places, ElementsAre(0, 8, 0x100));
    const auto longest = path_to(steps, 499, 499 * 0x100 + 4);
    EXPECT_LE(longest.places.size(), Path::longest);
    EXPECT_EQ(longest.places.size() + longest.left_out, 2U * 499 + 2);
    EXPECT_EQ(longest.places.front(), 0U);
    EXPECT_EQ(longest.places.back(), 499U * 0x100 + 4);
}

}  // namespace
}  // namespace gatecrash::check
