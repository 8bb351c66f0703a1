#include "suite/case.hpp"

namespace gatecrash::cases {

using suite::Case;
using vm::Event;

extern const Case reference{
    .name = "reference",
    .asks = "Does one modern entry survive whatever comes, wherever it comes?",
    .variants =
        {
            {.name = "whole",
             .summary = "the entry of which the other cases' variants are defects, under the runtime's workload",
             .origin = "what Linux has come to since 2020, written from descriptions",
             .covers = {},
             .events = {Event::nmi(), Event::irq(), Event::db(), Event::mc()},
             .depth = 2,
             .expects = suite::holds(),
             .because = "nothing in it infers what it has not made sure of"},
        },
};

}  // namespace gatecrash::cases
