#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <boost/program_options.hpp>
#include <charconv>
#include <cstddef>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include "cli/options.hpp"

namespace gatecrash::cli {

/// A word that the user may type, and its meaning.
template <typename Value>
struct Choice {
    std::string_view word;
    Value value;
};

/// Returns the word for `value`, which is one of `choices`.
template <typename Value, std::size_t count>
[[nodiscard]] std::string word_of(Value value, const Choice<Value> (&choices)[count]) {
    return std::string(std::ranges::find(choices, value, &Choice<Value>::value)->word);
}

/// Throws UsageError for `command` if the user's file cannot be read. `what` names the file in the message.
void check_file(const std::string& file, const std::string& what, const std::string& command);

/// The options of one command line; callers ask for each by its name. All functions throw UsageError for a wrong value.
class Values {
  public:
    /// `words` is the whole command line of `command`.
    Values(std::string command, Words words, boost::program_options::variables_map values)
        : command_(std::move(command)), words_(std::move(words)), values_(std::move(values)) {}

    [[noreturn]] void fail(const std::string& what) const { throw UsageError(what, command_); }

    [[nodiscard]] const std::string& command() const { return command_; }
    [[nodiscard]] const Words& words() const { return words_; }
    [[nodiscard]] bool has(const char* name) const { return values_.count(name) != 0; }
    [[nodiscard]] bool is_set(const char* name) const { return values_[name].as<bool>(); }
    /// Returns the name of one of these options that is given, if any is.
    [[nodiscard]] std::optional<std::string> given_of(const boost::program_options::options_description& options) const;
    [[nodiscard]] std::string text(const char* name) const { return values_[name].as<std::string>(); }
    [[nodiscard]] std::optional<std::string> text_if_given(const char* name) const;
    /// Returns the values of an option that can be repeated, in order.
    [[nodiscard]] Words all(const char* name) const { return has(name) ? values_[name].as<Words>() : Words{}; }
    /// Returns the name of a file, if given. It cannot be standard output.
    [[nodiscard]] std::optional<std::string> file_if_given(const char* name) const;

    template <typename Number>
    [[nodiscard]] std::optional<Number> number_if_given(const char* name, Number min,
                                                        Number max = std::numeric_limits<Number>::max()) const {
        if (!has(name)) return std::nullopt;
        const auto value = text(name);
        Number number = 0;
        const auto [end, error] = parse(value, number);
        if (value.empty() || error != std::errc{} || end != value.data() + value.size() || number < min ||
            number > max) {
            fail(fmt::format("--{} must be a number from {} to {}, not '{}'", name, min, max, value));
        }
        return number;
    }

    template <typename Value>
    [[nodiscard]] std::optional<Value> choice_if_given(const char* name, std::span<const Choice<Value>> choices) const {
        if (!has(name)) return std::nullopt;
        const auto word = text(name);
        const auto found = std::ranges::find(choices, word, &Choice<Value>::word);
        if (found != choices.end()) return found->value;
        std::string known;
        for (const auto& choice : choices) known += fmt::format("{}{}", known.empty() ? "" : ", ", choice.word);
        fail(fmt::format("--{} must be one of {}, not '{}'", name, known, word));
    }

    /// Returns the words that are not options. Throws UsageError if there are more than `max`.
    [[nodiscard]] Words arguments(std::size_t max = std::numeric_limits<std::size_t>::max()) const;
    /// Returns the only argument. `what` names it in messages.
    [[nodiscard]] std::string only_argument(std::string_view what) const;

    /// Throws UsageError if two options name the same file.
    void check(const std::vector<Destination>& destinations) const;

  private:
    /// Whole numbers may be hexadecimal, with 0x.
    template <typename Number>
    static std::from_chars_result parse(const std::string& text, Number& number) {
        const auto *const begin = text.data(), *const end = begin + text.size();
        if constexpr (std::is_integral_v<Number>) {
            if (text.starts_with("0x")) return std::from_chars(begin + 2, end, number, 16);
        }
        return std::from_chars(begin, end, number);
    }

    std::string command_;
    Words words_;
    boost::program_options::variables_map values_;
};

}  // namespace gatecrash::cli
