#include "bench/figure.hpp"

#include <algorithm>
#include <cmath>
#include <random>
#include <span>

namespace gatecrash::bench {
namespace {

/// Returns the least of the sorted samples such that a fraction `part` of them is not above it (nearest rank).
double quantile(std::span<const double> sorted, double part) {
    const auto rank = std::ceil(part * static_cast<double>(sorted.size()));
    return sorted[static_cast<std::size_t>(std::max(rank, 1.0)) - 1];
}

/// Returns the confidence interval of the median of `samples`.
Interval bootstrap_interval(std::span<const double> samples) {
    constexpr std::size_t resamples = 1000;
    std::mt19937_64 random;  // its default seed is fixed
    std::vector<double> medians(resamples), drawn(samples.size());
    for (auto& median : medians) {
        // Does not use std::uniform_int_distribution, whose results differ between libraries. The bias is below 2^-50.
        for (auto& each : drawn) each = samples[random() % samples.size()];
        median = median_of(drawn);
    }
    std::ranges::sort(medians);
    return {quantile(medians, 0.025), quantile(medians, 0.975)};
}

}  // namespace

double median_of(std::vector<double> samples) {
    std::ranges::sort(samples);
    return quantile(samples, 0.5);
}

Figure summarize_rounds(std::string name, std::string unit, const std::vector<std::vector<double>>& rounds,
                        std::string note) {
    std::vector<double> all, medians;
    for (const auto& round : rounds) {
        all.insert(all.end(), round.begin(), round.end());
        medians.push_back(median_of(round));
    }
    std::ranges::sort(all);
    return {.name = std::move(name),
            .unit = std::move(unit),
            .median = quantile(all, 0.5),
            .min = all.front(),
            .p99 = quantile(all, 0.99),
            .interval = bootstrap_interval(medians),
            .runs = all.size(),
            .valid = true,
            .note = std::move(note)};
}

Figure summarize(std::string name, std::string unit, const std::vector<double>& samples, std::string note) {
    const auto count = std::min(usual_rounds, samples.size());
    std::vector<std::vector<double>> rounds(count);
    for (std::size_t i = 0; i < samples.size(); ++i) rounds[i * count / samples.size()].push_back(samples[i]);
    return summarize_rounds(std::move(name), std::move(unit), rounds, std::move(note));
}

bool is_narrow(const Figure& figure) {
    constexpr double widest = 0.05;
    return figure.interval.high - figure.interval.low <= widest * std::abs(figure.median);
}

Figure ratio(std::string name, const Figure& of, const Figure& to, std::string note) {
    const auto value = of.median / to.median;
    return {.name = std::move(name),
            .unit = "ratio",
            .median = value,
            .min = value,
            .p99 = value,
            .interval = {of.interval.low / to.interval.high, of.interval.high / to.interval.low},
            .runs = of.runs,
            .valid = true,
            .note = std::move(note)};
}

}  // namespace gatecrash::bench
