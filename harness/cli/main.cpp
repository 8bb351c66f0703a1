// The program: reads the command line and runs the command. Turns an exception into an exit code and a message.
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "cli/commands.hpp"
#include "failure.hpp"
#include "report/exit_code.hpp"
#include "sweep/schedule.hpp"
#include "vm/boot/image.hpp"
#include "worker/pool.hpp"

namespace {

using namespace gatecrash;
using report::ExitCode;

/// Prints one line, and below it the remedy, if one is known.
int fail(ExitCode code, const std::string& what, const std::string& remedy = {}) {
    fmt::print(stderr, "gatecrash: {}\n", what);
    if (!remedy.empty()) fmt::print(stderr, "  {}\n", remedy);
    return static_cast<int>(code);
}

int fail_usage(const std::string& what, const std::string& command) {
    return fail(ExitCode::wrong_usage, what,
                fmt::format("see `gatecrash {}{}--help`", command, command.empty() ? "" : " "));
}

int fail_output(std::error_code why) {
    return fail(ExitCode::error, fmt::format("writing standard output failed: {}", why.message()),
                "free some space, or redirect the output");
}

int guarded(const std::vector<std::string>& arguments) {
    std::string command;  // the command whose help the message names
    try {
        const auto invocation = cli::read_command_line(arguments);
        command = invocation.command;
        const int code = invocation.run();
        if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return code;
        return fail_output({errno, std::generic_category()});
    } catch (const cli::UsageError& error) {
        return fail_usage(error.what(), error.command().empty() ? command : error.command());
    } catch (const sweep::ScheduleError& error) {
        return fail_usage(error.what(), command);
    } catch (const vm::ImageError& error) {
        return fail_usage(error.what(), command);
    } catch (const worker::WorkerError& error) {
        fmt::print(stderr, "{}", error.told());
        return error.code();
    } catch (const Failure& failure) {
        return fail(ExitCode::error, failure.what(), failure.remedy());
    } catch (const std::exception& error) {
        // A text that is longer than the buffer is written, and can fail, while it is being printed.
        const auto* system = dynamic_cast<const std::system_error*>(&error);
        if (system != nullptr && std::ferror(stdout) != 0) return fail_output(system->code());
        return fail(ExitCode::error, error.what(), "`gatecrash doctor` shows what this host can run");
    }
}

}  // namespace

int main(int argc, char** argv) { return guarded({argv + std::min(argc, 1), argv + argc}); }
