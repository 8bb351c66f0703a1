// What is expected of a guest file, in a text file beside it:
//
//     # events  depth  expectation
//     nmi       depth 2  holds
//     nmi,irq   depth 1  breaks I2 at nmi:entry_syscall|entry_irq irq:*
//
// A line is one sweep: its events as in --events, its depth, if need be `window` and what --window takes, and `holds`,
// or the invariant that breaks and the places where. A PLACE is EVENT:SYMBOL[|SYMBOL...], of each event of the
// schedule, with commas between: the event lands on the code of one of the symbols, and `*` is any code. The last event
// has to break something on each of its symbols, and nothing may break in any other place. `breaks I4 at nothing`
// breaks without any event.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

#include "suite/case.hpp"

namespace gatecrash::suite {

/// An expectation that cannot be read. `what()` names the file and the line, and shows the right form.
class ExpectationError : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

/// Returns the name of the file that has the expectations of `guest`.
[[nodiscard]] std::string expectation_file_of(const std::string& guest);

/// Reads `text`, what is expected of the file `guest`: a case with its name, and a variant for each line. If there is
/// only one, it has no name. Throws ExpectationError, and what `address_of` throws.
[[nodiscard]] Case parse_expectations(std::string_view text, const std::string& guest,
                                      const sweep::AddressOf& address_of);

}  // namespace gatecrash::suite
