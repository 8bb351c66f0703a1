#include "check/protected_code.hpp"

#include <algorithm>
#include <optional>

#include "check/check.hpp"
#include "check/decoder.hpp"
#include "check/walk.hpp"
#include "kernel/code_identity.hpp"

namespace gatecrash::check {
namespace {

/// Returns the text that each build of a Linux kernel has for itself; empty for other files.
std::string_view banner_of(const CodeFile& file) {
    const auto address = file.find(kernel::linux_banner);
    const auto bytes = address ? file.at(*address, kernel::longest_banner) : std::span<const std::byte>();
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return text.substr(0, text.find('\0'));
}

std::vector<vm::ProtectedCode::Range> ranges_of(const std::vector<Range>& sections) {
    std::vector<vm::ProtectedCode::Range> ranges;
    ranges.reserve(sections.size());
    for (const auto& section : sections) ranges.push_back({vm::Virtual{section.address}, vm::Virtual{section.end()}});
    return ranges;
}

/// Returns the code that our own runtime puts at the end of .text, and that no breakpoint may hit. `check` does not
/// check it, since the bodies there log.
std::optional<vm::ProtectedCode::Range> quiet_code(const CodeFile& file) {
    const auto begin = file.find("noinstr_text_begin");
    const auto* const range = begin ? file.range_of(*begin) : nullptr;
    if (range == nullptr) return std::nullopt;
    return vm::ProtectedCode::Range{vm::Virtual{*begin}, vm::Virtual{range->end()}};
}

/// True if the instruction with this finding can leave the sections while it looks as if it did not return.
bool is_exit(const Finding& finding, const CodeMap& map, const vm::ProtectedCode& code,
             const std::vector<EntryPoint>& entries) {
    const bool leaves = finding.rule == Rule::leaves_section || finding.rule == Rule::instrumentation_hook;
    if (!leaves && finding.rule != Rule::indirect_branch) return false;
    const auto& section = map.sections()[map.section_of(finding.address)];
    const Decoder decoder(map.file().bits);
    const auto decoded = decoder.decode(section.bytes.subspan(finding.address - section.address), finding.address);
    if (!decoded) return false;
    if (!leaves) return decoded->flow == Flow::indirect_call;
    return !code.contains(vm::Virtual{decoded->target}) &&
           std::ranges::find(entries, decoded->target, &EntryPoint::address) == entries.end();
}

}  // namespace

vm::ProtectedCode protected_code(const CodeFile& file) {
    vm::ProtectedCode code;
    const auto sections = usual_sections(file);
    if (sections.empty() || !file.is_linked) return code;
    code.ranges = ranges_of(sections);
    if (const auto quiet = quiet_code(file)) code.ranges.push_back(*quiet);
    code.identity = identity_of(file, sections);
    const CodeMap map(file, sections);
    const auto entries = known_entries(file);
    for (const auto& finding : walk(map, entries).findings) {
        if (is_exit(finding, map, code, entries)) code.exits.push_back(vm::Virtual{finding.address});
    }
    std::ranges::sort(code.exits);
    code.exits.erase(std::unique(code.exits.begin(), code.exits.end()), code.exits.end());
    return code;
}

std::string identity_of(const CodeFile& file, const std::vector<Range>& sections) {
    const auto banner = banner_of(file);
    if (!banner.empty()) return kernel::code_identity(banner, ranges_of(sections));
    std::string content;
    for (const auto& section : sections)
        content.append(reinterpret_cast<const char*>(section.bytes.data()), section.bytes.size());
    return kernel::code_identity(content, ranges_of(sections));
}

}  // namespace gatecrash::check
