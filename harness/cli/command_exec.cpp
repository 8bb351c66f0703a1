#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "commands.hpp"
#include "gatecrash/emulator/run.hpp"
#include "host_error.hpp"
#include "machine_choice.hpp"
#include "output.hpp"

namespace gatecrash::cli {
namespace {

namespace fs = std::filesystem;

/// The path of `program`, which may be a name to look for in PATH.
fs::path find_program(const std::string& program) {
    std::string folders;
    if (program.find('/') != std::string::npos) {
        if (::access(program.c_str(), X_OK) == 0 && !fs::is_directory(program)) return program;
        throw UsageError(fmt::format("cannot run {}: {}", program,
                                     std::generic_category().message(fs::is_directory(program) ? EISDIR : errno)),
                         "exec");
    }
    if (const char* path = std::getenv("PATH")) folders = path;
    while (!folders.empty()) {
        const auto colon = folders.find(':');
        const auto candidate = fs::path(folders.substr(0, colon)) / program;
        if (::access(candidate.c_str(), X_OK) == 0 && !fs::is_directory(candidate)) return candidate;
        folders = colon == std::string::npos ? "" : folders.substr(colon + 1);
    }
    throw UsageError(fmt::format("no program '{}' in PATH", program), "exec");
}

/// Wrong paths are to be known before a machine starts.
void check_files(const Options& options) {
    for (const auto& [outside, inside] : options.inputs) {
        if (::access(outside.c_str(), R_OK) != 0) {
            throw UsageError(
                fmt::format("--input: cannot read {}: {}", outside, std::generic_category().message(errno)), "exec");
        }
    }
    for (const auto& [inside, outside] : options.outputs) {
        try {
            const report::OutputFile probe(outside);
        } catch (const report::OutputPathError& error) {
            throw UsageError(fmt::format("--output: {}", error.what()), "exec");
        }
    }
}

[[noreturn]] void exec_here(const Options& options) {
    for (const auto* files : {&options.inputs, &options.outputs}) {
        for (const auto& [from, to] : *files) {
            if (fs::weakly_canonical(from) == fs::weakly_canonical(to)) continue;
            throw UsageError(
                fmt::format("{}={}: nothing is copied here, where the program sees the same files; name the "
                            "same path twice, or use --machine amd",
                            from, to),
                "exec");
        }
    }
    for (const auto& [name, value] : options.environment) ::setenv(name.c_str(), value.c_str(), 1);
    auto words = options.program;
    std::vector<char*> argv;
    for (auto& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    ::execvp(argv.front(), argv.data());
    throw HostError(fmt::format("cannot run {}: {}", words.front(), std::generic_category().message(errno)),
                    "check that it is a program for this machine");
}

}  // namespace

int exec(const Options& options) {
    if (!options.json.empty()) throw UsageError("exec has no results of its own: --json makes no sense", "exec");
    const auto program = find_program(options.program.front());
    check_files(options);
    if (choose_machine(options.machine)) exec_here(options);

    emulator::Launch launch;
    launch.program = program;
    launch.arguments.assign(options.program.begin() + 1, options.program.end());
    launch.environment = options.environment;
    launch.environment[machine_variable] = name_of(MachineName::amd);
    launch.inputs.insert(options.inputs.begin(), options.inputs.end());
    launch.outputs.insert(options.outputs.begin(), options.outputs.end());
    return emulator::run_in_machine(emulator::MachineFiles::from_environment(), launch);
}

}  // namespace gatecrash::cli
