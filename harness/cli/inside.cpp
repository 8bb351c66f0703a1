#include "cli/inside.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>

#include "cli/machine_choice.hpp"
#include "posix/file.hpp"

namespace gatecrash::cli {
namespace {

/// A file that the program inside writes. It is in memory: if this process were killed, one on disk would stay there.
template <typename To>
struct Fetched {
    To* to;
    posix::FileDescriptor content;
};

/// Lets the program inside write the document of `option` to a new file.
posix::FileDescriptor fetched(machines::Launch& launch, const std::string& option) {
    auto content = posix::memory_file("gatecrash-document");
    launch.outputs[path_inside(option)] = fmt::format("/proc/self/fd/{}", content.get());
    return content;
}

/// Passes on what the user asked for about colour.
void pass_environment(machines::Launch& launch) {
    for (const auto* const name : {"NO_COLOR", "TERM"}) {
        if (const char* const value = std::getenv(name)) launch.environment[name] = value;
    }
}

int run_words(const machines::Machine& machine, const Words& words, const Connection& connection) {
    machines::Launch launch;
    launch.arguments = words;
    launch.environment[machines::inside_variable] = machine.name;
    launch.streams.in = connection.in;
    launch.streams.out = connection.out;
    launch.streams.err = connection.err;
    for (const auto& input : connection.inputs) launch.inputs[input] = input;

    pass_environment(launch);
    std::vector<Fetched<report::OutputFile>> files;
    std::vector<Fetched<std::string>> texts;
    for (const auto& [option, text] : connection.texts) texts.push_back({text, fetched(launch, option)});
    if (connection.documents != nullptr) {
        for (auto& [option, file] : connection.documents->all()) {
            if (!file.is_standard_output() && !connection.texts.contains(option))
                files.push_back({&file, fetched(launch, option)});
        }
    }
    const int code = machines::run_in_machine(machines::MachineFiles::from_environment(machine), launch);
    for (auto& [to, content] : files) {
        if (const auto document = posix::read_all(content.get()); !document.empty()) to->write(document);
    }
    for (const auto& [to, content] : texts) *to = posix::read_all(content.get());
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
