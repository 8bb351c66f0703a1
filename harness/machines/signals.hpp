// Signals as bytes of a pipe, for as long as a machine runs.
#pragma once

#include <csignal>
#include <map>
#include <optional>
#include <vector>

#include "machines/file.hpp"

namespace gatecrash::machines {

/// While it lives, SIGINT, SIGTERM, SIGHUP and SIGWINCH are collected and SIGPIPE is ignored; then it is all as before.
/// A handler and a pipe rather than signalfd, which would need the signals blocked in every thread. A signal that this
/// process was told to ignore (nohup) stays ignored.
class SignalPipe {
  public:
    SignalPipe();
    SignalPipe(const SignalPipe&) = delete;
    SignalPipe& operator=(const SignalPipe&) = delete;
    SignalPipe(SignalPipe&&) = delete;
    SignalPipe& operator=(SignalPipe&&) = delete;
    ~SignalPipe();

    /// Readable when a signal came.
    int fd() const { return read_end_.get(); }
    /// The next signal that came.
    std::optional<int> next();

  private:
    Fd read_end_;
    Fd write_end_;
    std::map<int, struct sigaction> before_;
};

}  // namespace gatecrash::machines
