// Reads what a guest file is expected to do, from a text file beside it:
//
//     # events  depth  expectation
//     nmi       depth 2  holds
//     nmi,irq   depth 1  breaks I2 at nmi:entry_syscall|entry_irq irq:*
//
// Each line is one sweep. It has the events as in --events, the depth, optionally `window` with a value of --window,
// and the expectation. The expectation is `holds`, or `breaks` with an invariant and the places where it breaks. A
// PLACE has EVENT:SYMBOL[|SYMBOL...] for each event of the schedule, separated by commas. The event lands on the code
// of one of the symbols; `*` is any code. The last event must break something on each of its symbols, and nothing may
// break anywhere else. `breaks I4 at nothing` breaks without any event.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

#include "suite/case.hpp"

namespace gatecrash::suite {

/// Thrown for an expectation that cannot be read. `what()` names the file and the line, and shows the right form.
class ExpectationError : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

/// Returns the name of the file with the expectations for `guest`.
[[nodiscard]] std::string expectation_file_of(const std::string& guest);

/// Reads `text`, the expectations for the file `guest`. Returns a case of that name, with a variant for each line; a
/// single variant has no name. Throws ExpectationError, and whatever `address_of` throws.
[[nodiscard]] Case parse_expectations(std::string_view text, const std::string& guest,
                                      const sweep::AddressOf& address_of);

}  // namespace gatecrash::suite
