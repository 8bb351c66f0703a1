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
    .asks = "Does a double fault that switches tasks come to its end?",
    .variants = {
        {.name = "never-returns",
         .summary = "the task of #DF clears NT, and there is no way back",
         .origin = "kernels of 32 bits, since there is no IST",
         .covers = {"B15"},
         .events = {Event::nmi(), Event::mc()},
         .depth = 1,
         .expects = holds(),
         .because = "whatever interrupts it returns by an IRET that does not switch tasks",
         .window = in_the_task},
        {.name = "task-return",
         .summary = "the task of #DF mends the registers in the other task's TSS, and returns to it by IRET",
         .origin = "the same, where a double fault can be got over",
         .covers = {"B15"},
         .events = {Event::nmi(), Event::mc()},
         .depth = 1,
         .expects = holds(),
         .because = "NT is still set, and the TSS to return to is busy, as the task switch left it",
         .window = in_the_task},
        {.name = "tss-not-busy",
         .summary = "the same, and the GDT's descriptor of that TSS says that it is available",
         .origin = "comment on the double fault's shim in Linux' traps.c",
         .covers = {"B15"},
         .events = {Event::nmi()},
         .depth = 0,
         .expects = breaks_without_event(Invariant::fault_origin),
         .because =
             "a task return to a TSS that is not busy is #TS (SDM volume 3, table 7-1), a fault of the kernel's own"},
    }};

}  // namespace gatecrash::cases
