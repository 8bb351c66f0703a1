#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace gatecrash::bench {

/// One measured quantity: its distribution over `runs` measurements.
struct Figure {
    std::string name;
    std::string unit;  ///< "ns", "instructions", "cycles", "1/s" or "ratio"
    double median = 0, min = 0, p99 = 0;
    std::uint64_t runs = 0;
    bool valid = true;
    std::string note;  ///< what was measured, or why it is not valid
};

/// The distribution of `samples`, which must not be empty.
[[nodiscard]] Figure summarize(std::string name, std::string unit, std::vector<double> samples, std::string note);

}  // namespace gatecrash::bench
