#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>

#include "sweep/sweep.hpp"

namespace gatecrash::cli {

/// Shows on a stream how far the sweep is, if anybody reads it.
class ProgressDisplay {
  public:
    using Clock = std::chrono::steady_clock;
    enum class Mode : std::uint8_t {
        none,
        live,   ///< one line for a terminal, rewritten at most ten times a second
        lines,  ///< a new line every 30 seconds, for a log
    };

    /// Shows nothing if `quiet`, and otherwise what suits standard error.
    static ProgressDisplay on_standard_error(bool quiet);
    ProgressDisplay(std::FILE* stream, Mode mode) : stream_(stream), mode_(mode) {}

    /// Begins the sweep `name`.
    void begin(const std::string& name, Clock::time_point now = Clock::now());
    void update(const sweep::Progress& progress, Clock::time_point now = Clock::now());
    /// Erases a live line. Call it before anything else is printed.
    void erase();

  private:
    std::FILE* stream_;
    Mode mode_;
    std::string name_;
    Clock::time_point began_{}, shown_{};
    bool is_line_shown_ = false;
};

}  // namespace gatecrash::cli
