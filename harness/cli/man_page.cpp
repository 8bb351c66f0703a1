#include "cli/man_page.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "cli/command_help.hpp"
#include "cli/commands.hpp"
#include "cli/markdown.hpp"
#include "cli/reference.hpp"
#include "cli/version.hpp"

namespace gatecrash::cli {
namespace {

/// Returns text without meaning for roff. A hyphen becomes '-', which readers can copy.
std::string escaped(std::string_view text) {
    std::string roff;
    for (const char c : text) {
        if (c == '\\' || c == '-') roff += '\\';
        roff += c == '\\' ? 'e' : c;
    }
    return roff;
}

std::string without_backticks(std::string_view text) {
    std::string plain(text);
    std::erase(plain, '`');
    return plain;
}

/// Returns a line of text. At its beginning, a dot or an apostrophe would make it a request.
std::string line_of(std::string_view roff) {
    return fmt::format("{}{}\n", roff.starts_with('.') || roff.starts_with('\'') ? "\\&" : "", roff);
}

/// Returns text to fill, with what stands in backticks in bold.
std::string filled(std::string_view text) {
    std::string roff, lines;
    bool is_code = false;
    for (const char c : escaped(text)) {
        if (c != '`') {
            roff += c;
            continue;
        }
        is_code = !is_code;
        roff += is_code ? "\\fB" : "\\fP";
    }
    const auto filled_text = wrapped(roff, "", "");
    for (const auto line : cli::lines_of(filled_text)) lines += line_of(line);
    return lines;
}

/// Returns words with those in capitals, which stand for something, in italics.
std::string with_placeholders(std::string_view text) {
    std::string roff;
    while (!text.empty()) {
        const auto is_upper = [](unsigned char c) { return std::isupper(c) != 0 || c == '/'; };
        const auto length =
            static_cast<std::size_t>(std::find_if_not(text.begin(), text.end(), is_upper) - text.begin());
        if (length == 0) {
            roff += escaped(text.substr(0, 1));
            text.remove_prefix(1);
        } else {
            roff += fmt::format("\\fI{}\\fP", text.substr(0, length));
            text.remove_prefix(length);
        }
    }
    return roff;
}

std::string verbatim(std::string_view lines) {
    std::string roff = ".nf\n";
    for (const auto line : cli::lines_of(lines)) roff += line_of(escaped(line));
    return roff + ".fi\n";
}

/// Returns the text of a help. Lines that begin with spaces stay as they are; others make paragraphs.
std::string paragraphs(std::string_view text) {
    std::string roff, paragraph, code;
    const auto end = [&] {
        if (!roff.empty() && !(paragraph.empty() && code.empty())) roff += ".PP\n";
        if (!paragraph.empty()) roff += filled(paragraph);
        if (!code.empty()) roff += verbatim(code);
        paragraph.clear();
        code.clear();
    };
    for (const auto line : cli::lines_of(text)) {
        const bool is_code = line.starts_with("  ");
        if (line.empty() || is_code != !code.empty()) end();
        (is_code ? code : paragraph) += fmt::format("{}{}", line, is_code ? "\n" : " ");
    }
    end();
    return roff;
}

std::string tagged(const std::string& tag, std::string_view text) { return ".TP\n" + line_of(tag) + filled(text); }

std::string options_of(const OptionList& options) {
    std::string roff;
    for (const auto& option : options.options()) {
        const auto format = option->format_name();  // "--help", or "-h [ --help ]"
        auto tag = fmt::format("\\fB\\-\\-{}\\fP", escaped(option->long_name()));
        if (!format.starts_with("--")) tag = fmt::format("\\fB{}\\fP, {}", escaped(format.substr(0, 2)), tag);
        if (option->semantic()->max_tokens() != 0) tag += " " + with_placeholders(option->format_parameter());
        roff += tagged(tag, option->description());
    }
    return roff;
}

/// Returns the table of exit codes, from the page that `explain` reads.
std::string exit_codes() {
    std::string roff;
    for (const auto& page : reference_pages()) {
        if (!page.name.ends_with("/exit-codes.md")) continue;
        for (const auto line : cli::lines_of(page.text)) {
            const auto cells = cells_of(line);
            if (cells.empty() && !roff.empty()) break;
            if (cells.empty() || !cells.front().starts_with('`')) continue;
            roff +=
                tagged(fmt::format("\\fB{}\\fP", escaped(without_backticks(cells[0]))), without_markup(cells[1]) + ".");
        }
    }
    return roff;
}

std::string heading(std::string_view page, std::string_view date, std::string_view summary) {
    std::string title(page);
    std::ranges::transform(title, title.begin(), [](unsigned char c) { return std::toupper(c); });
    return fmt::format(".TH {} 1 {} \"gatecrash {}\" \"User Commands\"\n.SH NAME\n{} \\- {}\n", escaped(title), date,
                       version, escaped(page), escaped(without_backticks(summary)));
}

std::string reference_to(std::string_view page, std::string_view punctuation) {
    return fmt::format(".BR {} (1){}\n", escaped(page), punctuation);
}

std::string page_name(const Command& command) { return fmt::format("gatecrash-{}", command.name); }

std::string program_page(std::string_view date) {
    auto roff = heading("gatecrash", date, fmt::format("find {}", what_it_finds));
    roff += ".SH SYNOPSIS\n.B gatecrash\n" + with_placeholders("COMMAND [OPTION...] [ARG...]") +
            "\n.SH DESCRIPTION\nThe command comes first. Its options and arguments follow in any order.\n"
            ".SH COMMANDS\n";
    for (const auto* command : commands()) {
        roff += tagged(fmt::format("\\fB{}\\fP", escaped(command->name)), command->summary);
    }
    OptionList common;
    add_common(common);
    roff +=
        ".SH OPTIONS OF EVERY COMMAND\n" + options_of(common) + ".SH EXIT STATUS\n" + exit_codes() + ".SH SEE ALSO\n";
    for (const auto* command : commands()) {
        roff += reference_to(page_name(*command), command == commands().back() ? "" : " ,");
    }
    return roff;
}

}  // namespace

std::string man_page(std::string_view name, std::string_view date) {
    const auto* command = find_command(name);
    if (command == nullptr) return program_page(date);
    OptionList own, common;
    command->add_options(own);
    add_common(common);
    auto roff = heading(page_name(*command), date, command->summary);
    roff += fmt::format(".SH SYNOPSIS\n.B gatecrash {}\n{}\n.SH DESCRIPTION\n", escaped(command->name),
                        with_placeholders(fmt::format("[OPTION...]{}", command->arguments)));
    roff += paragraphs(command->about);
    if (!own.options().empty()) roff += ".SH OPTIONS\n" + options_of(own);
    return roff + ".SH OPTIONS OF EVERY COMMAND\n" + options_of(common) + ".SH EXAMPLES\n" +
           verbatim(command->examples) + ".SH EXIT STATUS\n" + reference_to("gatecrash", "") +
           "lists the exit codes.\n.SH SEE ALSO\n" + reference_to("gatecrash", "");
}

}  // namespace gatecrash::cli
