#include "gatecrash/report/exit_code.hpp"

#include <algorithm>

namespace gatecrash::report {

ExitCode exit_code_of(std::span<const explore::Result> results) {
    const auto any = [&](explore::Status status) {
        return std::ranges::any_of(results, [&](const auto& result) { return result.status == status; });
    };
    if (any(explore::Status::error)) return ExitCode::error;
    if (any(explore::Status::unexpected) || any(explore::Status::finding)) return ExitCode::unexpected;
    return any(explore::Status::ok) ? ExitCode::as_expected : ExitCode::nothing_ran;
}

}  // namespace gatecrash::report
