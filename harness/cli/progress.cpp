#include "cli/progress.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "report/progress_line.hpp"

namespace gatecrash::cli {
namespace {

constexpr std::chrono::milliseconds live_pause{100};
constexpr std::chrono::seconds lines_pause{30};
constexpr const char* erase_line = "\r\033[K";

/// Returns the width of the terminal; 0 if it is unknown.
std::size_t columns_of(std::FILE* stream) {
    winsize size{};
    return ::ioctl(::fileno(stream), TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

}  // namespace

ProgressDisplay ProgressDisplay::on_standard_error(bool quiet) {
    if (quiet) return {stderr, Mode::none};
    return {stderr, ::isatty(STDERR_FILENO) == 1 ? Mode::live : Mode::lines};
}

void ProgressDisplay::begin(const std::string& name, Clock::time_point now) {
    name_ = name;
    began_ = now;
    // In a log, the time since the last line counts over all sweeps: otherwise many short sweeps would never print one.
    if (mode_ == Mode::lines && shown_ == Clock::time_point{}) shown_ = now;
}

void ProgressDisplay::update(const sweep::Progress& progress, Clock::time_point now) {
    if (mode_ == Mode::none) return;
    const bool live = mode_ == Mode::live;
    if (now - shown_ < (live ? Clock::duration(live_pause) : Clock::duration(lines_pause))) return;
    shown_ = now;
    const auto line = report::progress_line(name_, progress, std::chrono::duration<double>(now - began_).count());
    if (live) {
        fmt::print(stream_, "{}{}", erase_line, report::fit(line, columns_of(stream_)));
        is_line_shown_ = true;
    } else {
        fmt::print(stream_, "{}\n", line);
    }
    (void)std::fflush(stream_);
}

void ProgressDisplay::erase() {
    if (!is_line_shown_) return;
    fmt::print(stream_, "{}", erase_line);
    (void)std::fflush(stream_);
    is_line_shown_ = false;
}

}  // namespace gatecrash::cli
