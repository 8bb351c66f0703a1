#include "vm/code_set.hpp"

#include <algorithm>
#include <iterator>

namespace gatecrash::vm {

void CodeSet::add(Virtual begin, Virtual end) {
    if (begin >= end) return;
    auto at = ends_.upper_bound(begin);
    if (at != ends_.begin() && std::prev(at)->second >= begin) --at;
    while (at != ends_.end() && at->first <= end) {
        begin = std::min(begin, at->first);
        end = std::max(end, at->second);
        at = ends_.erase(at);
    }
    ends_.emplace(begin, end);
}

void CodeSet::include(const CodeSet& others) {
    for (const auto& [begin, end] : others.ends_) add(begin, end);
}

bool CodeSet::contains(Virtual where) const {
    const auto after = ends_.upper_bound(where);
    return after != ends_.begin() && where < std::prev(after)->second;
}

}  // namespace gatecrash::vm
