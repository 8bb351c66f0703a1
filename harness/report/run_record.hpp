// Reads from the JSON documents of sweeps what was executed of one piece of code.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>

#include "vm/code_set.hpp"

namespace gatecrash::report {

/// Thrown for a document that says nothing about the checked file. `what()` is one line, with the remedy.
class RunRecordError : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

/// The results of some documents.
struct RunRecord {
    std::uint64_t results = 0;  ///< how many are about the file
    vm::CodeSet executed;       ///< instructions of the checked sections
};

/// Adds the results of a document of `run`, `explore`, `linux`, `kernel` or `merge` that are about the code with that
/// identity (vm::ProtectedCode). Throws RunRecordError if it has none, or is no such document.
void add_results(RunRecord& record, const std::string& document, const std::string& identity);

}  // namespace gatecrash::report
