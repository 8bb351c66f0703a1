#include "cli/inside.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include "cli/machine_choice.hpp"
#include "posix/file.hpp"

namespace gatecrash::cli {
namespace {

/// A file that the program inside writes.
struct Fetched {
    report::OutputFile& to;
    posix::FileDescriptor content;  ///< in memory: if this process were killed, a file would stay on disk
};

int run_words(const machines::Machine& machine, const Words& words, const Connection& connection) {
    machines::Launch launch;
    launch.arguments = words;
    launch.environment[machines::inside_variable] = machine.name;
    launch.streams.in = connection.in;
    launch.streams.out = connection.out;
    launch.streams.err = connection.err;
    for (const auto& input : connection.inputs) launch.inputs[input] = input;

    std::vector<Fetched> files;
    if (connection.documents != nullptr) {
        for (auto& [option, file] : connection.documents->all()) {
            if (file.is_standard_output()) continue;
            auto content = posix::memory_file("gatecrash-document");
            launch.outputs[path_inside(option)] = fmt::format("/proc/self/fd/{}", content.get());
            files.push_back({file, std::move(content)});
        }
    }
    const int code = machines::run_in_machine(machines::MachineFiles::from_environment(machine), launch);
    for (auto& [to, content] : files) {
        if (const auto document = posix::read_all(content.get()); !document.empty()) to.write(document);
    }
    return code;
}

}  // namespace

const machines::Machine& emulated_machine_for(MachineName asked) {
    return asked.is_emulated() ? *asked.machine() : machines::usual_machine();
}

int run_inside(const CommonOptions& options, const Connection& connection) {
    return run_words(emulated_machine_for(options.machine), options.words, connection);
}

InsideOutput output_from_inside(const machines::Machine& machine, const Words& words, const Words& inputs) {
    const auto content = posix::memory_file("gatecrash-inside");
    const int code = run_words(machine, words, {.inputs = inputs, .out = content.get()});
    (void)::lseek(content.get(), 0, SEEK_SET);
    return {code, posix::read_all(content.get())};
}

}  // namespace gatecrash::cli
