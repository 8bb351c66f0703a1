#include "machines/digest.hpp"

#include <fmt/format.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace gatecrash::machines {

Digest& Digest::add(std::string_view part) {
    value_ = XXH3_64bits_withSeed(part.data(), part.size(), value_);
    return *this;
}

std::string Digest::text() const { return fmt::format("{:016x}", value_); }

}  // namespace gatecrash::machines
