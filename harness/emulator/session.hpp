// One program in one machine, from its upload to its exit code.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <vector>

#include "emulator.hpp"
#include "gatecrash/emulator/run.hpp"
#include "signals.hpp"

namespace gatecrash::emulator {

/// What has to be in the machine before the program can start: path inside -> path outside.
using Uploads = std::map<std::filesystem::path, std::filesystem::path>;

class Session {
  public:
    /// `streams` are what the program's standard streams are connected to.
    Session(Emulator& emulator, SignalPipe& signals, const StandardStreams& streams)
        : emulator_(emulator),
          signals_(signals),
          streams_(streams),
          outputs_{Output{.fd = streams.out, .pending = {}}, Output{.fd = streams.err, .pending = {}}} {}

    /// Uploads, runs `request`, and returns the exit code. `outputs` maps the paths of request.outputs to paths
    /// outside.
    int run(const RunRequest& request, const Uploads& uploads, const Uploads& outputs);

  private:
    struct Output {
        int fd;
        ByteQueue pending;
        bool open = true;
    };

    bool wants_input() const;
    void read_input();
    void upload(const std::filesystem::path& inside, const std::filesystem::path& outside, bool is_program);
    void handle(const Frame& frame, const Uploads& outputs);
    void handle_signals();
    void write_outputs(const std::vector<pollfd>& fds);
    void write_output(Stream stream);
    void check_alive();
    void download(PayloadReader& payload, const Uploads& outputs);

    Emulator& emulator_;
    SignalPipe& signals_;
    StandardStreams streams_;  ///< its `in` is gone when there will be no more of it
    std::size_t input_on_its_way_ = 0;
    std::array<Output, 2> outputs_;
    Fd download_;
    std::optional<int> exit_code_;
    int asked_to_end_ = 0;  ///< the signal that was passed on, 0 when none was
    Clock::time_point end_by_{};
    Clock::time_point heard_ = Clock::now();
    bool pinged_ = false;
};

/// A request's terminal flags and size as those of `streams` are.
void describe_terminal(RunRequest& request, const StandardStreams& streams);

}  // namespace gatecrash::emulator
