#include "suite/case.hpp"

namespace gatecrash::cases {

using suite::breaks_without_event;
using suite::Case;
using suite::holds;
using sweep::Invariant;
using vm::Event;

namespace {
const std::vector<sweep::SymbolRange> in_the_task{{"df_task", "df_task_end"}};
}

extern const Case task_gate{
    .name = "task-gate",
    .asks = "Does a double fault that switches tasks end as intended?",
    .variants = {
        {.name = "never-returns",
         .summary = "the task of #DF clears NT, and never returns",
         .origin = "32-bit kernels, which have no IST",
         .covers = {"B15"},
         .events = {Event::nmi(), Event::mc()},
         .depth = 1,
         .expects = holds(),
         .because = "every handler that interrupts the task returns by an IRET that does not switch tasks",
         .window = in_the_task},
        {.name = "task-return",
         .summary = "the task of #DF repairs the registers in the other task's TSS, and returns to it by IRET",
         .origin = "32-bit kernels that can recover from a double fault",
         .covers = {"B15"},
         .events = {Event::nmi(), Event::mc()},
         .depth = 1,
         .expects = holds(),
         .because = "NT is still set, and the TSS to return to is busy, as the task switch left it",
         .window = in_the_task},
        {.name = "tss-not-busy",
         .summary = "task-return, but the GDT marks the TSS of the other task as available",
         .origin = "a comment on the double-fault shim in Linux's traps.c",
         .covers = {"B15"},
         .events = {Event::nmi()},
         .depth = 0,
         .expects = breaks_without_event(Invariant::fault_origin),
         .because = "a task return to a TSS that is not busy raises #TS (SDM volume 3, table 7-1), a fault of the "
                    "kernel itself"},
    }};

}  // namespace gatecrash::cases
