#include "report/html_report.hpp"

#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string_view>

#include "embedded_file.hpp"

namespace gatecrash::report {
namespace {

extern "C" const EmbeddedFile gatecrash_page[], gatecrash_page_end[];

/// Joins the files of the page whose names end like that, in the order of its build file.
std::string joined(std::string_view ending) {
    std::string text;
    for (const auto* file = gatecrash_page; file != gatecrash_page_end; ++file) {
        if (std::string_view(file->name).ends_with(ending)) text += file->text();
    }
    return text;
}

/// Returns a JSON text in one line, in which no `<` can end a script element, or begin a comment of HTML.
std::string for_script(const std::string& document) {
    using Json = nlohmann::ordered_json;
    std::string text;
    for (const char c : Json::parse(document).dump(-1, ' ', false, Json::error_handler_t::replace)) {
        if (c == '<') {
            text += "\\u003c";
        } else {
            text += c;
        }
    }
    return text;
}

/// Appends to `page` the part of `rest` before `mark`, which it takes with the mark, and `content` in place of the
/// mark.
void fill(std::string& page, std::string_view& rest, std::string_view mark, std::string_view content) {
    const auto at = rest.find(mark);
    if (at == std::string_view::npos) throw std::logic_error("the page lacks a mark");
    page += rest.substr(0, at);
    page += content;
    rest.remove_prefix(at + mark.size());
}

}  // namespace

std::string html_report(const std::string& document) {
    const auto whole = joined(".html");
    std::string page;
    std::string_view rest = whole;
    fill(page, rest, "@STYLE@", joined(".css"));
    fill(page, rest, "@DOCUMENT@", for_script(document));
    fill(page, rest, "@SCRIPT@", joined(".js"));
    page += rest;
    return page;
}

}  // namespace gatecrash::report
