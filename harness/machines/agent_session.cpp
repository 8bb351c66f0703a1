#include "machines/agent_session.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <system_error>

#include "machines/blocks.hpp"
#include "posix/argument_list.hpp"
#include "posix/error.hpp"
#include "posix/file.hpp"
#include "posix/pipe.hpp"
#include "posix/pseudo_terminal.hpp"

namespace gatecrash::machines {

namespace fs = std::filesystem;

namespace {

/// If more bytes than this wait for the port, the agent does not read from the program, so that the program waits as
/// well.
constexpr std::size_t enough_unsent = 1U << 20;

/// Makes a pipe that the program writes to and the agent reads or, with `input`, the other way round.
ChildStream make_pipe(bool input = false) {
    auto pipe = posix::make_pipe();
    ChildStream stream{.ours = std::move(input ? pipe.write : pipe.read),
                       .theirs = std::move(input ? pipe.read : pipe.write)};
    ::fcntl(stream.ours.get(), F_SETFL, O_NONBLOCK);
    return stream;
}

/// Makes a terminal that changes no byte: the terminal outside translates line ends.
ChildStream make_terminal() {
    auto made = posix::make_pseudo_terminal();
    ::fcntl(made.controller.get(), F_SETFL, O_NONBLOCK);
    return {.ours = std::move(made.controller), .theirs = std::move(made.terminal), .terminal = true};
}

/// Turns the new process into the program. Returns only on failure, with errno set.
void become(RunRequest& request, const ChildStream& input, const std::array<ChildStream, 2>& streams) {
    ::setsid();
    for (const auto& stream : streams) {
        if (stream.terminal) ::ioctl(stream.theirs.get(), TIOCSCTTY, 0);
    }
    ::dup2(request.has_input ? input.theirs.get() : ::open("/dev/null", O_RDONLY | O_CLOEXEC), STDIN_FILENO);
    ::dup2(streams[0].theirs.get(), STDOUT_FILENO);
    ::dup2(streams[1].theirs.get(), STDERR_FILENO);
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    (void)std::signal(SIGPIPE, SIG_DFL);
    ::setpriority(PRIO_PROCESS, 0, 0);
    if (::chdir(request.directory.c_str()) != 0) return;
    const auto argv = posix::pointers(request.arguments);
    const auto envp = posix::pointers(request.environment);
    ::execve(request.program.c_str(), argv.data(), envp.data());
}

std::string launch_error(const std::string& program, int error) {
    auto text = "cannot run " + program + " in the machine: " + std::strerror(error);
    // If a program's loader is missing, the kernel says "no such file" about the program.
    if (error == ENOENT && fs::exists(program)) text += " (its loader is missing)";
    return text;
}

}  // namespace

AgentSession::AgentSession(std::unique_ptr<Port> port, std::optional<StallBreaker> stall)
    : port_(std::move(port)), stall_(std::move(stall)) {
    sigset_t watched;
    sigemptyset(&watched);
    sigaddset(&watched, SIGCHLD);
    ::sigprocmask(SIG_BLOCK, &watched, nullptr);
    signals_ = posix::FileDescriptor(::signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!signals_) posix::throw_errno("signalfd");
    (void)std::signal(SIGPIPE, SIG_IGN);  // a program may close its standard input
}

void AgentSession::send(Message message, std::string_view payload) { append_frame(unsent_.tail(), message, payload); }

void AgentSession::handle(const Frame& frame) {
    PayloadReader payload(frame.payload);
    switch (frame.message) {
        case Message::hello: {
            const auto now = payload.u64();
            const timespec time{.tv_sec = static_cast<time_t>(now / 1'000'000'000),
                                .tv_nsec = static_cast<long>(now % 1'000'000'000)};
            ::clock_settime(CLOCK_REALTIME, &time);
            send(Message::ready);
            return;
        }
        case Message::ping:
            send(Message::pong);
            return;
        case Message::file_begin:
            begin_file(payload);
            return;
        case Message::file_data:
            posix::write_all(upload_.get(), frame.payload);
            upload_left_ -= std::min<std::uint64_t>(upload_left_, frame.payload.size());
            // Closes the file at once: a program that is still open for writing cannot be executed.
            if (upload_left_ == 0) upload_.reset();
            return;
        case Message::file_pieces:
            begin_file(payload);
            copy_pieces(payload);
            return;
        case Message::run:
            run(RunRequest::decode(frame.payload));
            return;
        case Message::signal: {
            const auto number = static_cast<int>(payload.u32());
            if (child_ > 0) ::kill(-child_, number);
            return;
        }
        case Message::resize: {
            const auto rows = payload.u32();
            resize(rows, payload.u32());
            return;
        }
        case Message::input:
            if (frame.payload.empty()) input_ended_ = true;
            if (input_stream_.ours) input_.tail() += frame.payload;
            return;
        case Message::close_stream:
            // The program's next write raises SIGPIPE, as it would outside.
            streams_.at(payload.u8()).ours.reset();
            return;
        default:
            throw ProtocolError("unexpected frame");
    }
}

void AgentSession::begin_file(PayloadReader& payload) {
    const fs::path path = payload.text();
    const auto mode = payload.u32();
    upload_left_ = payload.u64();
    fs::create_directories(path.parent_path());
    // Always makes a new file: a running process may have mapped the old one.
    ::unlink(path.c_str());
    upload_ = posix::open_file(path, O_WRONLY | O_CREAT | O_TRUNC, mode);
    ::fchmod(upload_.get(), mode);
    if (upload_left_ == 0) upload_.reset();
}

void AgentSession::copy_pieces(PayloadReader& payload) {
    std::vector<FilePiece> pieces(payload.u32());
    for (auto& [in_file, in_window, size] : pieces) {
        in_file = payload.u64();
        in_window = payload.u64();
        size = payload.u64();
    }
    if (!upload_) return;  // an empty file is whole already
    if (::ftruncate(upload_.get(), static_cast<off_t>(upload_left_)) != 0) posix::throw_errno("ftruncate");
    window_.copy(pieces, upload_.get());
    upload_left_ = 0;
    upload_.reset();
}

void AgentSession::resize(std::uint32_t rows, std::uint32_t columns) {
    winsize size{};
    size.ws_row = static_cast<unsigned short>(rows);
    size.ws_col = static_cast<unsigned short>(columns);
    for (const auto& stream : streams_) {
        if (stream.terminal && stream.ours) ::ioctl(stream.ours.get(), TIOCSWINSZ, &size);
    }
}

void AgentSession::run(const RunRequest& wanted) {
    auto request = wanted;
    outputs_ = request.outputs;
    fs::create_directories(request.directory);
    for (const auto& output : outputs_) {
        const auto folder = (fs::path(request.directory) / output).parent_path();
        std::error_code exists_or_special;
        fs::create_directories(folder, exists_or_special);
    }
    streams_[0] = request.out_is_terminal ? make_terminal() : make_pipe();
    streams_[1] = request.err_is_terminal ? make_terminal() : make_pipe();
    resize(request.rows, request.columns);
    input_.clear();
    input_ended_ = false;
    input_stream_ = request.has_input ? make_pipe(true) : ChildStream();
    auto started = make_pipe();
    ::fcntl(started.ours.get(), F_SETFL, 0);
    child_ = ::fork();
    if (child_ < 0) posix::throw_errno("fork");
    if (child_ == 0) {
        become(request, input_stream_, streams_);
        const int error = errno;
        [[maybe_unused]] const auto told = ::write(started.theirs.get(), &error, sizeof(error));
        ::_exit(127);
    }
    for (auto& stream : streams_) stream.theirs.reset();
    input_stream_.theirs.reset();
    started.theirs.reset();
    int error = 0;
    if (::read(started.ours.get(), &error, sizeof(error)) == sizeof(error)) {
        send(Message::failed, launch_error(request.program, error));
    }
}

void AgentSession::feed() {
    auto& pipe = input_stream_.ours;
    if (!pipe) return;
    const auto before = input_.size();
    bool closed = false;
    while (!input_.empty() && !closed) {
        const auto put = ::write(pipe.get(), input_.waiting().data(), input_.size());
        if (put < 0 && (errno == EAGAIN || errno == EINTR)) break;
        closed = put < 0;
        if (put > 0) input_.consume(static_cast<std::size_t>(put));
    }
    if (const auto taken = before - input_.size(); taken != 0) {
        send(Message::input_taken, PayloadWriter().u32(static_cast<std::uint32_t>(taken)).take());
    }
    if (closed) {
        input_.clear();
        send(Message::input_closed);
    }
    if (closed || (input_ended_ && input_.empty())) pipe.reset();
}

bool AgentSession::forward(Stream stream) {
    auto& ours = streams_.at(static_cast<std::size_t>(stream)).ours;
    if (!ours || unsent_.size() > enough_unsent) return false;
    const auto got = ::read(ours.get(), &buffer_[1], chunk_size);
    if (got > 0) {
        buffer_[0] = static_cast<char>(stream);
        send(Message::output, {buffer_.data(), 1 + static_cast<std::size_t>(got)});
        return true;
    }
    // EIO says that the other end of a terminal was closed.
    if (got == 0 || (errno != EAGAIN && errno != EINTR)) ours.reset();
    return false;
}

void AgentSession::reap() {
    signalfd_siginfo info{};
    while (::read(signals_.get(), &info, sizeof(info)) > 0) {
    }
    int status = 0;
    // The first process inherits every orphan.
    for (pid_t pid = 0; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;) {
        if (pid == child_) exit_code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
}

void AgentSession::finish() {
    // Sends what is in the pipes now, which is the program's. Does not wait for processes that the program left
    // running. If the port has no room now, serve() calls this again.
    for (const auto stream : {Stream::out, Stream::err}) {
        do {
            flush();
        } while (forward(stream));
        if (streams_.at(static_cast<std::size_t>(stream)).ours && unsent_.size() > enough_unsent) return;  // later
    }
    input_stream_.ours.reset();
    for (const auto& output : outputs_) send_file(output);
    send(Message::exited, PayloadWriter().u32(static_cast<std::uint32_t>(*exit_code_)).take());
    child_ = 0;
    exit_code_.reset();
}

void AgentSession::send_file(const std::string& path) {
    // Expects an absolute path: the agent's working directory is not the program's.
    const posix::FileDescriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    struct stat status {};
    if (!fd || ::fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode)) return;
    const auto size = static_cast<std::uint64_t>(status.st_size);
    send(Message::file_begin, PayloadWriter().text(path).u32(status.st_mode & 0777).u64(size).take());
    std::string chunk(chunk_size, '\0');
    for (std::uint64_t at = 0; at < size;) {
        const auto got = ::pread(fd.get(), chunk.data(), chunk.size(), static_cast<off_t>(at));
        if (got <= 0) return;
        const auto bytes = std::string_view(chunk).substr(0, static_cast<std::size_t>(got));
        if (is_zero(bytes)) {
            send(Message::file_skip, PayloadWriter().u64(bytes.size()).take());
        } else {
            send(Message::file_data, bytes);
        }
        at += bytes.size();
    }
}

void AgentSession::read_port() {
    const auto got = ::read(port_->fd(), buffer_.data(), buffer_.size());
    if (got < 0 && errno != EAGAIN && errno != EINTR) posix::throw_errno("reading the port");
    if (got <= 0) return;
    if (port_->wants_receipts()) {
        send(Message::received, PayloadWriter().u32(static_cast<std::uint32_t>(got)).take());
    }
    reader_.feed({buffer_.data(), static_cast<std::size_t>(got)});
    try {
        while (const auto frame = reader_.next()) take(*frame);
    } catch (const ProtocolError& error) {
        // Both sides are built from the same code, so bytes were lost. Nothing says where the next frame begins.
        reader_ = {};
        send(Message::failed, std::string("a message to the machine was damaged on its way (") + error.what() +
                                  "): run the command again");
    }
}

void AgentSession::take(const Frame& frame) {
    try {
        handle(frame);
    } catch (const ProtocolError&) {
        throw;
    } catch (const std::exception& error) {
        send(Message::failed, error.what());
    }
}

void AgentSession::flush() {
    while (!unsent_.empty()) {
        const auto put = port_->write(unsent_.waiting());
        if (put <= 0) return;
        unsent_.consume(static_cast<std::size_t>(put));
    }
}

void AgentSession::wait() {
    const auto watch = [&](const posix::FileDescriptor& fd) { return unsent_.size() > enough_unsent ? -1 : fd.get(); };
    std::array<pollfd, 6> fds = {{
        {.fd = port_->fd(), .events = static_cast<short>(POLLIN | (unsent_.empty() ? 0 : POLLOUT)), .revents = 0},
        {.fd = signals_.get(), .events = POLLIN, .revents = 0},
        {.fd = watch(streams_[0].ours), .events = POLLIN, .revents = 0},
        {.fd = watch(streams_[1].ours), .events = POLLIN, .revents = 0},
        {.fd = input_.empty() ? -1 : input_stream_.ours.get(), .events = POLLOUT, .revents = 0},
        {.fd = stall_ ? stall_->fd() : -1, .events = POLLIN, .revents = 0},
    }};
    // Puts off an NMI without looking at anything else: that would take most of the time until the next NMI.
    int ready = 0;
    do {
        ready = ::poll(fds.data(), fds.size(), -1);
        if (fds[5].revents != 0) stall_->put_off();
    } while (ready == 1 && fds[5].revents != 0);
    // The port reports POLLHUP while nobody outside is connected. The agent can only wait then.
    if ((fds[0].revents & POLLHUP) != 0 && (fds[0].revents & POLLIN) == 0) ::usleep(1000);
}

void AgentSession::serve() {
    for (;;) {
        flush();
        wait();
        read_port();
        feed();
        forward(Stream::out);
        forward(Stream::err);
        reap();
        if (exit_code_) finish();
    }
}

}  // namespace gatecrash::machines
