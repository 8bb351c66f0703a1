// What execve(2) takes.
#pragma once

#include <string>
#include <vector>

namespace gatecrash::machines {

/// Pointers into `texts`, with the null at the end.
inline std::vector<char*> pointers(std::vector<std::string>& texts) {
    std::vector<char*> result;
    result.reserve(texts.size() + 1);
    for (auto& text : texts) result.push_back(text.data());
    result.push_back(nullptr);
    return result;
}

}  // namespace gatecrash::machines
