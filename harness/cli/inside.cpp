#include "inside.hpp"

#include <fmt/format.h>
#include <sys/mman.h>

#include "gatecrash/emulator/file.hpp"
#include "gatecrash/kvm/file_descriptor.hpp"
#include "machine_choice.hpp"

namespace gatecrash::cli {
namespace {

constexpr const char* json_inside = "/tmp/gatecrash.json";

}  // namespace

int run_inside(const Options& options, std::optional<report::OutputFile>& json,
               const std::vector<std::string>& inputs) {
    auto inner = options;
    inner.machine = MachineName::amd;
    emulator::Launch launch;
    launch.environment[machine_variable] = name_of(inner.machine);
    for (const auto& input : inputs) launch.inputs[input] = input;

    // In memory, as a file would be left behind when this process is killed.
    const kvm::FileDescriptor fetched(::memfd_create("gatecrash-json", MFD_CLOEXEC));
    const bool fetches = json && !json->is_standard_output();
    if (fetches) {
        if (fetched.get() < 0) emulator::throw_errno("memfd_create");
        inner.json = json_inside;
        launch.outputs[json_inside] = fmt::format("/proc/self/fd/{}", fetched.get());
    }
    launch.arguments = to_arguments(inner);

    const int code = emulator::run_in_machine(emulator::MachineFiles::from_environment(), launch);
    if (fetches) {
        if (const auto document = emulator::read_all(fetched.get()); !document.empty()) json->write(document);
    }
    return code;
}

}  // namespace gatecrash::cli
