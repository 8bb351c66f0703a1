#include "bench/validity.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace gatecrash::bench {
namespace {

constexpr const char* hidden_exits = "another hypervisor can take exits that KVM does not count";

}  // namespace

double Exits::per_pass() const {
    if (passes == 0) return 0;
    const auto of_path = static_cast<double>(taken) - static_cast<double>(taken_without);
    return std::max(of_path, 0.0) / static_cast<double>(passes);
}

std::vector<std::string> doubts(const Figure& figure, const CycleHost& host, const Exits& exits) {
    // Lies midway between a path that exits once a pass and one that never exits.
    constexpr double leaves = 0.5;
    std::vector<std::string> found;
    if (!host.has_one_rate) found.emplace_back("the time-stamp counter does not run at one rate");
    if (host.is_below_hypervisor) found.emplace_back(hidden_exits);
    if (exits.per_pass() >= leaves)
        found.push_back(fmt::format("the guest exited {:.1f} times per pass", exits.per_pass()));
    if (!is_narrow(figure)) found.emplace_back("the spread is too wide to know the median to 5 %");
    return found;
}

void mark_below_hypervisor(std::vector<Figure>& figures) {
    for (auto& figure : figures) {
        if (figure.unit == "exits") {
            figure.valid = false;
            figure.note = hidden_exits;
        } else {
            figure.note += "; includes the work of the other hypervisor";
        }
    }
}

}  // namespace gatecrash::bench
