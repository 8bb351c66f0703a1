// Runs one program in one machine, from its upload to its exit code.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <vector>

#include "machines/emulator.hpp"
#include "machines/initramfs.hpp"
#include "machines/run.hpp"
#include "posix/signal_pipe.hpp"

namespace gatecrash::machines {

/// Maps paths inside the machine to paths outside.
using Downloads = std::map<std::filesystem::path, std::filesystem::path>;

class Session {
  public:
    /// `streams` are the descriptors that the program's standard streams are connected to.
    Session(Emulator& emulator, posix::SignalPipe& signals, const StandardStreams& streams)
        : emulator_(emulator),
          signals_(signals),
          streams_(streams),
          outputs_{Output{.fd = streams.out, .pending = {}}, Output{.fd = streams.err, .pending = {}}} {}

    /// Uploads `files`, runs `request`, and returns the exit code. `outputs` says where the files of request.outputs
    /// go.
    int run(const RunRequest& request, const InsideFiles& files, const Downloads& outputs);

  private:
    struct Output {
        int fd;
        ByteQueue pending;
        bool open = true;
    };

    bool wants_input() const;
    void read_input();
    void upload(const std::filesystem::path& inside, const InsideFile& file);
    void handle(const Frame& frame, const Downloads& outputs);
    void handle_signals();
    void write_outputs(const std::vector<pollfd>& fds);
    void write_output(Stream stream);
    void check_alive();
    void download(PayloadReader& payload, const Downloads& outputs);
    void skip_zeros(std::uint64_t count);

    Emulator& emulator_;
    posix::SignalPipe& signals_;
    StandardStreams streams_;  ///< its `in` becomes empty at the end of the input
    std::size_t input_on_its_way_ = 0;
    std::array<Output, 2> outputs_;
    posix::FileDescriptor download_;
    std::optional<int> exit_code_;
    int asked_to_end_ = 0;  ///< the signal that was passed on, 0 if none was
    Clock::time_point end_by_{};
    Clock::time_point waiting_since_ = Clock::now();  ///< the time from which the machine's silence counts
    bool pinged_ = false;
};

/// Sets the terminal flags and size of `request` to those of `streams`.
void describe_terminal(RunRequest& request, const StandardStreams& streams);

}  // namespace gatecrash::machines
