#include "report/bench_table.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>

namespace gatecrash::report {
namespace {

template <typename Items>
std::size_t name_width(const Items& items) {
    std::size_t width = 0;
    for (const auto& item : items) width = std::max(width, item.name.size());
    return width;
}

/// Ratios, cycles and seconds need decimals; nobody needs those of a nanosecond.
int decimals_of(const std::string& unit) { return unit == "ratio" ? 2 : unit == "cycles" || unit == "s" ? 1 : 0; }

bool is_count(const bench::Figure& figure) { return figure.unit == "instructions"; }

/// Shows counts without spread: a count is one number, not a distribution.
std::string count_table(std::span<const bench::Figure> figures) {
    std::map<std::string, double> bare;
    for (const auto& figure : figures) {
        if (figure.name.find('+') == std::string::npos) bare.emplace(figure.name, figure.median);
    }
    const auto width = name_width(figures);
    std::string text;
    for (const auto& figure : figures) {
        if (!is_count(figure)) continue;
        if (text.empty()) text = fmt::format("{:<{}} {:>12} {:>6}\n", "", width, figure.unit, "more");
        const auto path = bare.find(figure.name.substr(0, figure.name.find('+')));
        const bool is_more = path != bare.end() && path->first != figure.name;
        const auto more = is_more ? fmt::format("{:+.0f}", figure.median - path->second) : "";
        text += fmt::format("{:<{}} {:>12.0f} {:>6}  {}\n", figure.name, width, figure.median, more, figure.note);
    }
    return text;
}

std::string distribution_table(std::span<const bench::Figure> figures) {
    const auto width = name_width(figures);
    std::string text;
    for (const auto& figure : figures) {
        if (is_count(figure)) continue;
        if (text.empty()) {
            text = fmt::format("{:<{}} {:>13} {:>13} {:>13} {:>24}  {:<12} {:>6}\n", "", width, "median", "min", "99 %",
                               "95 % of medians", "unit", "runs");
        }
        const int decimals = decimals_of(figure.unit);
        const auto interval =
            fmt::format("{:.{}f} to {:.{}f}", figure.interval.low, decimals, figure.interval.high, decimals);
        text += fmt::format("{:<{}} {:>13.{}f} {:>13.{}f} {:>13.{}f} {:>24}  {:<12} {:>6}  {}{}\n", figure.name, width,
                            figure.median, decimals, figure.min, decimals, figure.p99, decimals, interval, figure.unit,
                            figure.runs, figure.valid ? "" : "not valid: ", figure.note);
    }
    return text;
}

std::string skipped_lines(std::span<const bench::Measured::Skipped> skipped) {
    std::map<std::string, std::vector<std::string>> by_reason;
    for (const auto& [name, reason] : skipped) by_reason[reason].push_back(name);
    std::string text;
    for (const auto& [reason, names] : by_reason) {
        text += fmt::format("skipped: {}: {}\n", reason, fmt::join(names, ", "));
    }
    return text;
}

}  // namespace

std::string bench_table(const bench::Measured& measured) {
    const auto counts = count_table(measured.figures), distributions = distribution_table(measured.figures);
    const auto skipped = skipped_lines(measured.skipped);
    std::string warnings, text;
    for (const auto& each : measured.warnings) warnings += fmt::format("warning: {}\n", each);
    for (const auto& part : {counts, distributions, skipped, warnings}) {
        if (!text.empty() && !part.empty()) text += "\n";
        text += part;
    }
    return text;
}

std::string change_table(const bench::Comparison& comparison, double threshold) {
    const auto width = name_width(comparison.changes);
    auto text =
        fmt::format("{:<{}} {:>12} {:>12} {:>7} {:>16}  {}\n", "", width, "then", "now", "ratio", "95 %", "unit");
    for (const auto& change : comparison.changes) {
        const int decimals = decimals_of(change.unit);
        const auto interval = fmt::format("{:.3f} to {:.3f}", change.interval.low, change.interval.high);
        const auto mark = change.worse ? fmt::format("  over the threshold of {:.3f}", 1 + threshold) : "";
        text += fmt::format("{:<{}} {:>12.{}f} {:>12.{}f} {:>7.3f} {:>16}  {}{}\n", change.name, width, change.then,
                            decimals, change.now, decimals, change.ratio, interval, change.unit, mark);
    }
    if (!comparison.left_out.empty()) {
        text += fmt::format("not compared, because one of the two figures is missing or not valid: {}\n",
                            fmt::join(comparison.left_out, ", "));
    }
    return text;
}

std::string plot_script(std::span<const bench::Figure> figures, const std::string& file) {
    const bool has_cycles =
        std::ranges::any_of(figures, [](const auto& figure) { return figure.unit == "cycles" && figure.valid; });
    const auto first = std::ranges::find(figures, true, &bench::Figure::valid);
    const std::string unit = has_cycles ? "cycles" : first->unit;
    std::string data;
    std::size_t bars = 0;
    for (const auto& figure : figures) {
        if (figure.unit != unit || !figure.valid) continue;
        data += fmt::format("{} {} {} {}\n", figure.name, figure.median, figure.interval.low, figure.interval.high);
        ++bars;
    }
    constexpr std::size_t bar_height = 18, frame_height = 100;
    return fmt::format(R"(set terminal svg size 1000,{} font "sans,11" background "white" noenhanced
set output "{}"
$figures << EOD
{}EOD
set xlabel "{}"
set yrange [{}.5:-0.5]
set xrange [0:*]
set grid xtics
set tics out nomirror
set border 3
unset key
set style fill solid 0.6 noborder
plot $figures using ($2/2):0:($2/2):(0.38):yticlabels(1) with boxxyerror linecolor "#3b6ea5", \
     $figures using 2:0:3:4 with xerrorbars pointtype 0 linecolor "black"
)",
                       frame_height + bar_height * bars, file, data, unit, bars - 1);
}

}  // namespace gatecrash::report
