// Tests the common part of all emulators, with a process that does nothing as the emulator.
#include "machines/emulator.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "posix/file.hpp"
#include "posix/pipe.hpp"

namespace gatecrash::machines {
namespace {

/// An emulator, and the other ends of its connection.
struct Far {
    Far() {
        auto down = posix::make_pipe(O_NONBLOCK), up = posix::make_pipe(O_NONBLOCK);
        from = std::move(down.read);
        to = std::move(up.write);
        emulator.emplace(EmulatorTraits{.name = "none", .window = 4, .silence = {}},
                         AgentConnection{.to = std::move(down.write), .from = std::move(up.read)},
                         std::make_unique<posix::ChildProcess>("/bin/sleep", std::vector<std::string>{"1000"}));
    }

    void say(Message message, std::string_view payload) const {
        std::string bytes;
        append_frame(bytes, message, payload);
        posix::write_all(to.get(), bytes);
    }

    std::string read() const {
        std::array<char, 100> bytes{};
        const auto got = ::read(from.get(), bytes.data(), bytes.size());
        return {bytes.data(), got < 0 ? 0 : static_cast<std::size_t>(got)};
    }

    void poll() {
        std::vector<pollfd> none;
        emulator->poll(none, std::chrono::milliseconds(100));
    }

    posix::FileDescriptor from, to;
    std::optional<Emulator> emulator;
};

TEST(Emulator, SendsNoMoreThanItsWindow) {
    Far far;
    far.emulator->send(Message::input, "12345");
    far.poll();
    EXPECT_EQ(far.read().size(), 4U);
    far.poll();
    EXPECT_EQ(far.read(), "");
    far.say(Message::received, PayloadWriter().u32(3).take());
    far.poll();
    EXPECT_FALSE(far.emulator->next_frame()) << "it is for the window";
    far.poll();
    EXPECT_EQ(far.read().size(), 3U);
}

/// A machine that reads slowly is not dead.
TEST(Emulator, HearsThatSomethingWasRead) {
    Far far;
    const auto before = far.emulator->heard();
    far.poll();
    EXPECT_EQ(far.emulator->heard(), before);
    far.say(Message::received, PayloadWriter().u32(1).take());
    far.poll();
    EXPECT_GT(far.emulator->heard(), before);
}

}  // namespace
}  // namespace gatecrash::machines
