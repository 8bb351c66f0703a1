#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "cases/registry.hpp"
#include "cli/commands.hpp"
#include "cli/markdown.hpp"
#include "cli/option_groups.hpp"
#include "cli/output.hpp"
#include "cli/reference.hpp"
#include "cli/replay.hpp"
#include "cli/select.hpp"
#include "cli/version.hpp"

namespace gatecrash::cli {
namespace {

struct ExplainOptions {
    CommonOptions common;
    std::vector<Term> terms{};                ///< to explain; none: to list what can be explained
    std::optional<ReplayOptions> findings{};  ///< schedules to explain instead
};

/// A schedule without events is only a target: CASE/VARIANT, or a file. One term has a slash, too.
bool is_schedule(const std::string& word) {
    if (word.find('@') != std::string::npos) return true;
    return word.find('/') != std::string::npos && (is_file(word) || schedule_of(word) != ScheduleOf::guest ||
                                                   find_variant(cases::all_cases(), word).variant != nullptr);
}

/// Returns the terms that `words` name. All words together can be one name, such as "kernel GS". Otherwise each word is
/// a name.
std::vector<Term> terms_named(const Words& words, const Values& values) {
    const auto known = terms_of(reference_pages());
    auto named = find_terms(known, fmt::format("{}", fmt::join(words, " ")));
    if (!named.empty()) return named;
    for (const auto& word : words) {
        auto found = find_terms(known, word);
        if (found.empty()) {
            const auto similar = names_like(known, word);
            values.fail(fmt::format("'{}' is not explained; {}", word,
                                    similar.empty() ? "`gatecrash explain` lists what is"
                                                    : fmt::format("similar: {}", fmt::join(similar, ", "))));
        }
        std::ranges::move(found, std::back_inserter(named));
    }
    return named;
}

ExplainOptions read_explain(const Values& values) {
    ExplainOptions options{.common = read_common(values)};
    const auto words = values.arguments();
    if (std::ranges::any_of(words, is_schedule)) {
        if (!std::ranges::all_of(words, is_schedule)) values.fail("explain terms and schedules one by one");
        options.findings = read_schedules(values);
        options.findings->trace.has_story = true;
        return options;
    }
    OptionList of_schedules;
    add_kernel_replay(of_schedules);
    if (const auto given = values.given_of(of_schedules)) values.fail(fmt::format("--{} is for schedules", *given));
    if (!words.empty()) options.terms = terms_named(words, values);
    return options;
}

std::string text_of(const Term& term) {
    const auto heading = term.title.empty() ? term.name() : fmt::format("{}: {}", term.name(), term.title);
    const auto section = term.section.empty() ? "" : fmt::format(", \"{}\"", term.section);
    return fmt::format("{}\n({}{})\n\n{}", heading, term.page, section, to_terminal(term.text));
}

/// Sections have a line each, with their titles; the terms of tables stand one after another.
std::string listing() {
    std::string text = "`gatecrash explain TERM` explains each of these.\n";
    for (const auto& page : reference_pages()) {
        text += fmt::format("\n{} ({})\n", title_of(page), page.name);
        const auto terms = terms_of(page);
        std::size_t width = 0;
        std::vector<std::string> rows;
        for (const auto& term : terms) {
            if (term.title.empty()) {
                rows.push_back(term.name());
            } else {
                width = std::max(width, term.name().size());
            }
        }
        for (const auto& term : terms) {
            if (term.title.empty()) continue;
            text += wrapped(without_markup(term.title), fmt::format("  {:<{}}  ", term.name(), width),
                            std::string(width + 4, ' '));
        }
        if (!rows.empty()) text += wrapped(fmt::format("{}", fmt::join(rows, ", ")), "  ", "  ");
    }
    return text;
}

Words known_terms() {
    Words names;
    for (const auto& term : terms_of(reference_pages())) names.push_back(term.name());
    return names;
}

int explain(const ExplainOptions& options) {
    if (options.findings) return replay(explain_command.name, *options.findings);
    Documents documents(explain_command.name, destinations_of(options.common));
    const bool is_listing = options.terms.empty();
    std::string text = is_listing ? listing() : "";
    for (const auto& term : options.terms) text += (text.empty() ? "" : "\n") + text_of(term);
    TextOutput(options.common).print(text);
    auto terms = nlohmann::ordered_json::array();
    for (const auto& term : is_listing ? terms_of(reference_pages()) : options.terms) {
        terms.push_back({{"names", term.names}, {"page", term.page}, {"text", term.text}});
    }
    const nlohmann::ordered_json document{{"gatecrash", version}, {"terms", terms}};
    documents.write("--json", document.dump(2) + "\n");
    return 0;
}

}  // namespace

const Command explain_command{
    .name = "explain",
    .arguments = " [TERM...|SCHEDULE...]",
    .summary = "explain a finding, or an invariant, an event, a behaviour, a row of the catalogue, a word",
    .about =
        "A SCHEDULE is that of a finding, as `run` and `explore` print it. The command replays it, and tells in\n"
        "sentences which frames are pushed, who writes to them and what breaks. Schedules of `linux` and `kernel`\n"
        "need the options that these had.\n"
        "\n"
        "A TERM is an invariant (I4), an event (nmi), a behaviour (sti-shadow), a row of the "
        "catalogue (A7), a\n"
        "verdict, a status, an exit code or a word of the glossary. Without a TERM, it lists "
        "all of them. The\n"
        "text is that of the pages in docs/reference.\n",
    .examples =
        "  gatecrash explain                   what can be explained\n"
        "  gatecrash explain I4 nmi\n"
        "  gatecrash explain 'nested-nmi/flag-only@nmi:nmi_iret'\n"
        "  gatecrash explain kernel GS         the name of I2\n",
    .add_options = add_kernel_replay,
    .prepare = prepare<read_explain, explain>,
    .known_arguments = known_terms};

}  // namespace gatecrash::cli
