// Tests the socket of `gatecrash gdb`, and a session that this process serves itself. A client stands in for gdb.
#include "cli/gdb_session.hpp"

#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <thread>

#include "cli/gdb_socket.hpp"
#include "debug/fake_debuggee.hpp"
#include "debug/packet.hpp"
#include "posix/file.hpp"
#include "sweep/schedule.hpp"

namespace gatecrash::cli {
namespace {

using testing::AllOf;
using testing::HasSubstr;

/// Connects to the socket at `path`. Waits until that is possible.
posix::FileDescriptor connect_to(const std::filesystem::path& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.string().copy(address.sun_path, sizeof address.sun_path - 1);
    for (int attempt = 0; attempt < 1'000; ++attempt) {
        posix::FileDescriptor client(::socket(AF_UNIX, SOCK_STREAM, 0));
        if (::connect(client.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return client;
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    ADD_FAILURE() << "nobody listens at " << path;
    return {};
}

/// Sends a packet, and returns the next one that comes.
std::string ask(int client, std::string_view packet) {
    posix::write_all(client, debug::framed(packet));
    debug::PacketReader reader;
    for (char byte = 0; ::read(client, &byte, 1) == 1;) {
        if (const auto received = reader.feed(byte)) return std::get<debug::Packet>(*received).text;
    }
    return "(end)";
}

TEST(GdbSession, ServesAGuestOfThisProcess) {
    const PrivateFolder folder;
    const auto path = folder.path() / "socket";
    GdbSession session({.socket = path.string()});
    EXPECT_FALSE(std::filesystem::exists(path)) << "gdb connects only when the guest is ready";
    debug::FakeDebuggee debuggee(400, 20);
    std::jthread gdb([&] {
        const auto client = connect_to(path);
        EXPECT_EQ(ask(client.get(), "?"), "T05");
        EXPECT_EQ(debuggee.state.landed, 1U) << "it stops where the first event lands";
        EXPECT_FALSE(std::filesystem::exists(path)) << "a second gdb would wait for ever";
        EXPECT_EQ(ask(client.get(), "s"), "T05");
        EXPECT_EQ(debuggee.state.rip, debug::FakeDebuggee::handler);
        EXPECT_EQ(ask(client.get(), "D"), "OK");
    });
    testing::internal::CaptureStdout();
    EXPECT_EQ(session.serve_here(debuggee), 0);
    EXPECT_THAT(testing::internal::GetCapturedStdout(),
                AllOf(HasSubstr("pending\n"), HasSubstr("target remote " + path.string())));
}

TEST(GdbSession, EndsWithItsConnection) {
    const PrivateFolder folder;
    const auto path = folder.path() / "socket";
    debug::FakeDebuggee debuggee(400, 20);
    GdbSession session({.socket = path.string()});
    std::jthread gdb([&] { (void)connect_to(path); });
    testing::internal::CaptureStdout();
    EXPECT_EQ(session.serve_here(debuggee), 0);
    (void)testing::internal::GetCapturedStdout();
}

TEST(GdbSession, EndsWithASignal) {
    const PrivateFolder folder;
    const auto path = folder.path() / "socket";
    debug::FakeDebuggee debuggee(400, 20);
    GdbSession session({.socket = path.string()});
    std::jthread user([&] {
        const auto client = connect_to(path);
        ::kill(::getpid(), SIGTERM);
        char byte = 0;
        EXPECT_EQ(::read(client.get(), &byte, 1), 0) << "the connection ends";
    });
    testing::internal::CaptureStdout();
    EXPECT_EQ(session.serve_here(debuggee), 128 + SIGTERM);
    (void)testing::internal::GetCapturedStdout();
}

TEST(GdbSession, RefusesAScheduleThatDoesNotLand) {
    const PrivateFolder folder;
    debug::FakeDebuggee debuggee(400, 500);
    GdbSession session({.socket = (folder.path() / "socket").string()});
    EXPECT_THROW((void)session.serve_here(debuggee), sweep::ScheduleError);
    EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(PrivateFolder, IsOnlyForThisUser) {
    std::filesystem::path path;
    {
        const PrivateFolder folder;
        path = folder.path();
        struct stat status {};
        ASSERT_EQ(::stat(path.c_str(), &status), 0);
        EXPECT_EQ(status.st_mode & 0777U, 0700U);
        posix::write_file(path / "file", "content");
    }
    EXPECT_FALSE(std::filesystem::exists(path));
}

}  // namespace
}  // namespace gatecrash::cli
