#include <fmt/format.h>

#include <fstream>
#include <utility>

#include "cli/commands.hpp"
#include "cli/harness_figures.hpp"
#include "cli/inside.hpp"
#include "cli/machine_choice.hpp"
#include "cli/output.hpp"
#include "cli/version.hpp"
#include "kvm/error.hpp"
#include "machines/run.hpp"
#include "report/behaviour_table.hpp"
#include "report/exit_code.hpp"
#include "report/text_report.hpp"

namespace gatecrash::cli {
namespace {

using report::ExaminedMachine;

constexpr int fit = 0;
constexpr int unfit = static_cast<int>(report::ExitCode::error);
/// Exit codes from here on tell which signal ended a program.
constexpr int ended_by_signal = 128;

std::string lines_of_measurement(const qualify::Measurement& measurement) {
    const auto name = to_string(measurement.behaviour);
    if (measurement.ok) return fmt::format("  {:<7}  {}: {}\n", "ok", name, describe(measurement.got));
    auto lines = fmt::format("  {:<7}  {}{}\n", measurement.is_silicon ? "other" : "differs", name,
                             is_basic(measurement.behaviour) ? " (basic)" : "");
    const auto add = [&](std::string_view label, const std::string& text) {
        if (!text.empty()) lines += fmt::format("  {:<7}    {:<8}  {}\n", "", label, text);
    };
    add("got", describe(measurement.got));
    add("hardware", describe(measurement.expected));
    if (measurement.is_silicon) add("but", "some real machines of this vendor answer so, too");
    add("remedy", measurement.remedy);
    return lines;
}

struct DoctorOptions {
    CommonOptions common;
    std::optional<std::string> report;  ///< the path of a document
};

std::vector<Destination> destinations_of(const DoctorOptions& options) {
    auto destinations = cli::destinations_of(options.common);
    if (options.report) destinations.push_back({"--report", *options.report});
    return destinations;
}

struct ExaminedHere {
    ExaminedMachine machine;
    std::vector<qualify::Measurement> measurements;
    std::string refusal;  ///< why KVM cannot be used, if so; then nothing was measured
};

/// Returns what is known of this machine before anything was measured.
ExaminedMachine machine_here() {
    ExaminedMachine machine{.description = describe_here(), .missing = {}, .remedy = {}, .host = {}};
    if (emulated_machine().empty()) machine.host = report::read_host_facts();
    return machine;
}

ExaminedHere examine_here(ExaminedMachine machine, const qualify::Progress& progress = {}) {
    ExaminedHere examined{.machine = std::move(machine), .measurements = {}, .refusal = {}};
    auto& description = examined.machine.description;
    try {
        examined.measurements = qualify::measure(kvm::System::open(), {}, progress);
        add_behaviours(description, examined.measurements);
        for (const auto& each : examined.measurements) {
            description.answers[each.behaviour] = qualify::describe(each.got);
        }
        examined.machine.fit = !first_basic_failure(examined.measurements);
    } catch (const kvm::Error& error) {
        examined.refusal = error.what();
    }
    return examined;
}

std::string verdict_on(const ExaminedHere& examined) {
    if (!examined.refusal.empty()) return fmt::format("  not fit: {}\n", examined.refusal);
    return examined.machine.fit
               ? "  fit\n"
               : "  not fit, because a basic behaviour differs from hardware: `--machine auto` does not use it\n";
}

std::vector<report::BehaviourRow> rows() {
    std::vector<report::BehaviourRow> rows;
    const auto texts = [](const qualify::Allowed& answers) {
        std::vector<std::string> texts;
        for (const auto& answer : answers) texts.push_back(qualify::describe(answer));
        return texts;
    };
    for (const auto& each : qualify::manuals()) {
        rows.push_back({each.behaviour, describe(each.intel), describe(each.amd), each.source, texts(each.some_intel),
                        texts(each.some_amd)});
    }
    return rows;
}

/// Returns the lines about this machine that come before its behaviours.
std::string heading_here(const ExaminedMachine& machine) {
    return report::describe(machine.description) + "\n" +
           (machine.host ? report::describe(*machine.host, machine.description.vendor) : "");
}

/// Returns the document of --report: `doctor`, and what the harness costs on this machine.
std::string report_of(const ExaminedHere& examined, const std::string& doctor) {
    const auto& machine = examined.machine;
    std::optional<report::ExpectedCost> expected;
    if (machine.host) expected = report::expected_cost(*machine.host, machine.description.vendor);
    if (!machine.fit) return report::host_report(doctor, {}, "this machine is not fit", expected);
    const auto stepper = qualify::stepper_for(examined.measurements);
    const auto figures =
        measure_harness(kvm::System::open(), machine.description, stepper, qualify::repairs_for(examined.measurements));
    return report::host_report(doctor, figures, "", expected);
}

/// Writes the name of a measurement to the console of the emulated machine. If it stops the whole machine, the error
/// message outside ends with that line.
void tell_console(qualify::Behaviour behaviour) {
    constexpr const char* error_level = "<3>";  // kernels that boot quietly show nothing less
    std::ofstream("/dev/kmsg") << error_level << "gatecrash: this machine is not fit. Next it measures "
                               << to_string(behaviour) << std::endl;
}

/// Examines this machine, and prints its behaviours.
int show_here(const DoctorOptions& options, Documents& documents) {
    TextOutput text(destinations_of(options), options.common.quiet);
    auto machine = machine_here();
    text.print(heading_here(machine));
    bool may_hang = false;
    qualify::Progress progress{.begins = {}, .ends = [&](const qualify::Measurement& measurement) {
                                   text.print(lines_of_measurement(measurement));
                                   may_hang = may_hang || (is_basic(measurement.behaviour) && !measurement.ok);
                               }};
    if (!emulated_machine().empty()) {
        progress.begins = [&](qualify::Behaviour behaviour) {
            if (may_hang) tell_console(behaviour);
        };
    }
    const auto examined = examine_here(std::move(machine), progress);
    text.print(verdict_on(examined));
    const auto document =
        report::doctor_report(version, examined.machine.description, std::span(&examined.machine, 1), rows());
    documents.write("--json", document);
    if (options.report) documents.write("--report", report_of(examined, document));
    return examined.machine.fit ? fit : unfit;
}

/// Examines the emulated machine that `options` ask for, by running this program inside it.
int show_emulated(const CommonOptions& options, Documents& documents) {
    try {
        return run_inside(options, {.documents = &documents});
    } catch (const machines::MachineError& error) {
        TextOutput(options).print(fmt::format("{}\n  missing: {}\n{}", name_of(options.machine), error.what(),
                                              error.remedy().empty() ? "" : "  remedy: " + error.remedy() + "\n"));
        return unfit;
    }
}

/// The findings of the program inside an emulated machine, and its exit code.
struct ExaminedInside {
    ExaminedMachine machine;
    int code = unfit;
};

ExaminedInside examine_emulated(const machines::Machine& machine) {
    ExaminedInside examined;
    examined.machine.description.name = machine.name;
    try {
        const auto [code, json] = output_from_inside(machine, {"doctor", "--json", "-", "--quiet"});
        examined.code = code;
        if (code > ended_by_signal) return examined;
        examined.machine.description = report::machine_of_doctor_report(json);
        examined.machine.fit = examined.code == fit;
    } catch (const machines::MachineError& error) {
        examined.machine.missing = error.what();
        examined.machine.remedy = error.remedy();
    }
    return examined;
}

std::string heading_of(const ExaminedMachine& machine) {
    if (machine.missing.empty()) {
        return fmt::format("{}\n  {}\n", report::describe(machine.description), machine.fit ? "fit" : "not fit");
    }
    return fmt::format("{}\n  missing: {}\n{}", machine.description.name, machine.missing,
                       machine.remedy.empty() ? "" : "  remedy: " + machine.remedy + "\n");
}

/// Examines every machine, and prints them side by side. A missing machine is not a failure, as long as `auto` can take
/// another.
int compare_machines(const CommonOptions& options, Documents& documents) {
    TextOutput text(options);
    const auto here = examine_here(machine_here());
    std::vector<ExaminedMachine> examined_machines{here.machine};
    text.print(heading_here(here.machine) + verdict_on(here));
    for (const auto& machine : machines::emulated_machines()) {
        if (!options.quiet) fmt::print(stderr, "gatecrash: measuring the {} machine...\n", machine.name);
        auto examined = examine_emulated(machine);
        if (examined.code > ended_by_signal) return examined.code;
        text.print("\n" + heading_of(examined.machine));
        examined_machines.push_back(std::move(examined.machine));
    }
    const auto manuals = rows();
    text.print("\n" + behaviour_table(manuals, examined_machines));
    const auto& taken = examined_machines[here.machine.fit ? 0 : 1];
    if (taken.fit) text.print(fmt::format("\n`--machine auto` uses {}.\n", taken.description.name));
    documents.write("--json", report::doctor_report(version, taken.description, examined_machines, manuals));
    return taken.fit ? fit : unfit;
}

DoctorOptions read_doctor(const Values& values) {
    DoctorOptions options{read_common(values, Machines::all), values.text_if_given("report")};
    (void)values.arguments(0);
    auto& machine = options.common.machine;
    if (options.report) {
        if (machine == MachineName::all) values.fail("--report describes one machine: name it with --machine");
        if (machine == MachineName::automatic) machine = MachineName(*machines::find_machine("host"));
    }
    values.check(destinations_of(options));
    return options;
}

void add_doctor(OptionList& options) {
    add_text(options, "report", "FILE",
             "write everything about one machine into FILE, ready to send: its facts, its behaviours, and what "
             "the harness costs there; without --machine, about this host");
}

int doctor(const DoctorOptions& asked) {
    const auto& options = asked.common;
    Documents documents(doctor_command.name, destinations_of(asked));
    if (!emulated_machine().empty()) return show_here(asked, documents);
    const bool all = options.machine == MachineName::automatic || options.machine == MachineName::all;
    const int code = all                         ? compare_machines(options, documents)
                     : options.machine.is_host() ? show_here(asked, documents)
                                                 : show_emulated(options, documents);
    if (code == unfit)
        fmt::print(stderr, "gatecrash: none of the requested machines can run guests: the reasons are above\n");
    return code;
}

}  // namespace

const Command doctor_command{
    .name = "doctor",
    .arguments = "",
    .summary = "show what this host can run, and how to get what is missing",
    .about =
        "Measures what each machine's KVM really does, and compares it with what the manuals say about\n"
        "hardware. Without --machine, or with --machine all, it shows all machines side by side.\n",
    .examples =
        "  gatecrash doctor                      every machine\n"
        "  gatecrash doctor --machine host       only this host's KVM\n"
        "  gatecrash doctor --report host.json   a file about this host, to send\n",
    .add_options = add_doctor,
    .prepare = prepare<read_doctor, doctor>};

}  // namespace gatecrash::cli
