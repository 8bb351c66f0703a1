#include "check/check.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "check/explore_entries.hpp"
#include "check/walk.hpp"

namespace gatecrash::check {
namespace {

using kernel::ImageError;

std::vector<Range> find_sections(const CodeFile& file, const std::vector<std::string>& names) {
    std::vector<Range> sections;
    for (const auto& name : names) {
        const auto found = file.find_ranges(name);
        if (found.empty())
            throw ImageError(fmt::format("no section {}: name the sections to check with --section", name));
        sections.insert(sections.end(), found.begin(), found.end());
    }
    if (!names.empty()) return sections;
    sections = usual_sections(file);
    if (sections.empty())
        throw ImageError("neither a section .noinstr.text nor .entry.text: name the sections to check with --section");
    return sections;
}

std::vector<EntryPoint> find_entries(const CodeFile& file, const std::vector<Request::Entry>& requested) {
    auto entries = known_entries(file);
    for (const auto& [name, kind] : requested) {
        const auto address = file.find(name);
        if (!address) throw ImageError(fmt::format("no symbol {}: name an entry point with --entry", name));
        const auto known = std::ranges::find(entries, name, &EntryPoint::name);
        if (known == entries.end()) {
            entries.push_back({name, kind.value_or(usual_kind(name)), *address});
        } else if (kind) {
            known->kind = *kind;
        }
    }
    return entries;
}

}  // namespace

std::vector<Range> usual_sections(const CodeFile& file) {
    std::vector<Range> sections;
    for (const auto* const name : {".noinstr.text", ".entry.text"}) {
        const auto found = file.find_ranges(name);
        sections.insert(sections.end(), found.begin(), found.end());
    }
    return sections;
}

CheckResult check_file(const CodeFile& file, const Request& request) {
    const auto sections = find_sections(file, request.sections);
    const auto entries = find_entries(file, request.entries);
    CheckResult result;
    for (const auto& section : sections) result.sections.push_back({section.name, section.bytes.size()});
    const CodeMap map(file, sections);
    auto walked = walk(map, entries, request.annotations ? *request.annotations : read_annotations(file));
    result.instructions = std::move(walked.instructions);
    result.findings = std::move(walked.findings);
    result.unchecked = std::move(walked.unchecked);
    auto explored = explore_entries(map, entries, request.policy);
    std::ranges::move(explored.findings, std::back_inserter(result.findings));
    std::ranges::move(explored.unchecked, std::back_inserter(result.unchecked));
    std::ranges::stable_sort(result.findings, {}, &Finding::address);
    return result;
}

}  // namespace gatecrash::check
