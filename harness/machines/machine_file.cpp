#include "machines/machine_file.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <system_error>

#include "machines/machine_error.hpp"
#include "machines/set_up.hpp"
#include "posix/file.hpp"

namespace gatecrash::machines {

namespace fs = std::filesystem;
using Json = nlohmann::json;

namespace {

constexpr std::array members{"name",     "like",   "summary",          "cpu",
                             "emulator", "kernel", "kernel_arguments", "module_parameters"};

/// Returns the member `name`, or `otherwise` if the machine has none.
std::string text(const Json& machine, const char* name, const std::string& otherwise) {
    const auto found = machine.find(name);
    if (found == machine.end()) return otherwise;
    if (!found->is_string()) throw MachineError(fmt::format("`{}` is not a string", name));
    return found->get<std::string>();
}

const Machine& model_of(const Json& machine) {
    const auto like = text(machine, "like", "");
    const auto models = emulated_machines();
    const auto found = std::ranges::find(models, like, &Machine::name);
    if (found != models.end()) return *found;
    std::vector<std::string> names;
    for (const auto& model : models) names.push_back(model.name);
    throw MachineError(fmt::format("`like` must be {}, not '{}'", fmt::join(names, " or "), like));
}

Machine read_machine(const Json& json, const fs::path& folder) {
    if (!json.is_object()) throw MachineError("a machine is not an object");
    for (const auto& [member, value] : json.items()) {
        if (std::ranges::find(members, member) == members.end())
            throw MachineError(
                fmt::format("there is no member `{}`: a machine has {}", member, fmt::join(members, ", ")));
    }
    auto machine = model_of(json);
    machine.name = text(json, "name", "");
    const auto is_good = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
    };
    if (machine.name.empty() || !std::ranges::all_of(machine.name, is_good) || machine.name == "auto" ||
        machine.name == "all") {
        throw MachineError(
            fmt::format("`name` must have small letters, digits, '-' and '.', and not be '{}'", machine.name));
    }
    machine.summary = text(json, "summary", machine.summary);
    machine.cpu = text(json, "cpu", machine.cpu);
    machine.kernel_arguments = text(json, "kernel_arguments", "");
    if (const auto emulator = text(json, "emulator", ""); !emulator.empty()) machine.emulator = folder / emulator;
    if (const auto kernel = text(json, "kernel", ""); !kernel.empty()) machine.kernel = folder / kernel;
    const auto all_parameters = json.value("module_parameters", Json::object());
    if (!all_parameters.is_object()) throw MachineError("`module_parameters` is not an object");
    for (const auto& [module, parameters] : all_parameters.items()) {
        if (!parameters.is_string()) throw MachineError(fmt::format("the parameters of {} are not a string", module));
        machine.module_parameters[module] = parameters.get<std::string>();
    }
    machine.setup = "./dev setup --machines";
    machine.or_else = ", or name another folder in the machine's file";
    return machine;
}

}  // namespace

std::vector<Machine> read_machine_file(const fs::path& file) {
    try {
        const auto document = Json::parse(posix::read_file(file));
        std::vector<Machine> machines;
        const auto folder = fs::absolute(file).parent_path();
        for (const auto& machine : document.at("machines")) machines.push_back(read_machine(machine, folder));
        return machines;
    } catch (const MachineError& error) {
        throw MachineError(fmt::format("the file of machines {}: {}", file.string(), error.what()),
                           "docs/how-to/add-a-machine.md describes the file");
    } catch (const Json::exception& error) {
        throw MachineError(fmt::format("the file of machines {}: {}", file.string(), error.what()),
                           "docs/how-to/add-a-machine.md describes the file");
    } catch (const std::system_error& error) {
        throw MachineError(
            fmt::format("cannot read the file of machines {}: {}", file.string(), error.code().message()),
            fmt::format("name another one with {}", machines_variable));
    }
}

std::vector<Machine> read_machine_files() {
    std::vector<Machine> all;
    if (const char* name = std::getenv(inside_variable); name != nullptr && *name != '\0') {
        const auto table = all_machines();
        if (std::ranges::find(table, name, &Machine::name) == table.end()) {
            auto machine = usual_machine();
            machine.name = name;
            all.push_back(std::move(machine));
        }
        return all;
    }
    std::vector<fs::path> files;
    if (const char* file = std::getenv(machines_variable); file != nullptr && *file != '\0') files.emplace_back(file);
    if (const auto made = find_set_up("machines.json")) files.push_back(*made);
    for (const auto& file : files) {
        for (auto& machine : read_machine_file(file)) {
            const auto is_same = [&](const Machine& other) { return other.name == machine.name; };
            const auto table = all_machines();
            if (std::ranges::any_of(table, is_same) || std::ranges::any_of(all, is_same)) {
                throw MachineError(fmt::format("the file of machines {}: there is a machine '{}' already",
                                               file.string(), machine.name),
                                   "give it another name");
            }
            all.push_back(std::move(machine));
        }
    }
    return all;
}

}  // namespace gatecrash::machines
