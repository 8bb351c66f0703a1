#include "gatecrash/bench/figure.hpp"

#include <algorithm>
#include <cmath>
#include <random>

namespace gatecrash::bench {
namespace {

/// What `part` of the samples are not above. Of sorted ones.
double quantile(std::span<const double> sorted, double part) {
    return sorted[static_cast<std::size_t>(std::floor(part * static_cast<double>(sorted.size() - 1)))];
}

double median_of(std::vector<double>& samples) {
    const auto middle = samples.begin() + static_cast<std::ptrdiff_t>((samples.size() - 1) / 2);
    std::ranges::nth_element(samples, middle);
    return *middle;
}

/// The median of as many as `samples` are, drawn from them. 0 of none.
double median_drawn(std::span<const double> samples, std::mt19937_64& random, std::vector<double>& drawn) {
    if (samples.empty()) return 0;
    drawn.resize(samples.size());
    // Not std::uniform_int_distribution, of which libraries differ. The bias is of the order of 2^-50.
    for (auto& each : drawn) each = samples[random() % samples.size()];
    return median_of(drawn);
}

}  // namespace

Figure summarize(std::string name, std::string unit, std::vector<double> samples, std::string note) {
    return summarize_beyond(std::move(name), std::move(unit), std::move(samples), {}, std::move(note));
}

Figure summarize_beyond(std::string name, std::string unit, std::vector<double> samples, std::vector<double> overhead,
                        std::string note) {
    const auto interval = bootstrap_interval(samples, overhead);
    std::ranges::sort(samples);
    std::ranges::sort(overhead);
    const double less = overhead.empty() ? 0 : quantile(overhead, 0.5);
    return {.name = std::move(name),
            .unit = std::move(unit),
            .median = quantile(samples, 0.5) - less,
            .min = samples.front() - less,
            .p99 = quantile(samples, 0.99) - less,
            .interval = interval,
            .runs = samples.size(),
            .valid = true,
            .note = std::move(note)};
}

Interval bootstrap_interval(std::span<const double> samples, std::span<const double> overhead) {
    constexpr std::size_t resamples = 1000;
    std::mt19937_64 random;  // its default seed is fixed
    std::vector<double> medians(resamples), drawn;
    for (auto& each : medians) {
        each = median_drawn(samples, random, drawn);
        each -= median_drawn(overhead, random, drawn);
    }
    std::ranges::sort(medians);
    return {quantile(medians, 0.025), quantile(medians, 0.975)};
}

bool is_narrow(const Figure& figure) {
    constexpr double widest = 0.05;
    return figure.interval.high - figure.interval.low <= widest * std::abs(figure.median);
}

}  // namespace gatecrash::bench
