#include "workers.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <stdexcept>
#include <thread>

#include "gatecrash/emulator/file.hpp"
#include "gatecrash/machine/image.hpp"
#include "gatecrash/report/shard_document.hpp"
#include "interrupt.hpp"
#include "sweeping.hpp"

namespace gatecrash::cli {
namespace {

constexpr std::chrono::milliseconds pause_between_looks{10};
constexpr int wrong_usage = 2;

emulator::Fd memory_file() {
    emulator::Fd file(::memfd_create("gatecrash-worker", MFD_CLOEXEC));
    if (!file) emulator::throw_errno("memfd_create");
    return file;
}

std::string content_of(const emulator::Fd& file) {
    ::lseek(file.get(), 0, SEEK_SET);
    return emulator::read_all(file.get());
}

/// A child with what it writes in memory. Killed if it is still there at the end of its scope.
class Worker {
  public:
    explicit Worker(const std::vector<std::string>& arguments) : out_(memory_file()), err_(memory_file()) {
        std::vector<char*> argv{const_cast<char*>("gatecrash")};
        for (const auto& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
        argv.push_back(nullptr);
        const auto parent = ::getpid();
        pid_ = ::fork();
        if (pid_ < 0) emulator::throw_errno("fork");
        if (pid_ == 0) become(argv.data(), parent);
    }
    Worker(Worker&& other) noexcept
        : pid_(std::exchange(other.pid_, -1)), out_(std::move(other.out_)), err_(std::move(other.err_)) {}
    Worker& operator=(Worker&&) = delete;
    ~Worker() {
        if (pid_ <= 0) return;
        signal(SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }

    void signal(int number) const {
        if (pid_ > 0) ::kill(pid_, number);
    }
    /// Whether it is still running.
    bool runs() {
        if (pid_ <= 0) return false;
        int status = 0;
        if (::waitpid(pid_, &status, WNOHANG) == 0) return true;
        pid_ = -1;
        code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        return false;
    }
    [[nodiscard]] int code() const { return code_; }
    [[nodiscard]] std::string out() const { return content_of(out_); }
    [[nodiscard]] std::string err() const { return content_of(err_); }

  private:
    [[noreturn]] void become(char** argv, pid_t parent) const {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (::getppid() != parent) ::_exit(1);  // it ended before it could be asked for the signal
        ::setpgid(0, 0);                        // Ctrl-C comes once, from the parent
        const int nothing = ::open("/dev/null", O_RDONLY);
        ::dup2(nothing, STDIN_FILENO);
        ::dup2(out_.get(), STDOUT_FILENO);
        ::dup2(err_.get(), STDERR_FILENO);
        for (const int number : {SIGINT, SIGTERM}) (void)std::signal(number, SIG_DFL);
        ::execv("/proc/self/exe", argv);
        ::_exit(1);
    }

    pid_t pid_ = -1;
    int code_ = 0;
    emulator::Fd out_, err_;
};

Options options_of_worker(const Options& options, const Selection& selection, unsigned number, MachineName machine) {
    auto own = options;
    own.machine = machine;
    own.jobs = 1;
    own.json = std::string("-");
    own.junit.clear();
    own.ktap = false;
    own.quiet = true;
    // A shard of a shard: every jobs-th of its boundaries.
    own.shard = {options.shard.index + options.shard.count * number, options.shard.count * options.jobs};
    if (options.command == Command::run) own.patterns = {selection.name()};
    return own;
}

void wait_for(std::vector<Worker>& workers) {
    bool told = false;
    for (;;) {
        bool running = false;
        for (auto& worker : workers) running |= worker.runs();
        if (!running) return;
        if (InterruptGuard::stop() && !told) {
            for (const auto& worker : workers) worker.signal(InterruptGuard::signal_number());
            told = true;
        }
        std::this_thread::sleep_for(pause_between_looks);
    }
}

/// The result of `worker`. Empty if it was interrupted before it began. Throws what a worker failed with.
std::optional<report::ShardDocument> document_of(const Worker& worker) {
    const auto text = worker.out();
    try {
        if (!text.empty()) return report::read_shard_document(text);
    } catch (const report::ShardDocumentError& error) {
        if (!InterruptGuard::stop()) throw std::runtime_error(fmt::format("a worker wrote {}", error.what()));
    }
    if (InterruptGuard::stop()) return std::nullopt;
    auto why = worker.err();
    constexpr std::string_view prefix = "gatecrash: ";
    if (why.starts_with(prefix)) why = why.substr(prefix.size());
    while (why.ends_with('\n')) why.pop_back();
    throw std::runtime_error(why.empty() ? fmt::format("a worker ended with {}", worker.code()) : why);
}

}  // namespace

std::optional<explore::Result> sweep_with_workers(const Options& options, const Selection& selection,
                                                  report::MachineDescription& machine) {
    const auto start = std::chrono::steady_clock::now();
    if (InterruptGuard::stop()) return std::nullopt;
    std::vector<Worker> workers;
    for (unsigned i = 0; i < options.jobs; ++i) {
        workers.emplace_back(to_arguments(options_of_worker(options, selection, i, options.machine)));
    }
    wait_for(workers);

    std::vector<explore::Result> parts;
    bool all = true;
    for (const auto& worker : workers) {
        const auto document = document_of(worker);
        all &= document.has_value();
        if (!document) continue;
        machine = document->machine;
        parts.push_back(document->results.front());
        if (parts.back().status != explore::Status::error) continue;
        if (options.command == Command::run) {
            fmt::print(stderr, "gatecrash: {}: {}\n", selection.name(), parts.back().message);
        } else if (worker.code() == wrong_usage) {
            throw machine::ImageError(parts.back().message);
        } else {
            throw std::runtime_error(parts.back().message);
        }
        break;
    }
    if (parts.empty()) return std::nullopt;
    if (!all) parts.front().sweep.interrupted = true;
    auto result = merged(options, selection, parts);
    result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return result;
}

}  // namespace gatecrash::cli
