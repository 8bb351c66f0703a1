// The user's side of `gatecrash gdb`: the socket, gdb itself, and the way to the stub.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "cli/gdb_socket.hpp"
#include "cli/options.hpp"
#include "debug/debuggee.hpp"
#include "posix/foreground_process.hpp"
#include "posix/signal_pipe.hpp"

namespace gatecrash::cli {

/// Where the user wants gdb.
struct GdbOptions {
    std::optional<std::string> socket;  ///< empty: in a private folder
    bool starts_gdb = false;
};

/// One session with gdb.
class GdbSession {
  public:
    /// Throws UsageError for a socket that cannot be made, and HostError if the user wants gdb, and it is not
    /// installed.
    explicit GdbSession(GdbOptions options);

    /// Names the file that has the symbols for gdb.
    void use_symbols(const std::filesystem::path& file) { symbols_ = file; }
    /// The same for a file that only this program has.
    void use_symbols(std::string name, std::string content);

    /// Serves gdb from this process.
    [[nodiscard]] int serve_here(debug::Debuggee& debuggee);
    /// Serves gdb from a process inside an emulated machine, which calls serve_outside(). `run` starts it with one
    /// descriptor as its standard input and output, and returns its exit code.
    [[nodiscard]] int serve_from_inside(const std::function<int(int streams)>& run);

  private:
    /// Exists from the time when gdb can connect to the end of the session. Signals that would end this process are
    /// collected meanwhile, so that they leave none of it.
    struct Place {
        explicit Place(const GdbOptions& options);

        PrivateFolder folder;
        std::filesystem::path path;
        GdbSocket socket;
    };

    /// Says where the guest is, and how to connect. Then waits for gdb. Empty if `stop` becomes readable before that,
    /// or if gdb ends.
    [[nodiscard]] posix::FileDescriptor connect(const std::string& greeting, int stop);
    [[nodiscard]] Words gdb_arguments() const;
    void relay(int inside);
    /// Waits until gdb ends, if this session has started it. Returns the signal that ends the session, if there is one.
    [[nodiscard]] std::optional<int> wait_for_gdb() const;

    GdbOptions options_;
    std::filesystem::path gdb_;  ///< the program to start, if any
    std::filesystem::path symbols_;
    std::string content_;  ///< of that file, if this program makes it
    /// Outlives the place and gdb. run() of serve_from_inside() collects signals itself.
    std::optional<posix::SignalPipe> signals_;
    std::optional<Place> place_;
    std::optional<posix::ForegroundProcess> process_;
};

/// Serves gdb through standard input and output, for GdbSession::serve_from_inside().
[[nodiscard]] int serve_outside(debug::Debuggee& debuggee);

}  // namespace gatecrash::cli
