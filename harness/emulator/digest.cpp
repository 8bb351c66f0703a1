#include "gatecrash/emulator/digest.hpp"

#include <fmt/format.h>

#include <array>
#include <bit>
#include <cstring>

namespace gatecrash::emulator {

namespace {

// The round and the constants of XXH64: four independent lanes keep the multiplier busy.
constexpr std::uint64_t prime1 = 0x9e3779b185ebca87;
constexpr std::uint64_t prime2 = 0xc2b2ae3d27d4eb4f;
constexpr std::uint64_t prime3 = 0x165667b19e3779f9;

std::uint64_t round(std::uint64_t lane, std::uint64_t word) { return std::rotl(lane + word * prime2, 31) * prime1; }

std::uint64_t avalanche(std::uint64_t value) {
    value = (value ^ (value >> 33)) * prime2;
    value = (value ^ (value >> 29)) * prime3;
    return value ^ (value >> 32);
}

std::uint64_t word_at(std::string_view bytes, std::size_t position) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + position, std::min(sizeof(word), bytes.size() - position));
    return word;
}

}  // namespace

Digest& Digest::add(std::string_view part) {
    std::array<std::uint64_t, 4> lanes = {state_ + prime1, state_ ^ prime2, state_, state_ - prime3};
    std::size_t position = 0;
    for (; part.size() - position >= 32; position += 32) {
        for (std::size_t lane = 0; lane < 4; ++lane) {
            lanes[lane] = round(lanes[lane], word_at(part, position + 8 * lane));
        }
    }
    for (; position < part.size(); position += 8) lanes[0] = round(lanes[0], word_at(part, position));
    std::uint64_t mixed = part.size();
    for (const auto lane : lanes) mixed = avalanche(round(mixed, lane));
    state_ = round(state_, mixed);
    return *this;
}

std::uint64_t Digest::value() const { return avalanche(state_); }

std::string Digest::text() const { return fmt::format("{:016x}", value()); }

}  // namespace gatecrash::emulator
