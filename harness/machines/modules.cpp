#include "machines/modules.hpp"

#include <elf.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <span>
#include <sstream>

#include "kernel/payload.hpp"
#include "machines/machine_error.hpp"
#include "posix/file.hpp"

namespace gatecrash::machines {

namespace {

/// Returns a copy of the `Type` at `offset`. Checks bounds, since the file may be anything.
template <typename Type>
Type at(std::string_view object, std::uint64_t offset) {
    if (offset > object.size() || object.size() - offset < sizeof(Type)) {
        throw MachineError("a kernel module is truncated");
    }
    Type value;
    std::memcpy(&value, object.data() + offset, sizeof(value));
    return value;
}

std::string_view slice(std::string_view object, std::uint64_t offset, std::uint64_t size) {
    if (offset > object.size() || object.size() - offset < size) throw MachineError("a kernel module is truncated");
    return object.substr(offset, size);
}

/// Returns the content of section `wanted`. Empty if there is none.
std::string_view section(std::string_view object, std::string_view wanted) {
    if (!object.starts_with(ELFMAG)) {
        throw MachineError("a kernel module is not an ELF file", "name another folder with GATECRASH_MODULES");
    }
    const auto header = at<Elf64_Ehdr>(object, 0);
    const auto section_header = [&](std::uint64_t index) {
        return at<Elf64_Shdr>(object, header.e_shoff + index * sizeof(Elf64_Shdr));
    };
    const auto names_header = section_header(header.e_shstrndx);
    const auto names = slice(object, names_header.sh_offset, names_header.sh_size);
    for (std::uint64_t i = 0; i < header.e_shnum; ++i) {
        const auto candidate = section_header(i);
        auto name = names.substr(std::min<std::size_t>(candidate.sh_name, names.size()));
        name = name.substr(0, name.find('\0'));
        if (name == wanted) return slice(object, candidate.sh_offset, candidate.sh_size);
    }
    return {};
}

std::vector<std::string> split_names(const std::string& list) {
    std::vector<std::string> names;
    std::istringstream stream(list);
    for (std::string name; std::getline(stream, name, ',');) {
        if (!name.empty()) names.push_back(module_name(name));
    }
    return names;
}

/// Lists everything below the module folder, by module name.
struct ModuleFolder {
    std::map<std::string, std::filesystem::path> files;
    std::vector<std::string> builtin;

    explicit ModuleFolder(const std::filesystem::path& folder) {
        namespace fs = std::filesystem;
        std::error_code error;
        for (fs::recursive_directory_iterator entry(folder, error), end; !error && entry != end;
             entry.increment(error)) {
            const auto& path = entry->path();
            const auto name = path.filename().string();
            const auto dot = name.find(".ko");
            if (dot != std::string::npos && dot > 0) files.emplace(module_name(name.substr(0, dot)), path);
            if (name == "modules.builtin") read_builtin(path);
        }
        if (error) {
            throw MachineError(
                fmt::format("cannot read the kernel's modules in {}: {}", folder.string(), error.message()),
                "run `./dev setup`, or name another folder with GATECRASH_MODULES");
        }
    }

    bool has_builtin(const std::string& name) const {
        return std::find(builtin.begin(), builtin.end(), name) != builtin.end();
    }

  private:
    void read_builtin(const std::filesystem::path& path) {
        std::istringstream lines(posix::read_file(path));
        for (std::string line; std::getline(lines, line);) {
            builtin.push_back(module_name(std::filesystem::path(line).stem().string()));
        }
    }
};

/// Reads a module, which most distributions compress.
std::string read_module(const std::filesystem::path& file) {
    auto object = posix::read_file(file);
    if (file.extension() == ".ko") return object;
    try {
        return std::string(kernel::text_of(kernel::decompress(std::as_bytes(std::span(object)))));
    } catch (const kernel::ImageError& error) {
        throw MachineError(fmt::format("cannot unpack {}: {}", file.string(), error.what()),
                           "decompress the *.ko files, or name another folder with GATECRASH_MODULES");
    }
}

}  // namespace

std::string module_name(std::string_view name) {
    std::string result(name);
    std::replace(result.begin(), result.end(), '-', '_');
    return result;
}

std::vector<std::string> module_dependencies(std::string_view object) {
    constexpr std::string_view key = "depends=";
    auto info = section(object, ".modinfo");
    while (!info.empty()) {
        const auto line = info.substr(0, info.find('\0'));
        if (line.starts_with(key)) return split_names(std::string(line.substr(key.size())));
        info.remove_prefix(std::min(info.size(), line.size() + 1));
    }
    return {};
}

std::vector<std::string> module_order(std::span<const std::string> wanted,
                                      const std::map<std::string, std::vector<std::string>>& depends) {
    enum class Mark { open, done };
    std::map<std::string, Mark> marks;
    std::vector<std::string> order;
    const std::function<void(const std::string&)> visit = [&](const std::string& name) {
        if (const auto mark = marks.find(name); mark != marks.end()) {
            if (mark->second == Mark::open) {
                throw MachineError("the kernel modules depend on each other in a circle: " + name);
            }
            return;
        }
        const auto needs = depends.find(name);
        if (needs == depends.end()) throw MachineError("no kernel module " + name);
        marks[name] = Mark::open;
        for (const auto& need : needs->second) visit(need);
        marks[name] = Mark::done;
        order.push_back(name);
    };
    for (const auto& name : wanted) visit(module_name(name));
    return order;
}

std::vector<Module> read_modules(const std::filesystem::path& folder, std::span<const std::string> wanted) {
    const ModuleFolder available(folder);
    std::map<std::string, std::string> objects;
    std::map<std::string, std::vector<std::string>> depends;
    std::vector<std::string> open;
    for (const auto& name : wanted) open.push_back(module_name(name));
    while (!open.empty()) {
        const auto name = open.back();
        open.pop_back();
        if (depends.contains(name)) continue;
        auto& needs = depends[name];
        const auto file = available.files.find(name);
        if (file != available.files.end()) {
            objects[name] = read_module(file->second);
            needs = module_dependencies(objects[name]);
            open.insert(open.end(), needs.begin(), needs.end());
        } else if (!available.has_builtin(name)) {
            throw MachineError(fmt::format("the kernel has no module {} in {}", name, folder.string()),
                               "run `./dev setup`, or name another folder with GATECRASH_MODULES");
        }
    }
    std::vector<Module> modules;
    for (const auto& name : module_order(wanted, depends)) {
        if (const auto object = objects.find(name); object != objects.end()) {
            modules.push_back({name, std::move(object->second)});
        }
    }
    return modules;
}

}  // namespace gatecrash::machines
