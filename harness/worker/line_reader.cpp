#include "worker/line_reader.hpp"

#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "posix/error.hpp"

namespace gatecrash::worker {

bool LineReader::read_some() {
    std::array<char, 65536> buffer{};
    for (;;) {
        const auto count = ::read(fd_, buffer.data(), buffer.size());
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) posix::throw_errno("reading from a worker's stream");
        text_.append(buffer.data(), static_cast<std::size_t>(count));
        return count > 0;
    }
}

std::optional<std::string> LineReader::next() {
    const auto end = text_.find('\n');
    if (end == std::string::npos) return std::nullopt;
    auto line = text_.substr(0, end);
    text_.erase(0, end + 1);
    return line;
}

std::optional<std::string> LineReader::wait_for_line() {
    for (;;) {
        if (auto line = next()) return line;
        if (!read_some()) return std::nullopt;
    }
}

bool LineReader::is_ready() const {
    pollfd entry{fd_, POLLIN, 0};
    return ::poll(&entry, 1, 0) == 1;
}

}  // namespace gatecrash::worker
