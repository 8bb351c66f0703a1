#include "suite/case.hpp"

namespace gatecrash::cases {

using suite::breaks;
using suite::Case;
using suite::holds;
using sweep::Invariant;
using vm::Behaviour;

namespace {
constexpr auto watch = vm::Event::Kind::watch;

const std::vector<Behaviour> needed{Behaviour::breakpoint_from_outside, Behaviour::lsl};
const std::vector<Behaviour> needed_for_frames{Behaviour::breakpoint_from_outside, Behaviour::lsl,
                                               Behaviour::nested_data_breakpoint};
/// Offset of the last word in a kernel stack, which is a page with a canary at each end: the SS of the first frame.
constexpr std::uint64_t last_word_of_frame = GATECRASH_STACK_SIZE - 2 * GATECRASH_CANARY_SIZE - sizeof(std::uint64_t);
/// Offset of the word on the user's stack that the kernel reads.
constexpr std::uint64_t user_word = last_word_of_frame - sizeof(std::uint64_t);
/// Symbols before the kernel's INT 1 with interrupts on, where another CPU can still have the watchpoint armed.
const std::vector<std::string> before_int1{"kernel_int1", "raise_db"};
}  // namespace

extern const Case watchpoint{
    .name = "watchpoint",
    .asks = "Which bytes must the kernel protect from watchpoints, since the entry of #DB itself uses them?",
    .variants =
        {
            {.name = "reference",
             .summary =
                 "the kernel refuses watchpoints on data that the entry of #DB, its delivery, and every exit use",
             .origin = "Linux since 2021",
             .covers = {"F13", "F14", "G7", "G11"},
             .events = {},
             .depth = 1,
             .expects = holds(),
             .because = "a #DB after any other access finds its stack free, and turns breakpoints off",
             .needs = needed,
             .watched = {{"user_stack", user_word},
                         {"per_cpu"},
                         {"per_cpu", sizeof(std::uint64_t)},
                         {"exit_work"},
                         {"task_stack", last_word_of_frame},
                         {"nmi_stack", last_word_of_frame},
                         {"per_cpu_bases"},
                         {"gdt", GATECRASH_CPU_NUMBER},
                         {"breakpoints_of_cpu"},
                         {"db_stack", last_word_of_frame},
                         {"entry_stack", last_word_of_frame}}},
            {.name = "per-cpu-base",
             .summary = "the kernel accepts watchpoints on the table in which each entry finds the per-CPU data",
             .origin = "Linux until 2021 (c4bed4b96918)",
             .covers = {"F13"},
             .events = {},
             .depth = 1,
             .expects = breaks(Invariant::progress, {{{watch, before_int1}}}),
             .because = "the entry of #DB reads the table, which triggers the next #DB on the same stack",
             .needs = needed,
             .watched = {{"per_cpu_bases"}}},
            {.name = "descriptor",
             .summary = "the kernel accepts watchpoints on the GDT",
             .origin = "Linux until 2020 (97417cb9ad4e)",
             .covers = {"F14"},
             .events = {},
             .depth = 1,
             .expects = breaks(Invariant::progress, {{{watch, before_int1}}}),
             .because = "LSL in the entry of #DB reads a descriptor, which triggers the next #DB",
             .needs = needed,
             .watched = {{"gdt", GATECRASH_CPU_NUMBER}}},
            {.name = "breakpoints-of-cpu",
             .summary = "the kernel accepts watchpoints on the word that says whether there are breakpoints",
             .origin = "Linux until 2021 (3943abf2dbfa)",
             .covers = {"G11"},
             .events = {},
             .depth = 1,
             .expects = breaks(Invariant::progress, {{{watch, before_int1}}}),
             .because = "the body of #DB reads the word before it turns breakpoints off",
             .needs = needed,
             .watched = {{"breakpoints_of_cpu"}}},
            {.name = "frame",
             .summary = "the kernel accepts watchpoints on the stack of #DB",
             .origin = "CVE-2015-8104",
             .covers = {"G7"},
             .events = {},
             .depth = 1,
             .expects = breaks(Invariant::progress, {{{watch, before_int1}}}),
             .because = "the delivery of a #DB writes to that stack, which triggers the next #DB",
             .needs = needed_for_frames,
             .watched = {{"db_stack", last_word_of_frame}}},
            {.name = "frame-of-exit",
             .summary = "the kernel accepts watchpoints on the entry stack",
             .origin = "kernels that accept watchpoints on cpu_entry_area",
             .covers = {},
             .events = {},
             .depth = 1,
             .expects = breaks(Invariant::progress, {{{watch, {"user_int1"}}}}),
             .because = "the IRET to user code reads its frame there, so a #DB follows it, and that #DB returns by the "
                        "same IRET",
             .needs = needed_for_frames,
             .watched = {{"entry_stack", last_word_of_frame}}},
        },
};

}  // namespace gatecrash::cases
