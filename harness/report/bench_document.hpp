// Writes and reads the JSON document of `bench`.
#pragma once

#include <optional>
#include <stdexcept>
#include <string>

#include "bench/entry_bench.hpp"
#include "report/expected_cost.hpp"
#include "report/host_facts.hpp"
#include "report/machine_description.hpp"

namespace gatecrash::report {

struct BenchDocument {
    std::string version;
    MachineDescription machine;
    bench::Measured measured;
    std::optional<ExpectedCost> expected = {};  ///< only of `bench harness` on a host; it is not read back
    std::optional<HostFacts> host{};            ///< only of a machine that is not emulated
};

/// Thrown for a text that is not a document of `bench`. `what()` is one line.
class BenchDocumentError : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

[[nodiscard]] std::string to_text(const BenchDocument& document);
/// Reads a document of `bench`, without its `host`. Throws BenchDocumentError.
[[nodiscard]] BenchDocument read_bench_document(const std::string& text);

}  // namespace gatecrash::report
