#pragma once

#include <csignal>
#include <initializer_list>
#include <map>
#include <optional>

#include "posix/pipe.hpp"

namespace gatecrash::posix {

/// Turns signals into bytes of a pipe. While it lives, it collects some signals, and ignores SIGPIPE. Its destructor
/// restores the earlier handlers. It uses a handler and a pipe, since signalfd(2) would need the signals blocked in
/// every thread. A signal that this process ignored before (nohup) stays ignored. At most one SignalPipe may exist at a
/// time.
class SignalPipe {
  public:
    /// Collects the signals `numbers`. Throws std::system_error.
    explicit SignalPipe(std::initializer_list<int> numbers = {SIGINT, SIGTERM, SIGHUP, SIGWINCH});
    SignalPipe(const SignalPipe&) = delete;
    SignalPipe& operator=(const SignalPipe&) = delete;
    SignalPipe(SignalPipe&&) = delete;
    SignalPipe& operator=(SignalPipe&&) = delete;
    ~SignalPipe();

    /// Returns a descriptor that is readable once a signal has arrived.
    [[nodiscard]] int fd() const { return pipe_.read.get(); }
    /// Returns the next signal that arrived. Empty if there is none.
    [[nodiscard]] std::optional<int> next() const;

  private:
    Pipe pipe_;
    std::map<int, struct sigaction> before_;
};

}  // namespace gatecrash::posix
