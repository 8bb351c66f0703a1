#include "gatecrash/emulator/run.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <future>
#include <set>

#include "boot.hpp"
#include "gatecrash/emulator/libraries.hpp"
#include "session.hpp"

namespace gatecrash::emulator {

namespace fs = std::filesystem;

namespace {

/// From the start of QEMU to the agent's answer takes 0.2 s on an idle host.
constexpr std::chrono::seconds restore_limit{30};

std::optional<fs::path> from_environment_variable(const char* name) {
    const char* value = std::getenv(name);
    if (value == nullptr || *value == '\0') return std::nullopt;
    return fs::absolute(value);
}

/// The build folder this program was built in, empty when it is not there any more.
fs::path build_folder() {
    const fs::path folder = GATECRASH_BUILD_FOLDER;
    std::error_code error;
    return fs::is_directory(folder, error) ? folder : fs::path();
}

fs::path default_cache() {
    if (const auto build = build_folder(); !build.empty() && ::access(build.c_str(), W_OK) == 0) {
        return build / "machines" / "amd";
    }
    if (const auto cache = from_environment_variable("XDG_CACHE_HOME")) return *cache / "gatecrash";
    if (const auto home = from_environment_variable("HOME")) return *home / ".cache" / "gatecrash";
    throw MachineError("there is no folder to keep the amd machine's saved state in", "name one with GATECRASH_CACHE");
}

/// A bzImage and its modules: what `./dev setup` unpacked, else what this host runs.
std::pair<fs::path, fs::path> default_kernel() {
    std::error_code error;
    // A build folder of one's own has no kernel, but `./dev setup` may have put one into the usual folder.
    for (const fs::path build : {GATECRASH_BUILD_FOLDER, GATECRASH_SOURCE_FOLDER "/build"}) {
        for (const auto& entry : fs::directory_iterator(build / "machines" / "kernel", error)) {
            const auto& path = entry.path();
            if (path.filename().string().starts_with("vmlinuz")) return {path, path.parent_path()};
        }
    }
    struct utsname names {};
    ::uname(&names);
    const fs::path image = fmt::format("/boot/vmlinuz-{}", names.release);
    const fs::path modules = fmt::format("/lib/modules/{}", names.release);
    if (fs::exists(image, error) && fs::is_directory(modules, error)) return {image, modules};
    throw MachineError("the amd machine needs a Linux kernel with its modules, and none is unpacked",
                       "run `./dev setup`, or name your own with GATECRASH_KERNEL and GATECRASH_MODULES");
}

std::uint64_t nanoseconds_since_epoch() {
    return static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch())
            .count());
}

/// Starts the machine from `state` and has the agent answer. Throws MachineError, also when the state is damaged.
std::unique_ptr<Emulator> restore(const Parts& parts, const SavedState& state) {
    // Meanwhile, as it takes about as long as the start itself.
    auto intact = std::async(std::launch::async, [&state] { return state.intact(); });
    auto emulator = std::make_unique<Emulator>(parts.qemu, restore_arguments(),
                                               std::vector<HandedFd>{{QemuFd::memory, state.memory()}});
    emulator->restore_devices(state.devices());
    emulator->send(Message::hello, PayloadWriter().u64(nanoseconds_since_epoch()).take());
    emulator->wait_for(Message::ready, restore_limit);
    if (!intact.get()) throw MachineError("its files are not what was written");
    return emulator;
}

/// A machine that is ready. A state that does not work is made anew, once.
std::unique_ptr<Emulator> start(const MachineFiles& files, const Parts& parts) {
    StateCache cache(files.cache);
    const auto key = state_key(parts);
    const auto make = [&](const fs::path& folder) { boot_and_save(parts, folder); };
    const auto state = cache.get(key, std::nullopt, make);
    try {
        return restore(parts, state);
    } catch (const MachineError& error) {
        fmt::print(stderr, "gatecrash: the saved state of the amd machine does not work and is made anew: {}\n",
                   error.what());
    }
    return restore(parts, cache.get(key, state.identity(), make));
}

std::vector<std::string> make_environment(const Launch& launch, const std::vector<fs::path>& libraries) {
    std::map<std::string, std::string> environment = {{"PATH", "/usr/bin:/bin"}, {"HOME", "/"}};
    if (const char* terminal = std::getenv("TERM")) environment["TERM"] = terminal;
    if (auto folders = library_search_path(libraries); !folders.empty()) environment["LD_LIBRARY_PATH"] = folders;
    for (const auto& [name, value] : launch.environment) environment[name] = value;
    std::vector<std::string> result;
    result.reserve(environment.size());
    for (const auto& [name, value] : environment) result.push_back(fmt::format("{}={}", name, value));
    return result;
}

}  // namespace

MachineFiles MachineFiles::from_environment() {
    MachineFiles files;
    files.cache = from_environment_variable("GATECRASH_CACHE").value_or(fs::path());
    if (files.cache.empty()) files.cache = default_cache();
    const auto kernel = from_environment_variable("GATECRASH_KERNEL");
    const auto modules = from_environment_variable("GATECRASH_MODULES");
    if (kernel.has_value() != modules.has_value()) {
        throw MachineError("GATECRASH_KERNEL and GATECRASH_MODULES belong together, and only one of them is set",
                           "set both: modules work with the kernel they were built for only");
    }
    if (kernel) {
        files.kernel = *kernel;
        files.modules = *modules;
    } else {
        std::tie(files.kernel, files.modules) = default_kernel();
    }
    return files;
}

std::optional<MachineError> missing_for_machine() {
    try {
        find_qemu();
        const auto files = MachineFiles::from_environment();
        if (::access(files.kernel.c_str(), R_OK) != 0) {
            return MachineError(fmt::format("cannot read the kernel {}", files.kernel.string()),
                                "run `./dev setup`, or name a bzImage with GATECRASH_KERNEL");
        }
    } catch (const MachineError& error) {
        return error;
    }
    return std::nullopt;
}

int run_in_machine(const MachineFiles& files, const Launch& launch) {
    const bool own = launch.program.empty();
    const auto program = own ? fs::read_symlink("/proc/self/exe") : fs::absolute(launch.program).lexically_normal();
    const auto directory = launch.directory.empty() ? fs::current_path() : launch.directory;
    const auto base = own_libraries();
    const auto libraries = own ? base : libraries_of(program);

    Uploads uploads;
    for (const auto& library : libraries) {
        if (std::find(base.begin(), base.end(), library) == base.end()) uploads[library] = library;
    }
    uploads[program] = own ? "/proc/self/exe" : program;
    for (const auto& [outside, inside] : launch.inputs) uploads[directory / inside] = outside;
    Uploads outputs;
    for (const auto& [inside, outside] : launch.outputs) outputs[directory / inside] = outside;

    RunRequest request;
    request.program = program.string();
    request.arguments = launch.arguments;
    request.arguments.insert(request.arguments.begin(), program.string());
    request.environment = make_environment(launch, libraries);
    request.directory = directory.string();
    for (const auto& [inside, outside] : outputs) request.outputs.push_back(inside.string());
    request.has_input = launch.streams.in.has_value();
    describe_terminal(request, launch.streams);

    SignalPipe signals;
    const auto emulator = start(files, collect_parts(files, base));
    return Session(*emulator, signals, launch.streams).run(request, uploads, outputs);
}

}  // namespace gatecrash::emulator
