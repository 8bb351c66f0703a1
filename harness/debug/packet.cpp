#include "debug/packet.hpp"

#include <fmt/format.h>

#include <charconv>

namespace gatecrash::debug {
namespace {

constexpr char escape = '}', interrupt = 3;
constexpr unsigned char escape_mask = 0x20;

char flipped(char byte) { return static_cast<char>(static_cast<unsigned char>(byte) ^ escape_mask); }

}  // namespace

std::optional<Received> PacketReader::feed(char byte) {
    switch (state_) {
        case State::outside:
            if (byte == interrupt) return Interrupt{};
            if (byte == '-') return Again{};
            if (byte != '$') return std::nullopt;
            text_.clear();
            is_too_long_ = is_escaped_ = false;
            sum_ = 0;
            state_ = State::inside;
            return std::nullopt;
        case State::inside:
            if (byte == '#') {
                state_ = State::first_digit;
                return std::nullopt;
            }
            sum_ = static_cast<std::uint8_t>(sum_ + static_cast<unsigned char>(byte));
            if (!is_escaped_ && byte == escape) {
                is_escaped_ = true;
                return std::nullopt;
            }
            is_too_long_ = is_too_long_ || text_.size() == max_packet;
            if (!is_too_long_) text_ += is_escaped_ ? flipped(byte) : byte;
            is_escaped_ = false;
            return std::nullopt;
        case State::first_digit:
            digit_ = byte;
            state_ = State::second_digit;
            return std::nullopt;
        case State::second_digit:
            last_ = byte;
            state_ = State::outside;
            return finish();
    }
    return std::nullopt;
}

Received PacketReader::finish() {
    const char digits[] = {digit_, last_};
    if (is_too_long_ || hex_number({digits, 2}) != sum_) return BadPacket{};
    return Packet{text_};
}

std::string framed(std::string_view text) {
    std::string frame = "$";
    for (const char byte : text) {
        const bool is_special = byte == '$' || byte == '#' || byte == '*' || byte == escape;
        if (is_special) frame += escape;
        frame += is_special ? flipped(byte) : byte;
    }
    std::uint8_t sum = 0;
    for (const char byte : std::string_view(frame).substr(1))
        sum = static_cast<std::uint8_t>(sum + static_cast<unsigned char>(byte));
    return fmt::format("{}#{:02x}", frame, sum);
}

std::string to_hex(std::span<const std::byte> bytes) {
    std::string digits;
    digits.reserve(2 * bytes.size());
    for (const auto byte : bytes) fmt::format_to(std::back_inserter(digits), "{:02x}", std::to_integer<unsigned>(byte));
    return digits;
}

std::optional<std::string> from_hex(std::string_view digits) {
    if (digits.size() % 2 != 0) return std::nullopt;
    std::string bytes;
    bytes.reserve(digits.size() / 2);
    for (; !digits.empty(); digits.remove_prefix(2)) {
        const auto value = hex_number(digits.substr(0, 2));
        if (!value) return std::nullopt;
        bytes += static_cast<char>(*value);
    }
    return bytes;
}

std::optional<std::uint64_t> hex_number(std::string_view digits) {
    std::uint64_t value = 0;
    const auto *const begin = digits.data(), *const end = begin + digits.size();
    const auto [stop, error] = std::from_chars(begin, end, value, 16);
    if (digits.empty() || error != std::errc{} || stop != end) return std::nullopt;
    return value;
}

std::string_view take_until(std::string_view& text, char separator) {
    const auto at = text.find(separator);
    const auto before = text.substr(0, at);
    text.remove_prefix(at == std::string_view::npos ? text.size() : at + 1);
    return before;
}

}  // namespace gatecrash::debug
