#include "cli/inside.hpp"

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cli/machine_choice.hpp"
#include "machines/file.hpp"

namespace gatecrash::cli {
namespace {

/// A file that the program inside writes.
struct Fetched {
    report::OutputFile& to;
    machines::Fd content;  ///< in memory, as a file would be left behind when this process is killed
};

}  // namespace

MachineName emulated_machine_for(const Options& options) {
    return options.machine == MachineName::intel ? MachineName::intel : MachineName::amd;
}

machines::MachineKind kind_of(MachineName emulated) {
    return emulated == MachineName::intel ? machines::MachineKind::intel : machines::MachineKind::amd;
}

int run_inside(const Options& options, Documents& documents, const std::vector<std::string>& inputs, int out) {
    auto inner = options;
    inner.machine = emulated_machine_for(options);
    machines::Launch launch;
    launch.environment[machine_variable] = name_of(inner.machine);
    launch.streams.out = out;
    if (options.command == Command::worker) launch.streams.in = STDIN_FILENO;
    for (const auto& input : inputs) launch.inputs[input] = input;

    std::vector<Fetched> files;
    for (auto& [option, file] : documents.all()) {
        if (file.is_standard_output()) continue;
        machines::Fd content(::memfd_create("gatecrash-document", MFD_CLOEXEC));
        if (!content) machines::throw_errno("memfd_create");
        inner.*option = fmt::format("/tmp/gatecrash-document-{}", files.size());
        launch.outputs[inner.*option] = fmt::format("/proc/self/fd/{}", content.get());
        files.push_back({file, std::move(content)});
    }
    launch.arguments = to_arguments(inner);

    const auto files_of_machine = machines::MachineFiles::from_environment(kind_of(inner.machine));
    const int code = machines::run_in_machine(files_of_machine, launch);
    for (auto& [to, content] : files) {
        if (const auto document = machines::read_all(content.get()); !document.empty()) to.write(document);
    }
    return code;
}

InsideDocument json_from_inside(Options options) {
    options.json = std::string("-");
    options.quiet = true;
    Documents none({});
    const machines::Fd content(::memfd_create("gatecrash-inside", MFD_CLOEXEC));
    if (!content) machines::throw_errno("memfd_create");
    const int code = run_inside(options, none, {}, content.get());
    (void)::lseek(content.get(), 0, SEEK_SET);
    return {code, machines::read_all(content.get())};
}

}  // namespace gatecrash::cli
