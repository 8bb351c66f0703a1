#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>

#include "sweep/sweep.hpp"

namespace gatecrash::cli {

/// Tells on a stream how far the sweep is, if there is somebody to tell.
class ProgressDisplay {
  public:
    using Clock = std::chrono::steady_clock;
    enum class Mode : std::uint8_t {
        none,
        live,   ///< one line, rewritten at most ten times a second, for a terminal
        lines,  ///< a new line every 30 seconds, for a log
    };

    /// Tells nothing if `quiet`, and else what fits standard error.
    static ProgressDisplay on_standard_error(bool quiet);
    ProgressDisplay(std::FILE* stream, Mode mode) : stream_(stream), mode_(mode) {}

    /// A sweep of `name` begins.
    void begin(const std::string& name, Clock::time_point now = Clock::now());
    void update(const sweep::Progress& progress, Clock::time_point now = Clock::now());
    /// Takes a live line away, to be called before anything else is printed.
    void erase();

  private:
    std::FILE* stream_;
    Mode mode_;
    std::string name_;
    Clock::time_point began_{}, shown_{};
    bool is_line_shown_ = false;
};

}  // namespace gatecrash::cli
