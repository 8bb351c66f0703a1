#include "cli/completion.hpp"

#include <algorithm>

#include "cases/registry.hpp"
#include "cli/commands.hpp"
#include "kernel/guest_cpu.hpp"

namespace gatecrash::cli {
namespace {

using Candidates = std::vector<Candidate>;

/// Placeholders of options and arguments that stand for the name of a file or a folder.
constexpr std::string_view file_words[] = {"FILE", "IMAGE", "TARGET"}, folder_words[] = {"DIR"};

Candidates machine_names() {
    Candidates names;
    for (const auto name : MachineName::every()) names.push_back({std::string(name.word())});
    for (const auto& machine : machines::further_machines()) names.push_back({machine.name});
    return names;
}

Candidates stepper_names() {
    Candidates names;
    for (const auto& choice : stepper_words) names.push_back({std::string(choice.word)});
    return names;
}

Candidates event_names() {
    Candidates names;
    for (const auto& form : sweep::event_forms()) {
        if (form.find('=') == std::string::npos) names.push_back({form});
    }
    return names;
}

Candidates cpu_names() {
    Candidates names;
    for (const auto& choice : kernel::cpu_choices())
        names.push_back({std::string(choice.name), std::string(choice.why)});
    return names;
}

/// The options whose values this program knows.
constexpr struct {
    std::string_view name;
    Candidates (*values)();
    bool is_list;  ///< commas separate several values
} known_values[] = {{"machine", machine_names, false},
                    {"stepper", stepper_names, false},
                    {"events", event_names, true},
                    {"cpu", cpu_names, true}};

template <std::size_t count>
bool names_one_of(std::string_view text, const std::string_view (&words)[count]) {
    return std::ranges::any_of(words, [&](auto word) { return text.find(word) != std::string_view::npos; });
}

/// Completes what `placeholder` stands for with files and folders.
Completion paths_for(std::string_view placeholder) {
    return {.candidates = {},
            .files = names_one_of(placeholder, file_words),
            .folders = names_one_of(placeholder, folder_words)};
}

/// Returns the options of `command`.
OptionList options_of(const Command& command) {
    OptionList options;
    command.add_options(options);
    add_common(options);
    return options;
}

/// Returns the option that `word` names and that has a value; null for any other word.
const boost::program_options::option_description* option_with_value(const OptionList& options, std::string_view word) {
    if (!word.starts_with("--")) return nullptr;
    const auto* option = options.find_nothrow(std::string(word.substr(2)), false);
    return option != nullptr && option->semantic()->max_tokens() != 0 ? option : nullptr;
}

/// True if the value of `option` can be the next word. An optional value cannot.
bool takes_next_word(const boost::program_options::option_description& option) {
    return option.semantic()->min_tokens() != 0;
}

/// Completes `value`, the value of `option`.
Completion complete_value(const boost::program_options::option_description& option, std::string_view value) {
    const auto* known = std::ranges::find(known_values, option.long_name(), [](const auto& row) { return row.name; });
    if (known == std::end(known_values)) return paths_for(option.format_parameter());
    Completion completion{.candidates = known->values()};
    const auto comma = known->is_list ? value.rfind(',') : std::string_view::npos;
    if (comma == std::string_view::npos) return completion;
    for (auto& candidate : completion.candidates) {
        candidate.word = std::string(value.substr(0, comma + 1)) + candidate.word;
    }
    return completion;
}

Completion complete_option(const OptionList& options) {
    Completion completion;
    for (const auto& option : options.options()) {
        completion.candidates.push_back({"--" + option->long_name(), option->description()});
    }
    return completion;
}

Completion complete_command() {
    Completion completion;
    for (const auto* command : commands()) {
        completion.candidates.push_back({std::string(command->name), std::string(command->summary)});
    }
    completion.candidates.push_back({"help", "print the help of a command"});
    for (const auto* option : {"--help", "--version"}) completion.candidates.push_back({option});
    return completion;
}

Completion complete_argument(const Command& command) {
    auto completion = paths_for(command.arguments);
    if (command.known_arguments != nullptr) {
        for (auto& word : command.known_arguments()) completion.candidates.push_back({std::move(word)});
    }
    return completion;
}

/// Completes `words` without a look at how the last one begins.
Completion complete_any(const Words& words) {
    if (words.size() < 2) return complete_command();
    if (words.front() == "help" && words.size() == 2) return complete_command();
    const auto* command = find_command(words.front());
    if (command == nullptr) return {};
    const auto& last = words.back();
    const auto& before = words[words.size() - 2];
    const auto options = options_of(*command);
    if (std::find(words.begin(), words.end() - 1, "--") != words.end() - 1) return complete_argument(*command);
    if (const auto* option = option_with_value(options, before); option != nullptr && takes_next_word(*option))
        return complete_value(*option, last);
    if (const auto equals = last.find('='); equals != std::string::npos) {
        const auto* option = option_with_value(options, last.substr(0, equals));
        if (option == nullptr) return complete_argument(*command);
        auto completion = complete_value(*option, std::string_view(last).substr(equals + 1));
        for (auto& candidate : completion.candidates) candidate.word = last.substr(0, equals + 1) + candidate.word;
        return completion;
    }
    return last.starts_with('-') ? complete_option(options) : complete_argument(*command);
}

}  // namespace

Completion complete(const Words& words) {
    auto completion = complete_any(words);
    const auto& last = words.empty() ? std::string() : words.back();
    std::erase_if(completion.candidates, [&](const Candidate& candidate) { return !candidate.word.starts_with(last); });
    return completion;
}

}  // namespace gatecrash::cli
