// Worker processes.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <variant>
#include <vector>

#include "worker/protocol.hpp"

namespace gatecrash::worker {

/// Thrown if a worker ends before its work is done. `what()` is one line.
class WorkerError : public std::runtime_error {
  public:
    WorkerError(const std::string& what, int code, std::string told)
        : std::runtime_error(what), code_(code), told_(std::move(told)) {}
    [[nodiscard]] int code() const { return code_; }
    /// Returns lines that the user has not seen yet.
    [[nodiscard]] const std::string& told() const { return told_; }

  private:
    int code_;
    std::string told_;
};

/// One line of a worker's standard error.
struct ErrorLine {
    std::string text;
};

/// The end of a worker.
struct Exit {
    int code = 0;
    std::string told;  ///< all of its standard error
};

/// Says why a worker ended before its work was done. `is_told` is true if the user has seen its standard error.
[[nodiscard]] WorkerError error_of(const Exit& exit, bool is_told);

/// Something that a worker did: it printed a line, sent a message, or ended.
struct News {
    std::size_t worker = 0;
    std::variant<Message, ErrorLine, Exit> what;
};

/// Runs workers: this program again, as child processes. They end when this process ends, whatever the cause. The pool
/// passes on SIGINT and SIGTERM, which InterruptGuard notes.
class Pool {
  public:
    /// `arguments` are the command line of a worker.
    explicit Pool(std::vector<std::string> arguments);
    Pool(const Pool&) = delete;
    Pool& operator=(const Pool&) = delete;
    ~Pool();

    /// Starts a worker. Its number must be new.
    void start(std::size_t worker);
    /// Sends a line to a worker. Does nothing if that worker does not run.
    void tell(std::size_t worker, const std::string& line);
    [[nodiscard]] bool is_running(std::size_t worker) const { return running_.contains(worker); }

    /// Waits briefly for news, and returns what came, if anything. Empty if no worker runs. Throws WorkerError for a
    /// line that is not a message.
    [[nodiscard]] std::optional<std::vector<News>> wait();

  private:
    struct Running;

    static void read_errors(std::size_t worker, Running& running, std::vector<News>& news);
    void read_messages(std::size_t worker, std::vector<News>& news);
    void pass_signal_on();

    std::vector<std::string> arguments_;
    std::map<std::size_t, std::unique_ptr<Running>> running_;
    bool is_signal_passed_ = false;
};

}  // namespace gatecrash::worker
