#include "machines/protocol.hpp"

#include <gtest/gtest.h>

namespace gatecrash::machines {
namespace {

std::string two_frames() {
    std::string stream;
    append_frame(stream, Message::output, std::string("\1text\0more", 10));
    append_frame(stream, Message::pong);
    return stream;
}

TEST(Protocol, FramesSurviveAnyDivisionOfTheStream) {
    const auto stream = two_frames();
    for (std::size_t piece = 1; piece <= stream.size(); ++piece) {
        FrameReader reader;
        std::vector<Frame> frames;
        for (std::size_t at = 0; at < stream.size(); at += piece) {
            reader.feed(std::string_view(stream).substr(at, piece));
            while (auto frame = reader.next()) frames.push_back(*frame);
        }
        ASSERT_EQ(frames.size(), 2U);
        EXPECT_EQ(frames[0], (Frame{Message::output, std::string("\1text\0more", 10)}));
        EXPECT_EQ(frames[1], (Frame{Message::pong, ""}));
        EXPECT_FALSE(reader.in_frame());
    }
}

TEST(Protocol, ATruncatedStreamGivesNoFrame) {
    std::string frame;
    append_frame(frame, Message::ready, "6.1");
    for (std::size_t size = 1; size < frame.size(); ++size) {
        FrameReader reader;
        reader.feed(std::string_view(frame).substr(0, size));
        EXPECT_FALSE(reader.next());
        EXPECT_TRUE(reader.in_frame());
    }
}

TEST(Protocol, AnImpossibleLengthIsAnError) {
    FrameReader reader;
    reader.feed("\xff\xff\xff\xff\1");
    EXPECT_THROW(reader.next(), ProtocolError);
    std::string stream;
    EXPECT_THROW(append_frame(stream, Message::output, std::string(max_payload + 1, 'x')), ProtocolError);
}

TEST(Protocol, PayloadsReadBackWhatWasWritten) {
    auto payload = PayloadWriter().u8(7).u32(0xfedcba98).u64(0x123456789abcdef0).text("name").bytes("rest").take();
    PayloadReader reader(payload);
    EXPECT_EQ(reader.u8(), 7);
    EXPECT_EQ(reader.u32(), 0xfedcba98U);
    EXPECT_EQ(reader.u64(), 0x123456789abcdef0U);
    EXPECT_EQ(reader.text(), "name");
    EXPECT_EQ(reader.rest(), "rest");
    EXPECT_NO_THROW(reader.end());
}

RunRequest some_request() {
    return {.program = "/bin/p",
            .arguments = {"p", "", "a b"},
            .environment = {"A=1"},
            .directory = "/work",
            .outputs = {"/o"},
            .has_input = true,
            .out_is_terminal = false,
            .err_is_terminal = true,
            .rows = 24,
            .columns = 80};
}

TEST(Protocol, RequestsReadBackWhatWasWritten) {
    EXPECT_EQ(RunRequest::decode(some_request().encode()), some_request());
    EXPECT_EQ(RunRequest::decode(RunRequest().encode()), RunRequest());
}

TEST(Protocol, ARequestOfTheWrongLengthIsAnError) {
    const auto whole = some_request().encode();
    for (std::size_t size = 0; size < whole.size(); ++size) {
        EXPECT_THROW(RunRequest::decode(std::string_view(whole).substr(0, size)), ProtocolError) << size;
    }
    EXPECT_THROW(RunRequest::decode(whole + "x"), ProtocolError);
}

TEST(ByteQueue, GivesBackEverythingInOrder) {
    ByteQueue queue;
    std::string written;
    std::string read;
    for (std::size_t i = 0; i < 1000; ++i) {
        const std::string piece(i % 17, static_cast<char>('a' + i % 26));
        queue.tail() += piece;
        written += piece;
        const auto size = std::min(queue.size(), i % 11);
        read += queue.waiting().substr(0, size);
        queue.consume(size);
    }
    read += queue.waiting();
    queue.clear();
    EXPECT_EQ(read, written);
    EXPECT_TRUE(queue.empty());
}

}  // namespace
}  // namespace gatecrash::machines
