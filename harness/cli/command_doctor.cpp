#include <fmt/format.h>

#include "commands.hpp"
#include "gatecrash/emulator/run.hpp"
#include "gatecrash/kvm/error.hpp"
#include "gatecrash/report/exit_code.hpp"
#include "gatecrash/report/text_report.hpp"
#include "inside.hpp"
#include "machine_choice.hpp"
#include "output.hpp"

namespace gatecrash::cli {
namespace {

constexpr int fit = 0;
constexpr int unfit = static_cast<int>(report::ExitCode::error);

std::string lines_of(const qualify::Behaviour& behaviour) {
    if (behaviour.ok) return fmt::format("  {:<7}  {}: {}\n", "ok", behaviour.name, behaviour.got);
    auto lines = fmt::format("  {:<7}  {}{}\n", "differs", behaviour.name, behaviour.basic ? " (basic)" : "");
    const auto add = [&](std::string_view label, const std::string& text) {
        if (!text.empty()) lines += fmt::format("  {:<7}    {:<7}  {}\n", "", label, text);
    };
    add("got", behaviour.got);
    add("silicon", behaviour.expected);
    add("remedy", behaviour.remedy);
    return lines;
}

struct Examined {
    report::MachineDescription description;
    int code = unfit;  ///< fit if no basic behaviour differs
};

/// Measures this machine, and prints every behaviour of it.
Examined examine_here(TextOutput& text) {
    Examined examined{describe_here()};
    text.print(report::describe(examined.description) + "\n");
    try {
        const auto behaviours = qualify::measure(kvm::System::open());
        add_behaviours(examined.description, behaviours);
        for (const auto& behaviour : behaviours) text.print(lines_of(behaviour));
        const bool basics = !first_basic_failure(behaviours);
        examined.code = basics ? fit : unfit;
        text.print(basics ? "  fit\n"
                          : "  not fit, since a basic behaviour differs: `--machine auto` does not use it\n");
    } catch (const kvm::Error& error) {
        text.print(fmt::format("  not fit: {}\n", error.what()));
    }
    return examined;
}

/// Measures the emulated machine that `options` ask for, which prints it.
int examine_emulated(const Options& options, Documents& documents) {
    try {
        return run_inside(options, documents);
    } catch (const emulator::MachineError& error) {
        TextOutput(options).print(fmt::format("{}\n  missing: {}\n{}", name_of(emulated_machine_for(options)),
                                              error.what(),
                                              error.remedy().empty() ? "" : "  remedy: " + error.remedy() + "\n"));
        return unfit;
    }
}

/// The same for its text alone.
int show_emulated(const Options& options, MachineName machine) {
    // Its text would come out between the braces.
    if (options.json == "-") return fit;
    auto text_only = options;
    text_only.machine = machine;
    text_only.json.clear();
    Documents none(text_only);
    return examine_emulated(text_only, none);
}

}  // namespace

int doctor(const Options& options) {
    Documents documents(options);
    TextOutput text(options);
    const auto finish = [](int code) {
        if (code != fit) fmt::print(stderr, "gatecrash: no machine that was asked for can run guests: see above\n");
        return code;
    };
    if (!emulated_machine().empty() || options.machine == MachineName::host) {
        const auto here = examine_here(text);
        documents.write(here.description, {});
        return emulated_machine().empty() ? finish(here.code) : here.code;
    }
    if (options.machine != MachineName::automatic) return finish(examine_emulated(options, documents));

    // The document is of the machine that `auto` takes.
    const auto here = examine_here(text);
    const bool host = here.code == fit;
    text.print("\n");
    if (host) documents.write(here.description, {});
    const int amd = host ? show_emulated(options, MachineName::amd) : examine_emulated(options, documents);
    text.print("\n");
    (void)show_emulated(options, MachineName::intel);
    if (host || amd == fit) text.print(fmt::format("\n`--machine auto` takes {}.\n", host ? "host" : "amd"));
    return finish(host ? fit : amd);
}

}  // namespace gatecrash::cli
