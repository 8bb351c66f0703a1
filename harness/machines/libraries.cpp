#include "machines/libraries.hpp"

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <sstream>

#include "machines/machine_error.hpp"
#include "posix/child_process.hpp"
#include "posix/file.hpp"

namespace gatecrash::machines {

namespace fs = std::filesystem;

namespace {

void add_once(std::vector<fs::path>& paths, const fs::path& path) {
    if (std::find(paths.begin(), paths.end(), path) == paths.end()) paths.push_back(path);
}

int collect(dl_phdr_info* info, std::size_t /*size*/, void* context) {
    auto& paths = *static_cast<std::vector<fs::path>*>(context);
    // PT_INTERP comes first: the kernel looks for the loader by that name, which may differ from the loader's own.
    for (int i = 0; i < info->dlpi_phnum; ++i) {
        const auto& segment = info->dlpi_phdr[i];
        // The loader describes where things are by addresses that are numbers.
        if (segment.p_type == PT_INTERP) {
            // NOLINTNEXTLINE(performance-no-int-to-ptr)
            add_once(paths, reinterpret_cast<const char*>(info->dlpi_addr + segment.p_vaddr));
        }
    }
    // The program itself has an empty name, and the vDSO has a name that is not a path.
    const std::string_view name = info->dlpi_name != nullptr ? info->dlpi_name : "";
    if (name.starts_with('/')) add_once(paths, name);
    return 0;
}

/// Runs a program and returns its standard output. Throws MachineError if it cannot be run.
std::string output_of(const fs::path& program, std::vector<std::string> arguments) {
    if (::access(program.c_str(), X_OK) != 0) {
        throw MachineError("cannot run " + program.string() + ": " + std::strerror(errno));
    }
    const auto nowhere = posix::open_file("/dev/null", O_WRONLY);
    return posix::ChildProcess(program, std::move(arguments), {{STDERR_FILENO, nowhere.get()}}).finish().output;
}

}  // namespace

std::vector<fs::path> own_libraries() {
    std::vector<fs::path> paths;
    ::dl_iterate_phdr(collect, &paths);
    return paths;
}

fs::path loader_of(const fs::path& program) {
    const posix::FileDescriptor fd = posix::open_file(program, O_RDONLY);
    Elf64_Ehdr header{};
    if (::pread(fd.get(), &header, sizeof(header), 0) != sizeof(header)) return {};
    if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_phentsize != sizeof(Elf64_Phdr)) return {};
    for (std::uint64_t i = 0; i < header.e_phnum; ++i) {
        Elf64_Phdr segment{};
        const auto offset = static_cast<off_t>(header.e_phoff + i * sizeof(segment));
        if (::pread(fd.get(), &segment, sizeof(segment), offset) != sizeof(segment)) return {};
        if (segment.p_type != PT_INTERP || segment.p_filesz == 0 || segment.p_filesz > 4096) continue;
        std::string name(segment.p_filesz, '\0');
        const auto got = ::pread(fd.get(), name.data(), name.size(), static_cast<off_t>(segment.p_offset));
        if (got == static_cast<ssize_t>(name.size())) return name.c_str();
    }
    return {};
}

std::string without_debug_information(std::string program) {
    Elf64_Ehdr header{};
    if (program.size() < sizeof(header)) return program;
    std::memcpy(&header, program.data(), sizeof(header));
    if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_ident[EI_CLASS] != ELFCLASS64) return program;
    if (header.e_phoff > program.size() || (program.size() - header.e_phoff) / sizeof(Elf64_Phdr) < header.e_phnum) {
        return program;
    }
    std::uint64_t end = header.e_phoff + header.e_phnum * sizeof(Elf64_Phdr);
    for (std::uint64_t i = 0; i < header.e_phnum; ++i) {
        Elf64_Phdr segment{};
        std::memcpy(&segment, program.data() + header.e_phoff + i * sizeof(segment), sizeof(segment));
        if (segment.p_offset > program.size() || segment.p_filesz > program.size() - segment.p_offset) return program;
        end = std::max(end, segment.p_offset + segment.p_filesz);
    }
    // Removes the table of sections as well, which is at the end of the file.
    header.e_shoff = 0;
    header.e_shnum = 0;
    header.e_shstrndx = 0;
    std::memcpy(program.data(), &header, sizeof(header));
    program.resize(end);
    return program;
}

std::vector<fs::path> parse_loader_list(const std::string& text) {
    // Lines look like "  libc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x...)" or "  /lib64/ld-linux-x86-64.so.2
    // (0x...)".
    std::vector<fs::path> paths;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        if (line.find("=> not found") != std::string::npos) {
            throw MachineError("a shared library is missing: " + line.substr(line.find_first_not_of(" \t")));
        }
        const auto start = line.find('/');
        if (start == std::string::npos) continue;
        add_once(paths, line.substr(start, line.rfind(" (0x") - start));
    }
    return paths;
}

std::vector<fs::path> libraries_of(const fs::path& program) {
    const auto loader = loader_of(program);
    if (loader.empty()) return {};
    auto paths = parse_loader_list(output_of(loader, {"--list", fs::absolute(program).string()}));
    add_once(paths, loader);
    return paths;
}

std::string library_search_path(const std::vector<fs::path>& libraries) {
    // The folders that a loader without a cache file searches on Debian (its multiarch folder first) and on plain
    // systems.
    static const std::array<fs::path, 6> searched = {
        "/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib", "/usr/lib", "/lib64", "/usr/lib64"};
    std::vector<fs::path> folders;
    for (const auto& library : libraries) {
        const auto folder = library.parent_path();
        if (std::find(searched.begin(), searched.end(), folder) == searched.end()) add_once(folders, folder);
    }
    std::string joined;
    for (const auto& folder : folders) joined += (joined.empty() ? "" : ":") + folder.string();
    return joined;
}

}  // namespace gatecrash::machines
