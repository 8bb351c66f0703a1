#include "gatecrash/bench/figure.hpp"

#include <algorithm>
#include <cmath>

namespace gatecrash::bench {

Figure summarize(std::string name, std::string unit, std::vector<double> samples, std::string note) {
    std::sort(samples.begin(), samples.end());
    const auto rank = [&](double part) {
        return samples.at(static_cast<std::size_t>(std::floor(part * static_cast<double>(samples.size() - 1))));
    };
    return {std::move(name), std::move(unit), rank(0.5), samples.front(),
            rank(0.99),      samples.size(),  true,      std::move(note)};
}

}  // namespace gatecrash::bench
