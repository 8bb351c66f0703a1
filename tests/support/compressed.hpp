// Compresses as the builds of kernels do.
#pragma once

#include <string>

namespace gatecrash {

std::string in_gzip(const std::string& text);
std::string in_xz(const std::string& text);
std::string in_zstd(const std::string& text);

}  // namespace gatecrash
