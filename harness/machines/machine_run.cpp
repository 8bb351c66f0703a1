// Runs any program inside an emulated machine. It is the machines' own test driver, and handy at a prompt.

#include <fmt/format.h>

#include <cstring>

#include "machines/run.hpp"

namespace {

using gatecrash::machines::Machine;

constexpr const char* usage =
    "usage: machine-run [--machine NAME] [--stdin] [--input OUTSIDE=INSIDE]... [--output INSIDE=OUTSIDE]... "
    "[--env NAME=VALUE]... "
    "PROGRAM [ARG...]\n";

/// Splits "A=B" into a pair. Throws std::invalid_argument.
std::pair<std::string, std::string> split(const std::string& text) {
    const auto equals = text.find('=');
    if (equals == std::string::npos) throw std::invalid_argument("no '=' in " + text);
    return {text.substr(0, equals), text.substr(equals + 1)};
}

struct Wanted {
    const Machine* machine = &gatecrash::machines::usual_machine();
    gatecrash::machines::Launch launch;
};

const Machine* machine_named(const std::string& name) {
    const auto* machine = gatecrash::machines::find_machine(name);
    if (machine != nullptr && machine->is_emulated()) return machine;
    throw std::invalid_argument("no machine " + name);
}

Wanted parse(const std::vector<std::string>& arguments) {
    Wanted wanted;
    auto& launch = wanted.launch;
    std::size_t at = 0;
    for (; at < arguments.size() && arguments[at].starts_with("--"); ++at) {
        const auto& option = arguments[at];
        if (option == "--stdin") {
            launch.streams.in = STDIN_FILENO;
            continue;
        }
        if (++at == arguments.size()) throw std::invalid_argument("no value for " + option);
        if (option == "--machine") {
            wanted.machine = machine_named(arguments[at]);
            continue;
        }
        const auto [first, second] = split(arguments[at]);
        if (option == "--input") {
            launch.inputs[first] = second;
        } else if (option == "--output") {
            launch.outputs[first] = second;
        } else if (option == "--env") {
            launch.environment[first] = second;
        } else {
            throw std::invalid_argument("unknown option " + option);
        }
    }
    if (at == arguments.size()) throw std::invalid_argument("no program");
    launch.program = arguments[at];
    launch.arguments.assign(arguments.begin() + static_cast<std::ptrdiff_t>(at) + 1, arguments.end());
    return wanted;
}

}  // namespace

int main(int argc, char** argv) {
    using namespace gatecrash::machines;
    try {
        const auto [machine, launch] = parse({argv + 1, argv + argc});
        return run_in_machine(MachineFiles::from_environment(*machine), launch);
    } catch (const std::invalid_argument& error) {
        fmt::print(stderr, "machine-run: {}\n{}", error.what(), usage);
        for (const auto& each : emulated_machines()) fmt::print(stderr, "  {:<6} {}\n", each.name, each.summary);
        return 2;
    } catch (const MachineError& error) {
        fmt::print(stderr, "machine-run: {}\n", error.what());
        if (!error.remedy().empty()) fmt::print(stderr, "  {}\n", error.remedy());
        return 3;
    } catch (const std::exception& error) {
        fmt::print(stderr, "machine-run: {}\n", error.what());
        return 3;
    }
}
