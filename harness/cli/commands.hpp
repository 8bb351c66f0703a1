// A function a command. Each returns the exit code, and throws for what ends it early: see main.cpp for the codes.
#pragma once

#include "cli/options.hpp"

namespace gatecrash::cli {

[[nodiscard]] int doctor(const Options& options);
[[nodiscard]] int list(const Options& options);
[[nodiscard]] int run(const Options& options);
[[nodiscard]] int explore_target(const Options& options);
[[nodiscard]] int replay_schedules(const Options& options);
[[nodiscard]] int merge(const Options& options);
[[nodiscard]] int bench(const Options& options);
[[nodiscard]] int write_skeleton(const Options& options);
[[nodiscard]] int work(const Options& options);
/// Returns arguments that make this program a worker on `machine`, which reads the user's `files`.
[[nodiscard]] std::vector<std::string> worker_arguments(MachineName machine, const std::vector<std::string>& files);
[[nodiscard]] int help(const Options& options);
[[nodiscard]] int print_version(const Options& options);

}  // namespace gatecrash::cli
