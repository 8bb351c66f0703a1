#include "suite/case.hpp"

namespace gatecrash::cases {

using suite::Case;
using vm::Event;

extern const Case reference{
    .name = "reference",
    .asks = "Does one modern entry survive every event at every boundary?",
    .variants =
        {
            {.name = "whole",
             .summary =
                 "the entry without any defect, under the runtime's workload; other cases add their defects to it",
             .origin = "the techniques of Linux since 2020, written from descriptions",
             .covers = {},
             .events = {Event::nmi(), Event::irq(), Event::db(), Event::mc()},
             .depth = 2,
             .expects = suite::holds(),
             .because = "no step relies on anything that the entry has not made sure of"},
        },
};

}  // namespace gatecrash::cases
