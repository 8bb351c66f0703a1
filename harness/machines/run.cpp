#include "machines/run.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <system_error>

#include "machines/emulator.hpp"
#include "machines/libraries.hpp"
#include "machines/session.hpp"
#include "machines/set_up.hpp"
#include "posix/error.hpp"
#include "posix/file.hpp"

namespace gatecrash::machines {

namespace fs = std::filesystem;

namespace {

std::optional<fs::path> from_environment_variable(const char* name) {
    const char* value = std::getenv(name);
    if (value == nullptr || *value == '\0') return std::nullopt;
    return fs::absolute(value);
}

fs::path default_cache(const Machine& machine) {
    const auto& name = machine.name;
    // One folder may serve all machines. All but the usual machine have folders of their own in it.
    const auto own = &machine == &usual_machine() ? "" : name;
    if (const auto cache = from_environment_variable("GATECRASH_CACHE")) return *cache / own;
    if (const auto build = build_folder(); build && ::access(build->c_str(), W_OK) == 0) {
        return *build / "machines" / name;
    }
    if (const auto cache = from_environment_variable("XDG_CACHE_HOME")) return *cache / "gatecrash" / own;
    if (const auto home = from_environment_variable("HOME")) return *home / ".cache" / "gatecrash" / own;
    throw MachineError(fmt::format("there is no folder for the files that the {} machine boots from", name),
                       "name one with GATECRASH_CACHE");
}

/// Returns the bzImage in `folder`, which also has its modules. Empty if there is none.
std::optional<fs::path> image_in(const fs::path& folder) {
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(folder, error)) {
        if (entry.path().filename().string().starts_with("vmlinuz")) return entry.path();
    }
    return std::nullopt;
}

/// Returns those that `./dev setup` unpacked, or else those that this host runs.
KernelFiles default_kernel() {
    if (const auto folder = find_set_up("kernel")) {
        if (const auto image = image_in(*folder)) return {*image, *folder};
    }
    struct utsname names {};
    ::uname(&names);
    if (auto files = installed_kernel("/", names.release)) return *files;
    throw MachineError("an emulated machine needs a Linux kernel with its modules, but none is unpacked",
                       "run `./dev setup`, or name your own with GATECRASH_KERNEL and GATECRASH_MODULES");
}

InsideFile read_inside_file(const fs::path& outside, bool is_program) {
    struct stat status {};
    InsideFile file;
    try {
        const auto fd = posix::open_file(outside, O_RDONLY);
        if (::fstat(fd.get(), &status) != 0) posix::throw_errno(outside.string());
        file.content = posix::read_all(fd.get());
        if (is_program) file.content = without_debug_information(std::move(file.content));
    } catch (const std::system_error& error) {
        throw MachineError(fmt::format("cannot read {}: {}", outside.string(), error.code().message()));
    }
    file.mode = status.st_mode & 0777;
    return file;
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

fs::path cache_folder(const Machine& machine) { return default_cache(machine); }

std::optional<KernelFiles> installed_kernel(const fs::path& root, const std::string& release) {
    std::error_code error;
    const auto modules = root / "lib/modules" / release;
    if (!fs::is_directory(modules, error)) return std::nullopt;
    // Debian keeps the image in the first place, Arch in the second one, and Fedora in both.
    for (const auto& image : {root / "boot" / ("vmlinuz-" + release), modules / "vmlinuz"}) {
        if (fs::exists(image, error)) return KernelFiles{image, modules};
    }
    return std::nullopt;
}

fs::path default_kernel_image() { return default_kernel().image; }

MachineFiles MachineFiles::from_environment(const Machine& machine) {
    MachineFiles files;
    files.machine = &machine;
    files.cache = default_cache(machine);
    const auto kernel = from_environment_variable("GATECRASH_KERNEL");
    const auto modules = from_environment_variable("GATECRASH_MODULES");
    if (kernel.has_value() != modules.has_value()) {
        throw MachineError("GATECRASH_KERNEL and GATECRASH_MODULES belong together, and only one of them is set",
                           "set both: modules work only with the kernel that they were built for");
    }
    if (kernel) {
        files.kernel = *kernel;
        files.modules = *modules;
    } else if (!machine.kernel.empty()) {
        const auto image = image_in(machine.kernel);
        if (!image) throw_not_set_up(machine, "kernel in " + machine.kernel.string());
        files.kernel = *image;
        files.modules = machine.kernel;
    } else {
        auto [image, modules] = default_kernel();
        files.kernel = std::move(image);
        files.modules = std::move(modules);
    }
    return files;
}

std::optional<MachineError> missing_for_machine(const Machine& machine) {
    if (!machine.is_emulated()) return std::nullopt;
    try {
        machine.check(machine);
        const auto files = MachineFiles::from_environment(machine);
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

    InsideFiles inside_files;
    for (const auto& library : libraries) {
        if (std::find(base.begin(), base.end(), library) != base.end()) continue;
        inside_files[library] = read_inside_file(library, false);
    }
    inside_files[program] = read_inside_file(own ? "/proc/self/exe" : program, true);
    for (const auto& [outside, inside] : launch.inputs) {
        // The program itself may be an input as well. Then it is copied whole.
        inside_files[directory / inside] = read_inside_file(outside, false);
    }
    Downloads outputs;
    for (const auto& [inside, outside] : launch.outputs) outputs[directory / inside] = outside;

    RunRequest request;
    request.program = program.string();
    request.arguments = launch.arguments;
    request.arguments.insert(request.arguments.begin(), program.string());
    request.environment = make_environment(launch, libraries);
    request.directory = directory.string();
    for (const auto& [inside, outside] : outputs) request.outputs.push_back(inside.string());
    request.has_input = launch.streams.in.has_value();

    posix::SignalPipe signals;
    std::unique_ptr<Emulator> machine;
    try {
        StartRequest start{files, base, inside_files, signals};
        machine = files.machine->start(start);
    } catch (const Interrupted& interrupted) {
        return 128 + interrupted.number;
    }
    describe_terminal(request, launch.streams);
    return Session(*machine, signals, launch.streams).run(request, inside_files, outputs);
}

}  // namespace gatecrash::machines
