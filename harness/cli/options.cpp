#include "cli/options.hpp"

#include <algorithm>

#include "cli/option_groups.hpp"

namespace gatecrash::cli {

std::string name_of(MachineName machine) { return std::string(machine.word()); }

std::vector<Destination> destinations_of(const CommonOptions& common, const ReportOptions& reports) {
    std::vector<Destination> destinations;
    if (reports.ktap) destinations.push_back({"--ktap", "-"});
    if (common.json) destinations.push_back({"--json", *common.json});
    if (reports.junit) destinations.push_back({"--junit", *reports.junit});
    if (reports.html) destinations.push_back({"--html", *reports.html});
    return destinations;
}

bool takes_standard_output(const std::vector<Destination>& destinations) {
    return std::ranges::find(destinations, "-", &Destination::path) != destinations.end();
}

}  // namespace gatecrash::cli
