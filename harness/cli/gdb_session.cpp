#include "cli/gdb_session.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <exception>
#include <thread>
#include <utility>

#include "cli/host_error.hpp"
#include "debug/serve.hpp"
#include "debug/stub.hpp"
#include "posix/child_process.hpp"
#include "posix/error.hpp"
#include "posix/file.hpp"
#include "posix/pipe.hpp"
#include "report/text_report.hpp"
#include "sweep/schedule.hpp"

namespace gatecrash::cli {
namespace {

/// Ends the greeting of the process inside. What follows is gdb's protocol.
constexpr char end_of_greeting = '\0';

/// Far longer than any schedule's first part takes, also for the far end of a long window.
constexpr std::uint64_t most_steps = 1'000'000;

/// Goes to the first boundary of the schedule, whose event lands there. Throws sweep::ScheduleError if the run never
/// reaches it, or if the event cannot land there.
void go_to_first_boundary(debug::Timeline& timeline) {
    auto& debuggee = timeline.debuggee();
    const auto has_landed = [&] { return debuggee.landed() != 0; };
    if (debuggee.lands_events() && !has_landed()) (void)timeline.forward(most_steps, {.is_here = has_landed});
    const auto news = timeline.take_news();
    if (debuggee.lands_events() && !has_landed())
        throw sweep::ScheduleError(news.empty() ? "the run never reaches the first boundary of the schedule" : news);
}

std::filesystem::path find_gdb() {
    if (const auto gdb = posix::find_program("gdb")) return *gdb;
    throw HostError("gdb is not installed", "install the package gdb, or leave --gdb out");
}

/// Moves what can be read from one descriptor to a socket. False at the end of either.
bool move_bytes(int from, int to) {
    std::array<char, 4096> bytes{};
    const auto got = ::read(from, bytes.data(), bytes.size());
    if (got <= 0) return false;
    for (ssize_t sent = 0; sent < got;) {
        const auto put = ::send(to, bytes.data() + sent, static_cast<std::size_t>(got - sent), MSG_NOSIGNAL);
        if (put < 0) return false;
        sent += put;
    }
    return true;
}

}  // namespace

GdbSession::Place::Place(const GdbOptions& options)
    : path(options.socket ? std::filesystem::absolute(*options.socket) : folder.path() / "gdb"), socket(path) {}

GdbSession::GdbSession(GdbOptions options)
    : options_(std::move(options)), gdb_(options_.starts_gdb ? find_gdb() : std::filesystem::path()) {
    // The socket comes later. Its path must not be a surprise then. Nobody can connect to this one, since it does not
    // listen.
    const Place attempt(options_);
}

void GdbSession::use_symbols(std::string name, std::string content) {
    symbols_ = std::move(name);
    content_ = std::move(content);
}

Words GdbSession::gdb_arguments() const {
    // An emulated machine on a busy host can take longer than gdb's 2 seconds.
    Words words{"-ex", "set remotetimeout 60", "-ex", "target remote " + place_->path.string()};
    if (!symbols_.empty()) words.push_back(symbols_.string());
    return words;
}

posix::FileDescriptor GdbSession::connect(const std::string& greeting, int stop) {
    place_.emplace(options_);
    place_->socket.listen();
    if (!content_.empty()) {
        symbols_ = place_->folder.path() / symbols_;
        posix::write_file(symbols_, content_);
    }
    fmt::print("{}", greeting);
    if (gdb_.empty()) {
        auto words = gdb_arguments();
        words.insert(words.begin(), "gdb");
        fmt::print("\nConnect with:\n  {}\nThe session ends when gdb quits. Ctrl-C here ends it, too.\n",
                   report::shell_command(words));
    }
    std::fflush(stdout);
    if (!gdb_.empty()) process_.emplace(gdb_, gdb_arguments());
    std::array<pollfd, 3> fds{{{.fd = place_->socket.fd(), .events = POLLIN, .revents = 0},
                               {.fd = stop, .events = POLLIN, .revents = 0},
                               {.fd = process_ ? process_->pidfd() : -1, .events = POLLIN, .revents = 0}}};
    while (::poll(fds.data(), fds.size(), -1) < 0) {
        if (errno != EINTR) posix::throw_errno("poll");
    }
    return fds[0].revents != 0 ? place_->socket.accept() : posix::FileDescriptor();
}

int GdbSession::serve_here(debug::Debuggee& debuggee) {
    signals_.emplace({SIGINT, SIGTERM, SIGHUP});
    debug::Timeline timeline(debuggee);
    go_to_first_boundary(timeline);
    if (const auto gdb = connect(debuggee.describe_boundary(), signals_->fd())) {
        debug::Stub stub(timeline);
        debug::serve(stub, gdb.get(), gdb.get(), signals_->fd());
    }
    const auto signal = wait_for_gdb();
    return signal ? 128 + *signal : 0;
}

std::optional<int> GdbSession::wait_for_gdb() const {
    std::array<pollfd, 2> fds{{{.fd = process_ ? process_->pidfd() : -1, .events = POLLIN, .revents = 0},
                               {.fd = signals_->fd(), .events = POLLIN, .revents = 0}}};
    while (process_ && ::poll(fds.data(), fds.size(), -1) < 0) {
        if (errno != EINTR) posix::throw_errno("poll");
    }
    return signals_->next();
}

int GdbSession::serve_from_inside(const std::function<int(int streams)>& run) {
    auto [inside, theirs] = posix::make_socket_pair();
    std::exception_ptr failure;
    std::jthread relaying([this, &inside = inside, &failure] {
        try {
            relay(inside.get());
        } catch (...) {
            failure = std::current_exception();
        }
        // The end of its standard input ends the process inside.
        ::shutdown(inside.get(), SHUT_WR);
    });
    int code = 0;
    std::exception_ptr failure_of_run;
    try {
        code = run(theirs.get());
    } catch (...) {
        failure_of_run = std::current_exception();
    }
    signals_.emplace({SIGTERM, SIGHUP});
    // The relaying thread reads from the other end, until this one is closed.
    theirs.reset();
    relaying.join();
    for (const auto& each : {failure_of_run, failure}) {
        if (each) std::rethrow_exception(each);
    }
    if (!process_ || code >= 128) return code;
    (void)std::signal(SIGINT, SIG_IGN);  // run() has changed it
    const auto signal = wait_for_gdb();
    return signal ? 128 + *signal : code;
}

/// Moves bytes between gdb and the process inside, until one of the two has ended.
void GdbSession::relay(int inside) {
    std::string greeting;
    char byte = 0;
    while (::read(inside, &byte, 1) == 1 && byte != end_of_greeting) greeting += byte;
    if (byte != end_of_greeting || greeting.empty()) return;
    const auto gdb = connect(greeting, inside);
    while (gdb) {
        std::array<pollfd, 2> fds{
            {{.fd = gdb.get(), .events = POLLIN, .revents = 0}, {.fd = inside, .events = POLLIN, .revents = 0}}};
        if (::poll(fds.data(), fds.size(), -1) < 0) continue;
        if (fds[1].revents != 0 && !move_bytes(inside, gdb.get())) return;
        if (fds[0].revents != 0 && !move_bytes(gdb.get(), inside)) return;
    }
}

int serve_outside(debug::Debuggee& debuggee) {
    debug::Timeline timeline(debuggee);
    go_to_first_boundary(timeline);
    posix::write_all(STDOUT_FILENO, debuggee.describe_boundary() + end_of_greeting);
    debug::Stub stub(timeline);
    debug::serve(stub, STDIN_FILENO, STDOUT_FILENO, -1);
    return 0;
}

}  // namespace gatecrash::cli
