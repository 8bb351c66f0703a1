#include "debug/serve.hpp"

#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

#include "posix/error.hpp"
#include "posix/file.hpp"

namespace gatecrash::debug {
namespace {

/// Writes all of `bytes`. False if nobody reads any more.
bool send(int out, const std::string& bytes) {
    try {
        posix::write_all(out, bytes);
        return true;
    } catch (const std::system_error& error) {
        if (error.code() == std::errc::broken_pipe || error.code() == std::errc::connection_reset) return false;
        throw;
    }
}

}  // namespace

void serve(Stub& stub, int in, int out, int stop) {
    std::array<char, 4096> buffer{};
    while (!stub.has_ended()) {
        std::array<pollfd, 2> fds{
            {{.fd = in, .events = POLLIN, .revents = 0}, {.fd = stop, .events = POLLIN, .revents = 0}}};
        // While the guest runs, this only looks for Ctrl-C.
        if (::poll(fds.data(), fds.size(), stub.is_running() ? 0 : -1) < 0) {
            if (errno == EINTR) continue;
            posix::throw_errno("poll");
        }
        if (fds[1].revents != 0) return;
        if (fds[0].revents != 0) {
            const auto got = ::read(in, buffer.data(), buffer.size());
            if (got < 0 && errno != ECONNRESET) posix::throw_errno("reading from gdb");
            if (got <= 0) return;
            if (!send(out, stub.receive({buffer.data(), static_cast<std::size_t>(got)}))) return;
        }
        if (stub.is_running() && !send(out, stub.run())) return;
    }
}

}  // namespace gatecrash::debug
