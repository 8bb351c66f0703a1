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

/// An emulated machine, and where its own files are.
struct MachineFiles {
    const Machine* machine = &usual_machine();
    std::filesystem::path cache;    ///< folder for saved states or discs; created when it is not there
    std::filesystem::path kernel;   ///< a bzImage
    std::filesystem::path modules;  ///< folder with that kernel's *.ko files, searched recursively

    /// From GATECRASH_CACHE, GATECRASH_KERNEL and GATECRASH_MODULES, and for what they do not name: what `./dev setup`
    /// put into the build folder, else the running kernel's own files. The cache is in the build folder where that can
    /// be written, else in $XDG_CACHE_HOME/gatecrash. Throws MachineError when no kernel is found.
    static MachineFiles from_environment(const Machine& machine = usual_machine());
};

/// What a program's standard streams are connected to: descriptors of this process, which stay the caller's.
struct StandardStreams {
    std::optional<int> in;  ///< none: standard input is empty inside
    int out = STDOUT_FILENO;
    int err = STDERR_FILENO;
};

/// One program to run. Paths inside the machine are the same as outside unless said otherwise, so that arguments that
/// name files stay true.
struct Launch {
    /// The program; its absolute path inside is that of outside. Default: the running program.
    std::filesystem::path program;
    /// argv[1] and on. argv[0] is `program`.
    std::vector<std::string> arguments;
    /// The program's whole environment beside PATH, HOME, TERM and, where needed, LD_LIBRARY_PATH.
    std::map<std::string, std::string> environment;
    /// Working directory inside, created there. Default: the current one.
    std::filesystem::path directory;
    /// Path outside -> path inside: copied in before the program starts.
    std::map<std::filesystem::path, std::filesystem::path> inputs;
    /// Path inside -> path outside: copied out when the program ended, whatever its exit code. A file that the program
    /// did not make is not copied. Relative paths inside start at `directory`.
    std::map<std::filesystem::path, std::filesystem::path> outputs;
    StandardStreams streams;
};

/// Runs a program inside the machine and returns its exit code, 128+n when signal n ended it.
///
/// Standard output and standard error stream live and byte-exact; where one of them is a terminal, it is one inside
/// too, with its size. Standard input, if there is one, is a pipe inside; it is read no further than 256 KiB beyond
/// what the program has read, and not at all once the program is known to have closed it. SIGINT, SIGTERM and SIGHUP
/// are passed on; a second one, or no end within 3 seconds, ends the machine and returns 128+n. While this runs, the
/// handlers of these signals, of SIGWINCH and of SIGPIPE are this function's, so only one thread may call it at a time.
///
/// Throws MachineError when the machine cannot be started or stops answering, or standard input cannot be read. Needs
/// no root, opens no network port and leaves nothing behind outside of the cache folder, even when this process is
/// killed.
int run_in_machine(const MachineFiles& files, const Launch& launch);

/// Returns what `machine` lacks on this host, as an error with its remedy; empty if run_in_machine() should work, or
/// for the host itself. It is quick, and starts nothing.
std::optional<MachineError> missing_for_machine(const Machine& machine);

}  // namespace gatecrash::machines
