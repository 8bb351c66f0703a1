#pragma once

#include <string>

#include "suite/case.hpp"
#include "suite/result.hpp"
#include "sweep/sweep.hpp"

namespace gatecrash::suite {

struct Judgement {
    Status status = Status::ok;  ///< or `unexpected`
    std::string message;         ///< why it is unexpected; or, after a sweep that stopped early, what is not judged
};

/// Compares the result of a sweep with the expectation. A shard of a variant that is expected to break is always as
/// expected, since only the whole sweep can be compared. A sweep that stopped after N findings is as expected if each
/// of them is.
[[nodiscard]] Judgement judge(const Expectation& expects, const sweep::SweepResult& sweep);

}  // namespace gatecrash::suite
