// Makes the page that --html writes (docs/how-to/read-the-page.md).
#pragma once

#include <string>

namespace gatecrash::report {

/// Returns a page of HTML that needs no other file, and shows `document`, a text that json_report() has made. The page
/// contains the document, so no text in it can end the page's script or become markup.
[[nodiscard]] std::string html_report(const std::string& document);

}  // namespace gatecrash::report
