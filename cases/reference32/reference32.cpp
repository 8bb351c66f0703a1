#include "suite/case.hpp"

namespace gatecrash::cases {

using suite::Case;
using suite::holds;
using vm::Event;

extern const Case reference32{
    .name = "reference32",
    .asks = "Does one modern 32-bit entry survive every event on every one of its instructions?",
    .variants = {
        {.name = "whole",
         .summary =
             "an entry with entry stack, two page-table roots, espfix, SYSENTER, and segments that cannot be loaded",
         .origin = "the techniques of Linux, written from descriptions",
         .covers = {},
         .events = {Event::nmi(), Event::irq(), Event::db(), Event::mc()},
         .depth = 1,
         .expects = holds(),
         .because = "each body runs on the task stack and the kernel's page tables, whatever it interrupted"}}};

}  // namespace gatecrash::cases
