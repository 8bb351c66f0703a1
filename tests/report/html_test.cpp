#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "report/html_report.hpp"
#include "report/json_report.hpp"

namespace gatecrash::report {
namespace {

using testing::HasSubstr;
using testing::Not;
using Document = nlohmann::json;

/// Returns the document that a page contains, as a browser reads it.
std::string document_in(const std::string& page) {
    const std::string begin = R"(<script type="application/json" id="document">)";
    const auto at = page.find(begin) + begin.size();
    return page.substr(at, page.find("</script>", at) - at);
}

suite::Result broken(std::string message) {
    suite::Result result;
    result.case_name = "nested-nmi";
    result.variant = "flag-only";
    result.message = std::move(message);
    result.sweep.findings.push_back({.schedule = sweep::parse_schedule("nested-nmi/flag-only@nmi:entry_nmi"),
                                     .violation = {sweep::Invariant::stack, result.message},
                                     .also = {},
                                     .trace = {"a line of " + result.message}});
    return result;
}

TEST(HtmlReport, ContainsTheDocument) {
    const auto result = broken("lost");
    const auto document = json_report("1.0", {}, {&result, 1});
    EXPECT_EQ(Document::parse(document_in(html_report(document))), Document::parse(document));
}

TEST(HtmlReport, KeepsTextFromBecomingMarkup) {
    for (const std::string text : {"</script><script>alert(1)</script>", "<!--<script>", "]]>", "&lt;", "\xff\xfe",
                                   "@SCRIPT@", "@STYLE@", "\u2028"}) {
        const auto result = broken(text);
        const auto document = json_report("1.0", {}, {&result, 1});
        const auto page = html_report(document);
        EXPECT_EQ(Document::parse(document_in(page)), Document::parse(document)) << text;
        EXPECT_THAT(document_in(page), Not(HasSubstr("<"))) << text;
    }
}

TEST(HtmlReport, NeedsNothingElse) {
    const auto page = html_report("{}");
    EXPECT_THAT(page, HasSubstr("default-src 'none'"));
    for (const auto* outside : {"http://", "https://", "src=", "@import", "url(", "@STYLE@", "@SCRIPT@", "@DOCUMENT@"})
        EXPECT_THAT(page, Not(HasSubstr(outside)));
}

}  // namespace
}  // namespace gatecrash::report
