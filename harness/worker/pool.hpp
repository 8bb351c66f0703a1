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

/// A worker ended before its work was done. `what()` is one line.
class WorkerError : public std::runtime_error {
  public:
    WorkerError(const std::string& what, int code, std::string told)
        : std::runtime_error(what), code_(code), told_(std::move(told)) {}
    [[nodiscard]] int code() const { return code_; }
    /// Lines that the user has not seen yet.
    [[nodiscard]] const std::string& told() const { return told_; }

  private:
    int code_;
    std::string told_;
};

/// A line of a worker's standard error.
struct ErrorLine {
    std::string text;
};

/// The end of a worker.
struct Exit {
    int code = 0;
    std::string told;  ///< all of its standard error, in lines
};

/// Says why a worker that ended so did not do its work. `is_told` if the user has seen its standard error.
[[nodiscard]] WorkerError error_of(const Exit& exit, bool is_told);

/// Something that a worker did.
struct News {
    std::size_t worker = 0;
    std::variant<Message, ErrorLine, Exit> what;
};

/// Workers: this program again. They end with this process, however that ends. SIGINT and SIGTERM, which InterruptGuard
/// notes, are passed on to them.
class Pool {
  public:
    /// `arguments` make this program a worker.
    explicit Pool(std::vector<std::string> arguments);
    Pool(const Pool&) = delete;
    Pool& operator=(const Pool&) = delete;
    ~Pool();

    /// Starts the worker with a number that no other one has.
    void start(std::size_t worker);
    /// Sends a line to a worker. Does nothing if it does not run.
    void tell(std::size_t worker, const std::string& line);
    [[nodiscard]] bool is_running(std::size_t worker) const { return running_.contains(worker); }

    /// Waits a little for news, of which there may be none. Empty if no worker runs. Throws WorkerError for what is no
    /// message.
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
