// The packets of gdb's remote serial protocol: framing, checksums and numbers (gdb's manual, appendix E).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

namespace gatecrash::debug {

/// Characters of the longest packet that a PacketReader accepts, without its frame.
inline constexpr std::size_t max_packet = 1U << 14;

/// The text of a packet whose checksum is right.
struct Packet {
    std::string text;
    bool operator==(const Packet&) const = default;
};
/// Ctrl-C in gdb: stop the guest.
struct Interrupt {
    bool operator==(const Interrupt&) const = default;
};
/// A packet came with a wrong checksum, or was longer than max_packet.
struct BadPacket {
    bool operator==(const BadPacket&) const = default;
};
/// gdb did not get the last packet, and asks for it again.
struct Again {
    bool operator==(const Again&) const = default;
};
using Received = std::variant<Packet, Interrupt, BadPacket, Again>;

/// Takes packets out of a byte stream that comes in pieces of any size. Ignores all other bytes, acknowledgements among
/// them. Keeps at most max_packet bytes.
class PacketReader {
  public:
    /// Reads one byte. Returns what that byte completes.
    [[nodiscard]] std::optional<Received> feed(char byte);

  private:
    enum class State : std::uint8_t { outside, inside, first_digit, second_digit };

    [[nodiscard]] Received finish();

    State state_ = State::outside;
    std::string text_;
    bool is_too_long_ = false;
    bool is_escaped_ = false;
    std::uint8_t sum_ = 0;
    char digit_ = 0;  ///< the first one of the checksum
    char last_ = 0;   ///< the second one
};

/// Returns `text` in a frame, with those characters escaped that have a meaning of their own.
[[nodiscard]] std::string framed(std::string_view text);

[[nodiscard]] std::string to_hex(std::span<const std::byte> bytes);
[[nodiscard]] inline std::string to_hex(std::string_view text) { return to_hex(std::as_bytes(std::span(text))); }
/// Returns the bytes that hexadecimal digits stand for. Empty if `digits` are not pairs of such digits.
[[nodiscard]] std::optional<std::string> from_hex(std::string_view digits);
/// Reads a hexadecimal number without 0x, of at most 64 bits. Empty if `digits` are anything else.
[[nodiscard]] std::optional<std::uint64_t> hex_number(std::string_view digits);

/// Cuts off what comes before the first `separator`, and returns it. Without one, returns everything.
std::string_view take_until(std::string_view& text, char separator);

}  // namespace gatecrash::debug
