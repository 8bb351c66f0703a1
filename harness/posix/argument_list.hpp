#pragma once

#include <string>
#include <vector>

namespace gatecrash::posix {

/// Makes the array that execve(2) takes: pointers into `texts`, which must outlive them, then a null pointer.
[[nodiscard]] inline std::vector<char*> pointers(std::vector<std::string>& texts) {
    std::vector<char*> result;
    result.reserve(texts.size() + 1);
    for (auto& text : texts) result.push_back(text.data());
    result.push_back(nullptr);
    return result;
}

}  // namespace gatecrash::posix
