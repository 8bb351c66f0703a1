#include "report/exit_code.hpp"

#include <algorithm>

namespace gatecrash::report {

ExitCode exit_code_of(std::span<const suite::Result> results) {
    const auto any = [&](suite::Status status) {
        return std::ranges::any_of(results, [&](const auto& result) { return result.status == status; });
    };
    if (any(suite::Status::error)) return ExitCode::error;
    if (any(suite::Status::unexpected) || any(suite::Status::finding)) return ExitCode::unexpected;
    return any(suite::Status::ok) ? ExitCode::as_expected : ExitCode::nothing_ran;
}

}  // namespace gatecrash::report
