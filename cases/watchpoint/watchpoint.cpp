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
/// A kernel's stack is a page with a canary at each end; the SS of the first frame is its last word.
constexpr std::uint64_t last_word_of_frame = GATECRASH_STACK_SIZE - 2 * GATECRASH_CANARY_SIZE - sizeof(std::uint64_t);
/// A word of the user's that the kernel reads.
constexpr std::uint64_t user_word = last_word_of_frame - sizeof(std::uint64_t);
/// Where the way to INT 1 of the kernel can still be interrupted by who arms it.
const std::vector<std::string> before_int1{"kernel_int1", "raise_db"};
}  // namespace

extern const Case watchpoint{
    .name = "watchpoint",
    .asks = "Which bytes must nobody watch, since #DB's own entry uses them?",
    .variants =
        {
            {.name = "reference",
             .summary = "what #DB's entry, its delivery and every exit use is refused to who wants to watch it",
             .origin = "Linux since 2021",
             .covers = {"F13", "F14", "G7", "G11"},
             .events = {},
             .depth = 1,
             .expects = holds(),
             .because = "a #DB behind any other use finds its stack free, and turns breakpoints off",
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
             .summary = "the table in which each entry finds the per-CPU data may be watched",
             .origin = "Linux until 2021 (c4bed4b96918)",
             .covers = {"F13"},
             .events = {},
             .depth = 1,
             .expects = breaks(Invariant::progress, {{{watch, before_int1}}}),
             .because = "#DB's own entry reads it, and that is the next #DB, on the same stack",
             .needs = needed,
             .watched = {{"per_cpu_bases"}}},
            {.name = "descriptor",
             .summary = "the GDT may be watched",
             .origin = "Linux until 2020 (97417cb9ad4e)",
             .covers = {"F14"},
             .events = {},
             .depth = 1,
             .expects = breaks(Invariant::progress, {{{watch, before_int1}}}),
             .because = "LSL in #DB's own entry reads a descriptor",
             .needs = needed,
             .watched = {{"gdt", GATECRASH_CPU_NUMBER}}},
            {.name = "breakpoints-of-cpu",
             .summary = "the word that says whether there are breakpoints may be watched",
             .origin = "Linux until 2021 (3943abf2dbfa)",
             .covers = {"G11"},
             .events = {},
             .depth = 1,
             .expects = breaks(Invariant::progress, {{{watch, before_int1}}}),
             .because = "the body of #DB reads it before it turns them off",
             .needs = needed,
             .watched = {{"breakpoints_of_cpu"}}},
            {.name = "frame",
             .summary = "#DB's stack may be watched",
             .origin = "CVE-2015-8104",
             .covers = {"G7"},
             .events = {},
             .depth = 1,
             .expects = breaks(Invariant::progress, {{{watch, before_int1}}}),
             .because = "the delivery of a #DB writes there, and so is the next #DB's cause",
             .needs = needed,
             .watched = {{"db_stack", last_word_of_frame}}},
            {.name = "frame-of-exit",
             .summary = "the entry stack may be watched",
             .origin = "kernels that let anyone watch what lies in cpu_entry_area",
             .covers = {},
             .events = {},
             .depth = 1,
             .expects = breaks(Invariant::progress, {{{watch, {"user_int1"}}}}),
             .because =
                 "the IRET to the user reads its frame there, and #DB, which comes behind it, ends with that IRET",
             .needs = needed,
             .watched = {{"entry_stack", last_word_of_frame}}},
        },
};

}  // namespace gatecrash::cases
