#include "check/protected_code.hpp"

#include <algorithm>
#include <map>
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

/// An instruction that can leave the sections while it looks as if it did not return.
using Exits = std::map<std::uint64_t, Flow>;

/// Returns the exits of the sections. `code` has their ranges.
Exits find_exits(const CodeFile& file, const std::vector<Range>& sections, const vm::ProtectedCode& code,
                 const Annotations& annotations) {
    const CodeMap map(file, sections);
    const Decoder decoder(file.bits);
    const auto entries = known_entries(file);
    Exits exits;
    for (const auto& finding : walk(map, entries, annotations).findings) {
        const bool leaves = finding.rule == Rule::leaves_section || finding.rule == Rule::instrumentation_hook;
        if (!leaves && finding.rule != Rule::indirect_branch) continue;
        const auto& section = map.sections()[map.section_of(finding.address)];
        const auto decoded = decoder.decode(section.bytes.subspan(finding.address - section.address), finding.address);
        if (!decoded || decoded->flow == Flow::next) continue;  // a static branch that is not taken
        const bool is_exit =
            leaves ? !code.contains(vm::Virtual{decoded->target}) &&
                         std::ranges::find(entries, decoded->target, &EntryPoint::address) == entries.end()
                   : decoded->flow == Flow::indirect_call;
        if (is_exit) exits.emplace(finding.address, decoded->flow);
    }
    return exits;
}

}  // namespace

vm::ProtectedCode protected_code(const CodeFile& file) {
    vm::ProtectedCode code;
    const auto sections = usual_sections(file);
    if (sections.empty() || !file.is_linked) return code;
    code.ranges = ranges_of(sections);
    if (const auto quiet = quiet_code(file)) code.ranges.push_back(*quiet);
    code.identity = identity_of(file, sections);
    for (const auto& [address, flow] : find_exits(file, sections, code, read_annotations(file)))
        code.exits.push_back(vm::Virtual{address});
    return code;
}

std::vector<vm::Virtual> certain_exits(const CodeFile& kernel, const Annotations& annotations) {
    const auto sections = usual_sections(kernel);
    vm::ProtectedCode code;
    code.ranges = ranges_of(sections);
    std::vector<vm::Virtual> certain;
    for (const auto& [address, flow] : find_exits(kernel, sections, code, annotations)) {
        if (flow == Flow::call || flow == Flow::jump) certain.push_back(vm::Virtual{address});
    }
    return certain;
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
