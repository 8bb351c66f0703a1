// Tests the framing of gdb's protocol, also with bytes that no gdb sends.
#include "debug/packet.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <vector>

namespace gatecrash::debug {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<Received> read(std::string_view bytes) {
    PacketReader reader;
    std::vector<Received> all;
    for (const char byte : bytes) {
        if (auto received = reader.feed(byte)) all.push_back(std::move(*received));
    }
    return all;
}

TEST(Packet, IsReadFromAStream) {
    EXPECT_THAT(read("+$g#67"), ElementsAre(Packet{"g"}));
    EXPECT_THAT(read("$#00"), ElementsAre(Packet{""}));
    EXPECT_THAT(read("$m0,4#fd\x03$?#3f-"), ElementsAre(Packet{"m0,4"}, Interrupt{}, Packet{"?"}, Again{}));
    EXPECT_THAT(read("noise"), IsEmpty());
    EXPECT_THAT(read("$g#6"), IsEmpty());
}

TEST(Packet, IsRefusedWithAWrongChecksum) {
    EXPECT_THAT(read("$g#68$g#67"), ElementsAre(BadPacket{}, Packet{"g"}));
    EXPECT_THAT(read("$g#xy"), ElementsAre(BadPacket{}));
}

TEST(Packet, HasALimit) {
    const std::string longest(max_packet, 'a');
    EXPECT_THAT(read(framed(longest)), ElementsAre(Packet{longest}));
    EXPECT_THAT(read(framed(longest + "a") + "$g#67"), ElementsAre(BadPacket{}, Packet{"g"}));
}

TEST(Packet, KeepsItsTextWhateverThatIs) {
    std::string text = "}{#$*";
    for (int byte = 0; byte < 256; ++byte) text += static_cast<char>(byte);
    EXPECT_THAT(read(framed(text)), ElementsAre(Packet{text}));
    EXPECT_EQ(framed("OK"), "$OK#9a");
    EXPECT_EQ(framed("}"), "$}]#da");
}

TEST(Hexadecimal, IsReadAndWritten) {
    EXPECT_EQ(to_hex(std::string_view("\x00\xff\x1f", 3)), "00ff1f");
    EXPECT_EQ(from_hex("00ff1F"), std::string("\x00\xff\x1f", 3));
    for (const auto* wrong : {"0", "0g", "0x", " 1", "-1"}) EXPECT_FALSE(from_hex(wrong)) << wrong;
    EXPECT_EQ(hex_number("ffffffffffffffff"), 0xffff'ffff'ffff'ffffU);
    for (const auto* wrong : {"", "g", "-1", "0x1", "1ffffffffffffffff", "1 "})
        EXPECT_FALSE(hex_number(wrong)) << wrong;
}

TEST(Pieces, EndAtASeparator) {
    std::string_view text = "1,2";
    EXPECT_EQ(take_until(text, ','), "1");
    EXPECT_EQ(take_until(text, ','), "2");
    EXPECT_EQ(take_until(text, ','), "");
}

}  // namespace
}  // namespace gatecrash::debug
