#include "cli/commands.hpp"

#include <algorithm>

#include "cli/command_help.hpp"
#include "cli/saved_kernels.hpp"

namespace gatecrash::cli {

namespace po = boost::program_options;

namespace {

constexpr const Command* table[] = {&doctor_command,   &list_command,    &run_command, &explore_command, &linux_command,
                                    &kernel_command,   &replay_command,  &gdb_command, &merge_command,   &bench_command,
                                    &check_command,    &explain_command, &new_command, &worker_command,  &boot_command,
                                    &complete_command, &man_command};
/// The last commands of the table are not for people: see commands().
constexpr std::size_t for_programs = 4;

Invocation show_help(const std::string& topic = {}) {
    return {"help", [topic] { return print_help(topic); }};
}

Invocation show_version() { return {"version", print_version}; }

Invocation read_help(const Words& words) {
    if (words.empty()) return show_help();
    if (words.size() > 1) throw UsageError(fmt::format("unexpected argument '{}'", words[1]));
    if (find_command(words[0]) == nullptr) throw UsageError(fmt::format("no such command: '{}'", words[0]));
    return show_help(words[0]);
}

/// Gives each option whose value may be left out the value `standard_output` if it has none. Boost 1.74 would take the
/// next word for its value.
void join_optional_values(const OptionList& options, Words& words) {
    for (auto& word : words) {
        if (word == "--") return;
        if (!word.starts_with("--")) continue;
        const auto* option = options.find_nothrow(word.substr(2), false);
        if (option == nullptr) continue;
        const auto& value = *option->semantic();
        if (value.min_tokens() == 0 && value.max_tokens() != 0) word += fmt::format("={}", standard_output);
    }
}

}  // namespace

std::span<const Command* const> commands() { return std::span(table).first(std::size(table) - for_programs); }

const Command* find_command(std::string_view name) {
    const auto* found = std::ranges::find(table, name, &Command::name);
    return found == std::end(table) ? nullptr : *found;
}

Values read_values(const Command& command, const Words& words) {
    OptionList known;
    command.add_options(known);
    add_common(known);
    known.add_options()("argument", po::value<Words>());  // hidden: the arguments that are not options
    for (const auto* const hidden : {saved_kernel_option, kernel_exits_option})  // only this program gives them
        known.add_options()(hidden, po::value<std::string>());
    po::positional_options_description positional;
    positional.add("argument", -1);
    po::variables_map values;
    try {
        // Does not guess abbreviations: otherwise each new option could break one that somebody uses.
        const auto style = po::command_line_style::unix_style & ~po::command_line_style::allow_guessing;
        Words rest(words.begin() + 1, words.end());
        join_optional_values(known, rest);
        po::store(po::command_line_parser(rest).options(known).positional(positional).style(style).run(), values);
    } catch (const po::unknown_option& error) {
        throw UsageError(fmt::format("unknown option {}", error.get_option_name()), std::string(command.name));
    } catch (const po::error& error) {
        throw UsageError(error.what(), std::string(command.name));
    }
    return {std::string(command.name), words, std::move(values)};
}

Invocation read_command_line(const Words& arguments) {
    if (arguments.empty()) throw UsageError("no command");
    const auto& first = arguments.front();
    if (first == "help" || first == "--help" || first == "-h")
        return read_help({arguments.begin() + 1, arguments.end()});
    if (first == "--version" || first == "version") return show_version();
    if (first.starts_with('-')) throw UsageError(fmt::format("the command must come first, before {}", first));
    const auto* command = find_command(first);
    if (command == nullptr) throw UsageError(fmt::format("no such command: '{}'", first));
    const auto values = read_values(*command, arguments);
    if (values.is_set("help")) return show_help(first);
    if (values.is_set("version")) return show_version();
    return {first, command->prepare(values)};
}

}  // namespace gatecrash::cli
