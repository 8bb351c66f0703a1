// Runs a program inside an emulated computer with a real /dev/kvm. See docs/explanation/machines.md.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "machines/machine_error.hpp"
#include "machines/machines.hpp"

namespace gatecrash::machines {

/// An emulated machine, and where this host has its files.
struct MachineFiles {
    const Machine* machine = &usual_machine();
    std::filesystem::path cache;    ///< folder for saved states or discs; created if it is missing
    std::filesystem::path kernel;   ///< a bzImage
    std::filesystem::path modules;  ///< folder with that kernel's *.ko files, searched recursively

    /// Takes the paths from GATECRASH_CACHE, GATECRASH_KERNEL and GATECRASH_MODULES. If the last two are not set, it
    /// takes the kernel that `./dev setup` put into the build folder, or else the running kernel. If GATECRASH_CACHE is
    /// not set, the cache is in the build folder if that can be written, or else in $XDG_CACHE_HOME/gatecrash. Throws
    /// MachineError if no kernel is found.
    static MachineFiles from_environment(const Machine& machine = usual_machine());
};

/// A bzImage, and the folder with its modules.
struct KernelFiles {
    std::filesystem::path image, modules;
};

/// Returns the files of the installed kernel `release`, below `root`. Empty if one of them does not exist.
[[nodiscard]] std::optional<KernelFiles> installed_kernel(const std::filesystem::path& root,
                                                          const std::string& release);

/// Returns the folder in which this host keeps what belongs to `machine`. Throws MachineError if there is none.
std::filesystem::path cache_folder(const Machine& machine);
/// Returns the bzImage that `./dev setup` unpacked, or else that of the running kernel. Throws MachineError if neither
/// exists.
std::filesystem::path default_kernel_image();

/// The descriptors of this process that a program's standard streams are connected to. The caller still owns them.
struct StandardStreams {
    std::optional<int> in;  ///< empty: standard input is empty inside
    int out = STDOUT_FILENO;
    int err = STDERR_FILENO;
};

/// A program to run. Paths inside the machine are the same as outside unless said otherwise, so that arguments that
/// name files stay true.
struct Launch {
    /// The program, which has the same absolute path inside. Default: the running program.
    std::filesystem::path program;
    /// argv[1] and the following. argv[0] is `program`.
    std::vector<std::string> arguments;
    /// The program's whole environment except PATH, HOME, TERM and, where needed, LD_LIBRARY_PATH.
    std::map<std::string, std::string> environment;
    /// The working directory inside, which is created there. Default: the current one.
    std::filesystem::path directory;
    /// Maps paths outside to paths inside. These files are copied in before the program starts.
    std::map<std::filesystem::path, std::filesystem::path> inputs;
    /// Maps paths inside to paths outside. These files are copied out after the program ended, whatever its exit code.
    /// A file that the program did not make is not copied. Relative paths inside start at `directory`.
    std::map<std::filesystem::path, std::filesystem::path> outputs;
    StandardStreams streams;
};

/// Runs a program inside the machine and returns its exit code, or 128+n if signal n ended it.
///
/// Standard output and standard error stream live and byte-exact. If one of them is a terminal, it is one inside, too,
/// with the same size. Standard input, if there is one, is a pipe inside. This function reads at most 256 KiB more of
/// it than the program has read, and nothing once it knows that the program closed it. It passes on SIGINT, SIGTERM and
/// SIGHUP. A second one, or no end within 3 seconds, ends the machine and returns 128+n. While this function runs, it
/// handles these signals, SIGWINCH and SIGPIPE, so only one thread may call it at a time.
///
/// Throws MachineError if the machine cannot be started or stops answering, or if standard input cannot be read. Needs
/// no root, opens no network port and leaves no file outside of the cache folder, even if this process is killed.
int run_in_machine(const MachineFiles& files, const Launch& launch);

/// Returns what `machine` lacks on this host, as an error with its remedy; empty if run_in_machine() should work, or
/// for the host itself. It is quick, and starts nothing.
std::optional<MachineError> missing_for_machine(const Machine& machine);

}  // namespace gatecrash::machines
