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

int examine_amd(const Options& options, Documents& documents) {
    try {
        return run_inside(options, documents);
    } catch (const emulator::MachineError& error) {
        TextOutput(options).print(fmt::format("amd\n  missing: {}\n{}", error.what(),
                                              error.remedy().empty() ? "" : "  remedy: " + error.remedy() + "\n"));
        return unfit;
    }
}

}  // namespace

int doctor(const Options& options) {
    Documents documents(options);
    TextOutput text(options);
    const auto finish = [](int code) {
        if (code != fit) fmt::print(stderr, "gatecrash: no machine that was asked for can run guests: see above\n");
        return code;
    };
    if (options.machine == MachineName::intel) (void)choose_machine(options.machine, false);
    if (!emulated_machine().empty() || options.machine == MachineName::host) {
        const auto here = examine_here(text);
        documents.write(here.description, {});
        return emulated_machine().empty() ? finish(here.code) : here.code;
    }
    if (options.machine == MachineName::amd) return finish(examine_amd(options, documents));

    // The document is of the machine that `auto` takes.
    const auto here = examine_here(text);
    const bool host = here.code == fit;
    text.print("\n");
    int amd = fit;
    if (!host) {
        amd = examine_amd(options, documents);
    } else {
        documents.write(here.description, {});
        auto text_only = options;
        text_only.json.clear();
        Documents none(text_only);
        // Its text would come out between the braces.
        if (options.json != "-") amd = examine_amd(text_only, none);
    }
    text.print("\nintel\n  not in this version\n");
    if (host || amd == fit) text.print(fmt::format("\n`--machine auto` takes {}.\n", host ? "host" : "amd"));
    return finish(host ? fit : amd);
}

}  // namespace gatecrash::cli
