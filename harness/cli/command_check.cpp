#include <fmt/format.h>

#include "check/protected_code.hpp"
#include "check/report.hpp"
#include "cli/code_files.hpp"
#include "cli/commands.hpp"
#include "cli/output.hpp"
#include "cli/version.hpp"
#include "posix/file.hpp"
#include "report/exit_code.hpp"
#include "report/run_record.hpp"

namespace gatecrash::cli {
namespace {

constexpr const char *section_option = "section", *entry_option = "entry", *suppress_option = "suppress",
                     *sarif_option = "sarif", *require_option = "require", *run_option = "with-run";

struct CheckOptions {
    CommonOptions common;
    std::string file;
    check::Request request;
    std::vector<check::Suppression> suppressions;
    Words runs;                              ///< files with results of sweeps
    std::optional<std::string> annotations;  ///< the object file that FILE was linked from
    std::optional<std::string> sarif;
};

void add_words(OptionList& options, const char* name, const char* value, const char* help) {
    options.add_options()(name, boost::program_options::value<Words>()->value_name(value), help);
}

void add_check(OptionList& options) {
    add_words(options, section_option, "NAME",
              "check this section; repeat it for more (default: .noinstr.text and .entry.text)");
    add_words(options, entry_option, "SYMBOL",
              "also an entry point; repeat it for more. SYMBOL=KIND says how the CPU enters: syscall, sysenter, idt, "
              "idt-code, idt-call, ist, ist-code, nmi or unknown (default: as the name suggests)");
    add_words(options, require_option, "WORD",
              "also require what only some kernels need; repeat it for more: verw, ibpb or spec-ctrl, on each way to "
              "CPL 3, or swapgs-fence, after each conditional SWAPGS");
    add_text(options, suppress_option, "FILE", "accept the findings that FILE lists, in lines of RULE SYMBOL REASON");
    add_words(options, run_option, "RESULT",
              "also say what a sweep of FILE executed; RESULT is its --json document. Repeat it for more");
    add_text(options, annotations_option, "OBJECT",
             "take the annotations from OBJECT, the vmlinux.o from which FILE was linked: the link of Linux discards "
             "them");
    add_text(
        options, sarif_option, "FILE",
        "also write the findings as SARIF 2.1.0; '-' is standard output, and the text then goes to standard error");
}

check::Request::Entry read_entry(const std::string& text, const Values& values) {
    const auto equals = text.find('=');
    if (equals == std::string::npos) return {text, std::nullopt};
    const auto kind = check::entry_kind(text.substr(equals + 1));
    if (!kind) {
        values.fail(fmt::format("--{} {}: the kind must be one of {}", entry_option, text, check::entry_kind_words()));
    }
    return {text.substr(0, equals), kind};
}

void require(check::Policy& policy, const std::string& word, const Values& values) {
    constexpr std::pair<std::string_view, bool check::Policy::*> needs[] = {
        {"verw", &check::Policy::needs_verw},
        {"swapgs-fence", &check::Policy::needs_swapgs_fence},
        {"ibpb", &check::Policy::needs_ibpb},
        {"spec-ctrl", &check::Policy::needs_spec_ctrl}};
    const auto* const need = std::ranges::find(needs, word, [](const auto& each) { return each.first; });
    if (need == std::end(needs)) {
        values.fail(fmt::format("--{} must be verw, swapgs-fence, ibpb or spec-ctrl, not '{}'", require_option, word));
    }
    policy.*need->second = true;
}

/// Returns the files that the command writes.
std::vector<Destination> destinations_of_check(const CheckOptions& options) {
    auto destinations = destinations_of(options.common);
    if (options.sarif) destinations.push_back({"--sarif", *options.sarif});
    return destinations;
}

CheckOptions read_check(const Values& values) {
    CheckOptions options{.common = read_common(values),
                         .file = values.only_argument("FILE"),
                         .request = {.sections = values.all(section_option), .entries = {}, .policy = {}},
                         .suppressions = {},
                         .runs = values.all(run_option),
                         .annotations = values.file_if_given(annotations_option),
                         .sarif = values.text_if_given(sarif_option)};
    check_file(options.file, "the file", values.command());
    if (options.annotations)
        check_file(*options.annotations, fmt::format("--{}", annotations_option), values.command());
    for (const auto& run : options.runs) check_file(run, fmt::format("--{}", run_option), values.command());
    if (!options.runs.empty() && !options.request.sections.empty()) {
        values.fail(fmt::format("--{} and --{} exclude each other: sweeps record .noinstr.text and .entry.text only",
                                run_option, section_option));
    }
    for (const auto& text : values.all(entry_option)) options.request.entries.push_back(read_entry(text, values));
    for (const auto& word : values.all(require_option)) require(options.request.policy, word, values);
    if (const auto file = values.file_if_given(suppress_option)) {
        check_file(*file, fmt::format("--{}", suppress_option), values.command());
        try {
            options.suppressions = check::read_suppressions(posix::read_file(*file), *file);
        } catch (const check::SuppressionError& error) {
            values.fail(error.what());
        }
    }
    values.check(destinations_of_check(options));
    return options;
}

/// Reads what sweeps executed. Refuses files that say nothing about `file`.
std::optional<report::RunRecord> read_runs(const CheckOptions& options, const check::CodeFile& file) {
    if (options.runs.empty()) return std::nullopt;
    const auto refuse = [](const std::string& name, const std::string& why) {
        throw UsageError(fmt::format("{}: {}", name, why), std::string(check_command.name));
    };
    if (!file.is_linked)
        refuse(options.file, "an object file has none of the addresses that a sweep records: name the linked file");
    const auto identity = check::identity_of(file, check::usual_sections(file));
    report::RunRecord record;
    for (const auto& name : options.runs) {
        try {
            report::add_results(record, posix::read_file(name), identity);
        } catch (const report::RunRecordError& error) {
            refuse(name, error.what());
        }
    }
    return record;
}

int run_check(const CheckOptions& options) {
    const auto destinations = destinations_of_check(options);
    Documents documents(check_command.name, destinations);
    const auto file = read_code(options.file);
    auto request = options.request;
    if (options.annotations) request.annotations = read_annotations(*options.annotations, file);
    check::CheckResult result;
    try {
        result = check::check_file(file, request);
    } catch (const kernel::ImageError& error) {
        throw kernel::ImageError(options.file + ": " + error.what());
    }
    const auto runs = read_runs(options, file);
    const auto report =
        check::make_report(file, options.file, std::move(result), options.suppressions, runs ? &*runs : nullptr);
    TextOutput(destinations, options.common.quiet).print(check::to_text(report));
    // Documents of a kernel with many findings are large.
    if (options.common.json) documents.write("--json", check::to_json(report, version));
    if (options.sarif) documents.write("--sarif", check::to_sarif(report, version));
    return static_cast<int>(report.open() == 0 ? report::ExitCode::as_expected : report::ExitCode::unexpected);
}

}  // namespace

const Command check_command{
    .name = "check",
    .arguments = " FILE",
    .summary = "check the entry code of an ELF file, without running it",
    .about =
        "FILE is an executable, an object file, a vmlinux or a bzImage for x86. gatecrash follows the code of its\n"
        "sections .noinstr.text and .entry.text, and reports each place that breaks a rule, with the path to it.\n"
        "docs/reference/check-rules.md has the rules. The exit code is 1 if there is a finding.\n",
    .examples =
        "  gatecrash check vmlinux.o\n"
        "  gatecrash check kernel.elf --section .entry --entry trap_entry=idt\n"
        "  gatecrash check kernel.elf --suppress accepted.txt --sarif check.sarif\n"
        "  gatecrash check my-guest.elf --with-run result.json\n",
    .add_options = add_check,
    .prepare = prepare<read_check, run_check>};

}  // namespace gatecrash::cli
