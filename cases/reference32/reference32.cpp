#include "suite/case.hpp"

namespace gatecrash::cases {

using suite::Case;
using suite::holds;
using vm::Event;

extern const Case reference32{
    .name = "reference32",
    .asks = "Does one modern 32-bit entry hold, whatever lands on whichever of its instructions?",
    .variants = {{.name = "whole",
                  .summary = "entry stack, two page-table roots, espfix, SYSENTER, segments that cannot be loaded",
                  .origin = "the techniques that Linux came to, in code of its own",
                  .covers = {},
                  .events = {Event::nmi(), Event::irq(), Event::db(), Event::mc()},
                  .depth = 1,
                  .expects = holds(),
                  .because = "a body runs on the task stack and the kernel's page tables, whatever was interrupted"}}};

}  // namespace gatecrash::cases
