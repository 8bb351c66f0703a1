#pragma once

#include <string>

#include "suite/case.hpp"
#include "suite/result.hpp"
#include "sweep/sweep.hpp"

namespace gatecrash::suite {

struct Judgement {
    Status status = Status::ok;  ///< or `unexpected`
    std::string message;         ///< why it is unexpected; of a sweep that stopped early, what is left open
};

/// Compares what a sweep found with what was expected. A shard of a variant that is to break is as expected whatever it
/// found: only the whole can be compared. A sweep that stopped after N findings is as expected if each of them is.
[[nodiscard]] Judgement judge(const Expectation& expects, const sweep::SweepResult& sweep);

}  // namespace gatecrash::suite
