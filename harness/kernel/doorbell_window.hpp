// The window of a workload of an init program, between its doorbells BEGIN and END. See gatecrash/workload.h.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

#include "kernel/kernel_window.hpp"

namespace gatecrash::kernel {

/// Thrown for a workload that this kernel or CPU cannot execute. `what()` says why.
class SkippedWorkload : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

/// The workload to sweep.
struct Workload {
    std::string name;                           ///< for schedules and messages
    unsigned number;                            ///< index in the program's table
    std::vector<std::string> ignored_memory{};  ///< names of words, or of symbols, that are not compared
};

/// The program of `kernel` has rung NEXT.
class DoorbellWindow : public KernelWindow {
  public:
    DoorbellWindow(const WaitingKernel& kernel, Workload workload) : kernel_(kernel), workload_(std::move(workload)) {}

    /// Also throws SkippedWorkload.
    [[nodiscard]] std::optional<vm::Event> begin() override;
    [[nodiscard]] bool is_end(const Stop& stop) const override;
    [[nodiscard]] Stop run_on() override;
    [[nodiscard]] std::optional<sweep::Violation> judge(const Stop& stop) const override;
    [[nodiscard]] bool counts_at_end() const override { return true; }
    [[nodiscard]] std::unique_ptr<EndMemory> end_memory(const WindowRun& run) const override;

  private:
    [[nodiscard]] std::string programs_words() const;

    WaitingKernel kernel_;
    Workload workload_;
};

}  // namespace gatecrash::kernel
