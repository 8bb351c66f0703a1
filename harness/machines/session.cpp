#include "machines/session.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

#include "machines/machine_error.hpp"
#include "posix/file.hpp"

namespace gatecrash::machines {

namespace fs = std::filesystem;

namespace {

/// The time that the program inside gets to end after a signal. Then the session ends the machine.
constexpr std::chrono::seconds end_limit{3};

/// The session asks the machine for a sign of life after the first time of silence, and gives it up after the second.
/// Both are generous: on a busy host an emulated machine can be very slow and still right.
constexpr std::chrono::seconds ping_after{5};
constexpr std::chrono::seconds dead_after{60};

/// If more bytes than this wait for whoever reads our output, the session stops listening to the machine, so that the
/// machine waits as well.
constexpr std::size_t enough_pending = 1U << 20;

/// A blocking pipe or terminal that poll() calls writable takes this much at once without blocking (pipe(7), PIPE_BUF).
constexpr std::size_t safe_write = 4096;

constexpr std::chrono::milliseconds tick{250};

}  // namespace

void describe_terminal(RunRequest& request, const StandardStreams& streams) {
    request.out_is_terminal = ::isatty(streams.out) == 1;
    request.err_is_terminal = ::isatty(streams.err) == 1;
    for (const int fd : {streams.err, streams.out}) {
        winsize size{};
        if (::ioctl(fd, TIOCGWINSZ, &size) == 0) {
            request.rows = size.ws_row;
            request.columns = size.ws_col;
            return;
        }
    }
}

int Session::run(const RunRequest& request, const InsideFiles& files, const Downloads& outputs) {
    for (const auto& [inside, file] : files) upload(inside, file);
    // The agent answers once it has all files.
    if (emulator_.window() != nullptr) emulator_.send(Message::ping);
    emulator_.send(Message::run, request.encode());
    for (;;) {
        const bool backlog = outputs_[0].pending.size() > enough_pending || outputs_[1].pending.size() > enough_pending;
        std::vector<pollfd> fds = {{.fd = signals_.fd(), .events = POLLIN, .revents = 0}};
        for (const auto& output : outputs_) {
            fds.push_back({.fd = output.pending.empty() ? -1 : output.fd, .events = POLLOUT, .revents = 0});
        }
        fds.push_back({.fd = wants_input() ? *streams_.in : -1, .events = POLLIN, .revents = 0});
        emulator_.poll(fds, tick, !backlog);
        handle_signals();
        if (fds.back().revents != 0) read_input();
        while (const auto frame = emulator_.next_frame()) handle(*frame, outputs);
        write_outputs(fds);
        const bool written = outputs_[0].pending.empty() && outputs_[1].pending.empty();
        if (exit_code_ && written) return *exit_code_;
        if (asked_to_end_ != 0 && Clock::now() > end_by_) return 128 + asked_to_end_;
        if (backlog || exit_code_) waiting_since_ = Clock::now();
        check_alive();
    }
}

bool Session::wants_input() const {
    return streams_.in && !exit_code_ && input_on_its_way_ + chunk_size <= input_window;
}

void Session::read_input() {
    std::array<char, chunk_size> bytes{};
    const auto got = ::read(*streams_.in, bytes.data(), bytes.size());
    if (got < 0) {
        if (errno == EAGAIN || errno == EINTR) return;
        throw MachineError(fmt::format("cannot read the standard input for the program in the {} machine: {}",
                                       emulator_.traits().name, std::generic_category().message(errno)));
    }
    const auto size = static_cast<std::size_t>(got);
    emulator_.send(Message::input, {bytes.data(), size});
    input_on_its_way_ += size;
    if (size == 0) streams_.in.reset();
}

void Session::upload(const fs::path& inside, const InsideFile& file) {
    auto* const window = emulator_.window();
    if (const auto pieces = window == nullptr ? std::nullopt : window->put(file.content)) {
        PayloadWriter payload;
        payload.text(inside.string()).u32(file.mode).u64(file.content.size());
        payload.u32(static_cast<std::uint32_t>(pieces->size()));
        for (const auto& [in_file, in_window, size] : *pieces) payload.u64(in_file).u64(in_window).u64(size);
        emulator_.send(Message::file_pieces, payload.take());
        return;
    }
    emulator_.send(Message::file_begin,
                   PayloadWriter().text(inside.string()).u32(file.mode).u64(file.content.size()).take());
    for (std::size_t at = 0; at < file.content.size(); at += chunk_size) {
        emulator_.send(Message::file_data, std::string_view(file.content).substr(at, chunk_size));
    }
}

void Session::handle(const Frame& frame, const Downloads& outputs) {
    PayloadReader payload(frame.payload);
    switch (frame.message) {
        case Message::output: {
            auto& output = outputs_.at(payload.u8());
            if (output.open) output.pending.tail() += payload.rest();
            return;
        }
        case Message::input_taken:
            input_on_its_way_ -= payload.u32();
            return;
        case Message::input_closed:
            streams_.in.reset();
            return;
        case Message::file_begin:
            download(payload, outputs);
            return;
        case Message::file_data:
        case Message::file_skip:
            try {
                if (frame.message == Message::file_data) {
                    posix::write_all(download_.get(), frame.payload);
                } else {
                    skip_zeros(payload.u64());
                }
            } catch (const std::system_error& error) {
                throw MachineError(fmt::format("cannot write an output file: {}", error.code().message()));
            }
            return;
        case Message::exited:
            exit_code_ = static_cast<int>(payload.u32());
            return;
        case Message::failed:
            throw MachineError(std::string(payload.rest()));
        case Message::pong:
            if (auto* const window = emulator_.window(); window != nullptr) window->clear();
            return;
        default:
            return;
    }
}

void Session::download(PayloadReader& payload, const Downloads& outputs) {
    const auto inside = payload.text();
    const auto mode = payload.u32();
    const auto target = outputs.find(inside);
    if (target == outputs.end()) {
        throw MachineError(
            fmt::format("the {} machine sent a file that nobody asked for: {}", emulator_.traits().name, inside));
    }
    try {
        download_ = posix::open_file(target->second, O_WRONLY | O_CREAT | O_TRUNC, (mode & 0111) | 0666);
        // A file may end with zeros, which are skipped. A pipe or a device has no size to set.
        [[maybe_unused]] const auto done = ::ftruncate(download_.get(), static_cast<off_t>(payload.u64()));
    } catch (const std::system_error& error) {
        throw MachineError(fmt::format("cannot write {}: {}", target->second.string(), error.code().message()));
    }
}

void Session::skip_zeros(std::uint64_t count) {
    if (::lseek(download_.get(), static_cast<off_t>(count), SEEK_CUR) >= 0) return;
    posix::write_all(download_.get(), std::string(count, '\0'));
}

void Session::handle_signals() {
    while (const auto number = signals_.next()) {
        if (*number == SIGWINCH) {
            RunRequest terminal;
            describe_terminal(terminal, streams_);
            emulator_.send(Message::resize, PayloadWriter().u32(terminal.rows).u32(terminal.columns).take());
        } else if (asked_to_end_ == 0) {
            asked_to_end_ = *number;
            end_by_ = Clock::now() + end_limit;
            emulator_.send(Message::signal, PayloadWriter().u32(static_cast<std::uint32_t>(*number)).take());
        } else {
            end_by_ = Clock::time_point::min();
        }
    }
}

void Session::write_outputs(const std::vector<pollfd>& fds) {
    for (const auto stream : {Stream::out, Stream::err}) {
        if (fds[1 + static_cast<std::size_t>(stream)].revents != 0) write_output(stream);
    }
}

void Session::write_output(Stream stream) {
    auto& output = outputs_.at(static_cast<std::size_t>(stream));
    struct stat status {};
    const bool file = ::fstat(output.fd, &status) == 0 && S_ISREG(status.st_mode);
    const auto size = file ? output.pending.size() : std::min(output.pending.size(), safe_write);
    const auto put = ::write(output.fd, output.pending.waiting().data(), size);
    if (put >= 0) {
        output.pending.consume(static_cast<std::size_t>(put));
    } else if (errno != EAGAIN && errno != EINTR) {
        // Nobody reads any more, or the disk is full. The program's writes fail from now on, as they would outside.
        output.open = false;
        output.pending.clear();
        emulator_.send(Message::close_stream, PayloadWriter().u8(static_cast<std::uint8_t>(stream)).take());
    }
}

void Session::check_alive() {
    const auto silence = Clock::now() - std::max(emulator_.heard(), waiting_since_);
    if (silence > ping_after && !pinged_) emulator_.send(Message::ping);
    pinged_ = silence > ping_after;
    if (silence > dead_after) {
        const auto& [name, window, reason] = emulator_.traits();
        throw MachineError(
            emulator_.with_console(fmt::format("the {} machine sent nothing for {} s{}", name, dead_after.count(),
                                               reason.empty() ? "" : " (" + reason + ")")));
    }
}

}  // namespace gatecrash::machines
