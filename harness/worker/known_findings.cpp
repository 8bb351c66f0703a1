#include "worker/known_findings.hpp"

#include <algorithm>
#include <iterator>

namespace gatecrash::worker {
namespace {

unsigned length_of(const sweep::Finding& finding) { return static_cast<unsigned>(finding.schedule.landings.size()); }

}  // namespace

bool KnownFindings::add(const sweep::Finding& finding) {
    const bool is_new = std::ranges::none_of(findings_, [&](const sweep::Finding& other) {
        return length_of(other) < length_of(finding) || sweep::are_alike(other, finding);
    });
    findings_.push_back(finding);
    return is_new;
}

std::optional<unsigned> KnownFindings::shortest() const {
    const auto found = std::ranges::min_element(findings_, {}, length_of);
    return found == findings_.end() ? std::nullopt : std::optional(length_of(*found));
}

std::optional<std::uint64_t> KnownFindings::last_block(unsigned length, std::uint64_t max_findings) const {
    std::vector<sweep::Finding> findings;
    std::ranges::copy_if(findings_, std::back_inserter(findings),
                         [&](const sweep::Finding& finding) { return length_of(finding) == length; });
    return sweep::last_block(findings, max_findings);
}

}  // namespace gatecrash::worker
