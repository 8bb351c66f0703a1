// Tests the socket of `gatecrash gdb`, and a session that this process serves itself. A client stands in for gdb.
#include "cli/gdb_session.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

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

/// Runs `user` in another thread. What it throws is a failure of the test, and not the end of all tests.
std::jthread start(std::function<void()> user) {
    return std::jthread([user = std::move(user)] {
        try {
            user();
        } catch (const std::exception& error) {
            ADD_FAILURE() << error.what();
        }
    });
}

/// A session that this process serves, with a client in gdb's place.
class GdbServedHere : public testing::Test {
  protected:
    /// Serves until the session ends, while `user` runs. Returns the exit code.
    int serve(const std::function<void()>& user) {
        const auto other = start(user);
        testing::internal::CaptureStdout();
        const int code = session_.serve_here(debuggee_);
        output_ = testing::internal::GetCapturedStdout();
        return code;
    }
    [[nodiscard]] posix::FileDescriptor connect() const { return connect_to(path_); }

    const PrivateFolder folder_;
    const std::filesystem::path path_ = folder_.path() / "socket";
    debug::FakeDebuggee debuggee_{400, 20};
    GdbSession session_{{.socket = path_.string()}};
    std::string output_;
};

TEST_F(GdbServedHere, StopsAtTheFirstBoundary) {
    EXPECT_FALSE(std::filesystem::exists(path_)) << "gdb connects only when the guest is ready";
    const auto user = [this] {
        const auto client = connect();
        EXPECT_EQ(ask(client.get(), "?"), "T05");
        EXPECT_EQ(debuggee_.state.landed, 1U) << "it stops where the first event lands";
        EXPECT_FALSE(std::filesystem::exists(path_)) << "a second gdb would wait for ever";
        EXPECT_EQ(ask(client.get(), "s"), "T05");
        EXPECT_EQ(debuggee_.state.rip, debug::FakeDebuggee::handler);
        EXPECT_EQ(ask(client.get(), "D"), "OK");
    };
    EXPECT_EQ(serve(user), 0);
    EXPECT_THAT(output_, AllOf(HasSubstr("pending\n"), HasSubstr("target remote " + path_.string())));
}

TEST_F(GdbServedHere, EndsWithItsConnection) {
    EXPECT_EQ(serve([this] { (void)connect(); }), 0);
}

TEST_F(GdbServedHere, EndsWithASignal) {
    const auto user = [this] {
        const auto client = connect();
        ::kill(::getpid(), SIGTERM);
        char byte = 0;
        EXPECT_EQ(::read(client.get(), &byte, 1), 0) << "the connection ends";
    };
    EXPECT_EQ(serve(user), 128 + SIGTERM);
}

TEST_F(GdbServedHere, OutlivesANewSizeOfTheTerminal) {
    const auto user = [this] {
        const auto client = connect();
        ::kill(::getpid(), SIGWINCH);
        EXPECT_EQ(ask(client.get(), "?"), "T05");
        EXPECT_EQ(ask(client.get(), "s"), "T05");
        EXPECT_EQ(ask(client.get(), "D"), "OK");
    };
    EXPECT_EQ(serve(user), 0);
}

/// Sets a variable of the environment, and restores it.
class Variable {
  public:
    Variable(const char* name, const std::string& value) : name_(name) {
        if (const char* const before = std::getenv(name)) before_ = before;
        ::setenv(name, value.c_str(), 1);
    }
    Variable(const Variable&) = delete;
    Variable& operator=(const Variable&) = delete;
    Variable(Variable&&) = delete;
    Variable& operator=(Variable&&) = delete;
    ~Variable() {
        if (before_)
            ::setenv(name_, before_->c_str(), 1);
        else
            ::unsetenv(name_);
    }

  private:
    const char* name_;
    std::optional<std::string> before_;
};

/// A session that starts a gdb. This gdb never connects or ends by itself.
class GdbStays : public testing::Test {
  protected:
    GdbStays() {
        posix::write_file(programs_.path() / "gdb", "#!/bin/sh\necho $$ > \"${0%/*}/pid\"\nexec sleep 20\n");
        std::filesystem::permissions(programs_.path() / "gdb", std::filesystem::perms::owner_all);
    }
    ~GdbStays() override {
        (void)std::signal(SIGTERM, before_);
        (void)std::signal(SIGINT, SIG_DFL);  // a session with gdb ignores it
    }

    /// Connects in gdb's place, detaches, and sends SIGTERM until the session has ended. Returns what `serve` returns.
    int serve_until_sigterm(const std::function<int(GdbSession&)>& serve) {
        const Variable path("PATH", programs_.path().string() + ":" + std::getenv("PATH"));
        const Variable folder("TMPDIR", folder_.path().string());
        const auto socket = programs_.path() / "socket";
        std::atomic<bool> has_ended = false;
        const auto user = start([&] {
            {
                const auto client = connect_to(socket);
                while (!std::filesystem::exists(pid_file()) || std::filesystem::file_size(pid_file()) == 0)
                    std::this_thread::sleep_for(std::chrono::milliseconds(5));
                posix::write_all(client.get(), debug::framed("D"));
                char byte = 0;
                while (::read(client.get(), &byte, 1) == 1) {
                }
            }
            while (!has_ended) {
                std::this_thread::sleep_for(std::chrono::milliseconds(100));
                ::kill(::getpid(), SIGTERM);
            }
        });
        testing::internal::CaptureStdout();
        int code = -1;
        {
            GdbSession session({.socket = socket.string(), .starts_gdb = true});
            session.use_symbols("guest.elf", "content");
            code = serve(session);
        }
        has_ended = true;
        (void)testing::internal::GetCapturedStdout();
        return code;
    }
    void expect_nothing_is_left() {
        EXPECT_TRUE(std::filesystem::is_empty(folder_.path()));
        const auto pid = std::stoi(posix::read_all(posix::open_file(pid_file(), O_RDONLY).get()));
        EXPECT_EQ(::kill(pid, 0), -1) << "gdb still runs";
    }

  private:
    [[nodiscard]] std::filesystem::path pid_file() const { return programs_.path() / "pid"; }

    const PrivateFolder folder_, programs_;
    // Takes the signals that arrive while no session collects them.
    void (*before_)(int) = std::signal(SIGTERM, [](int) {});
};

TEST_F(GdbStays, EndsWithASignalAfterTheGuest) {
    debug::FakeDebuggee debuggee(400, 20);
    EXPECT_EQ(serve_until_sigterm([&](GdbSession& session) { return session.serve_here(debuggee); }), 128 + SIGTERM);
    expect_nothing_is_left();
}

TEST_F(GdbStays, EndsWithASignalAfterTheProcessInside) {
    const auto run = [](int streams) {
        posix::write_all(streams, std::string("pending\n") + '\0');
        // Ends at gdb's first byte, as if the guest had ended.
        char byte = 0;
        EXPECT_EQ(::read(streams, &byte, 1), 1);
        return 0;
    };
    EXPECT_EQ(serve_until_sigterm([&](GdbSession& session) { return session.serve_from_inside(run); }), 128 + SIGTERM);
    expect_nothing_is_left();
}

TEST(GdbSession, ReportsAFailureOfTheMachine) {
    const PrivateFolder folder;
    const auto path = folder.path() / "socket";
    const auto fail = [](int) -> int { throw std::runtime_error("no machine"); };
    EXPECT_THROW((void)GdbSession({.socket = path.string()}).serve_from_inside(fail), std::runtime_error);

    const auto fail_later = [&](int streams) -> int {
        posix::write_all(streams, std::string("pending\n") + '\0');
        (void)connect_to(path);
        throw std::runtime_error("the machine is silent");
    };
    testing::internal::CaptureStdout();
    EXPECT_THROW((void)GdbSession({.socket = path.string()}).serve_from_inside(fail_later), std::runtime_error);
    (void)testing::internal::GetCapturedStdout();
    EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(GdbSession, RefusesAScheduleThatDoesNotLand) {
    const PrivateFolder folder;
    debug::FakeDebuggee debuggee(400, 500);
    GdbSession session({.socket = (folder.path() / "socket").string()});
    EXPECT_THROW((void)session.serve_here(debuggee), sweep::ScheduleError);
    EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(PrivateFolder, HasAnAbsolutePath) {
    {
        const Variable empty("TMPDIR", "");
        EXPECT_EQ(PrivateFolder().path().parent_path(), "/tmp");
    }
    const PrivateFolder outer;
    const Variable relative("TMPDIR", std::filesystem::relative(outer.path()).string());
    const PrivateFolder inner;
    EXPECT_TRUE(inner.path().is_absolute());
    EXPECT_TRUE(std::filesystem::equivalent(inner.path().parent_path(), outer.path()));
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
