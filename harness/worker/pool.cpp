#include "worker/pool.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <system_error>

#include "posix/child_process.hpp"
#include "posix/file.hpp"
#include "posix/pipe.hpp"
#include "vm/kvm_bugs.hpp"
#include "worker/interrupt.hpp"
#include "worker/line_reader.hpp"

namespace gatecrash::worker {
namespace {

constexpr std::chrono::milliseconds look_pause{50};
constexpr int error_code = 3;

/// Raises the limit of open files, which often is only 1024: each worker needs five descriptors of this process.
void raise_descriptor_limit() {
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

/// A worker, and this process's ends of its three streams. The destructor kills a worker that still runs.
class WorkerProcess {
  public:
    explicit WorkerProcess(const std::vector<std::string>& arguments) {
        auto in = posix::make_pipe(), out = posix::make_pipe(), err = posix::make_pipe();
        child_.emplace(
            "/proc/self/exe", arguments,
            std::vector<posix::HandedDescriptor>{
                {STDIN_FILENO, in.read.get()}, {STDOUT_FILENO, out.write.get()}, {STDERR_FILENO, err.write.get()}});
        in_ = std::move(in.write);
        out_ = std::move(out.read);
        err_ = std::move(err.read);
    }

    [[nodiscard]] int out() const { return out_.get(); }
    [[nodiscard]] int err() const { return err_.get(); }
    void signal(int number) const { child_->signal(number); }
    void tell(const std::string& line) const {
        try {
            posix::write_all(in_.get(), line + "\n");
        } catch (const std::system_error&) {  // the worker has ended; wait() reports that
        }
    }
    /// Waits until the worker ends, and returns its exit code.
    int wait() { return child_->finish().code; }

  private:
    std::optional<posix::ChildProcess> child_;
    posix::FileDescriptor in_, out_, err_;
};

namespace {

/// Says why a worker ended that could not say it.
std::string reason_of(int code) {
    if (code == 128 + SIGKILL) return "a worker was killed, possibly out of memory: try a smaller --jobs";
    // The kernel sends this signal for a split lock of the guest (handle_guest_split_lock()).
    if (code == 128 + SIGBUS) return fmt::format("a worker got SIGBUS, possibly since {}", vm::split_lock_remedy);
    return fmt::format("a worker ended with exit code {}", code);
}

}  // namespace

WorkerError error_of(const Exit& exit, bool is_told) {
    auto unseen = is_told ? "" : exit.told;
    constexpr std::string_view prefix = "gatecrash: ";
    const auto at = exit.told.rfind(prefix);
    const auto line = at == std::string::npos ? "" : exit.told.substr(at + prefix.size());
    auto what = line.substr(0, line.find('\n'));
    auto code = exit.code;
    // A signal ended the process, so it could not report why.
    if (what.empty() || code > 128) {
        what = reason_of(code);
        unseen += fmt::format("{}{}\n", prefix, what);
        code = error_code;
    }
    return {what, code == 0 ? error_code : code, unseen};
}

struct Pool::Running {
    explicit Running(const std::vector<std::string>& arguments)
        : process(arguments), out(process.out()), err(process.err()) {}

    WorkerProcess process;
    LineReader out, err;
    std::string told;  ///< all of its standard error
};

Pool::Pool(std::vector<std::string> arguments) : arguments_(std::move(arguments)) { raise_descriptor_limit(); }

Pool::~Pool() = default;

void Pool::start(std::size_t worker) {
    // Ignores SIGPIPE, since a write to a dead worker must not kill this process. Workers keep the default.
    (void)std::signal(SIGPIPE, SIG_DFL);
    auto running = std::make_unique<Running>(arguments_);
    (void)std::signal(SIGPIPE, SIG_IGN);
    running_.emplace(worker, std::move(running));
}

void Pool::tell(std::size_t worker, const std::string& line) {
    if (const auto found = running_.find(worker); found != running_.end()) found->second->process.tell(line);
}

std::optional<std::vector<News>> Pool::wait() {
    std::vector<pollfd> entries;
    std::vector<std::size_t> owners;
    for (const auto& [worker, running] : running_) {
        entries.push_back({running->process.out(), POLLIN, 0});
        entries.push_back({running->process.err(), POLLIN, 0});
        owners.push_back(worker);
    }
    if (entries.empty()) return std::nullopt;
    pass_signal_on();
    (void)::poll(entries.data(), entries.size(), static_cast<int>(look_pause.count()));
    std::vector<News> news;
    for (std::size_t k = 0; k < owners.size(); ++k) {
        auto& running = *running_.at(owners[k]);
        if (entries[2 * k + 1].revents != 0 && running.err.read_some()) read_errors(owners[k], running, news);
        if (entries[2 * k].revents != 0) read_messages(owners[k], news);
    }
    return news;
}

void Pool::pass_signal_on() {
    if (!InterruptGuard::stop() || is_signal_passed_) return;
    is_signal_passed_ = true;
    for (const auto& [worker, running] : running_) running->process.signal(InterruptGuard::signal_number());
}

void Pool::read_errors(std::size_t worker, Running& running, std::vector<News>& news) {
    while (auto line = running.err.next()) {
        running.told += *line + "\n";
        news.push_back({worker, ErrorLine{std::move(*line)}});
    }
}

void Pool::read_messages(std::size_t worker, std::vector<News>& news) {
    auto& running = *running_.at(worker);
    const bool more = running.out.read_some();
    while (const auto line = running.out.next()) {
        try {
            news.push_back({worker, read_message(*line)});
        } catch (const ProtocolError& error) {
            throw WorkerError(error.what(), error_code, fmt::format("gatecrash: {}\n", error.what()));
        }
    }
    if (more) return;
    while (running.err.read_some()) {
    }
    read_errors(worker, running, news);
    const int code = running.process.wait();
    news.push_back({worker, Exit{code, running.told}});
    running_.erase(worker);
}

}  // namespace gatecrash::worker
