// Groups of options that commands share: how the help shows them, and how they are read.
#pragma once

#include <boost/program_options.hpp>

#include "cli/options.hpp"
#include "cli/values.hpp"

namespace gatecrash::cli {

using OptionList = boost::program_options::options_description;

inline constexpr Choice<vm::StepperKind> stepper_words[] = {{"trap-flag", vm::StepperKind::trap_flag},
                                                            {"stop-bytes", vm::StepperKind::stop_bytes}};

/// Adds an option with a value. The help shows the value as `value`.
void add_text(OptionList& options, const char* name, const char* value, const std::string& help);
void add_flag(OptionList& options, const char* name, const char* help);

/// Joins the texts of all items with commas.
template <typename Item>
[[nodiscard]] std::string joined(const std::vector<Item>& items) {
    std::string text;
    for (const auto& item : items) text += (text.empty() ? "" : ",") + sweep::to_string(item);
    return text;
}

void add_common(OptionList& options);
/// Tells if a command accepts `--machine all`. It does if it can report on several machines.
enum class Machines : std::uint8_t { one, all };
[[nodiscard]] CommonOptions read_common(const Values& values, Machines machines = Machines::one);

void add_reports(OptionList& options);
/// Adds --html, which add_reports() includes.
void add_html(OptionList& options);
[[nodiscard]] ReportOptions read_reports(const Values& values);

void add_limits(OptionList& options);
/// Reads the options of LimitOptions. `jobs` is the number of workers that the user asked for.
[[nodiscard]] LimitOptions read_limits(const Values& values, std::optional<unsigned> jobs);

/// Adds the options of `run` and `explore`, except those of every command.
void add_sweeping(OptionList& options);
[[nodiscard]] SweepingOptions read_sweeping(const Values& values, Machines machines);

}  // namespace gatecrash::cli
