#include "sweep/trace/item.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <string_view>

namespace gatecrash::sweep {
namespace {

/// Draws a frame with the highest address first, as the CPU pushes it. Adds what was pushed where that is known and
/// differs.
std::string drawn(const FrameWords& words, const FrameWords& pushed = {}) {
    std::string text;
    for (auto next = words.rbegin(); next != words.rend(); ++next) {
        const auto& word = *next;
        text += fmt::format("\n         {:#018x}  {:<6}  {:#x}", word.address, word.name, word.value);
        if (!word.about.empty()) text += "  " + word.about;
        const auto was = std::ranges::find(pushed, word.name, &FrameWord::name);
        if (was != pushed.end() && was->value != word.value) text += ", was " + describe(*was);
    }
    return text;
}

/// Returns the words for the frame of an IRET.
std::string frame_of(const TracedReturn& item) {
    switch (item.of) {
        case TracedReturn::Of::pushed:
            return fmt::format("frame F{} at {:#x}", item.frame, item.address);
        case TracedReturn::Of::changed:
            return fmt::format("frame F{} at {:#x}, which was changed", item.frame, item.address);
        case TracedReturn::Of::copy:
            return fmt::format("a copy of frame F{} at {:#x}", item.frame, item.address);
        case TracedReturn::Of::again:
            return fmt::format("frame F{} a second time, at {:#x}", item.frame, item.address);
        case TracedReturn::Of::made:
            break;
    }
    return fmt::format("a frame at {:#x} that no delivery pushed", item.address);
}

struct Lines {
    std::string operator()(const TraceStart& item) const {
        return fmt::format(
            "{}# boundary  CPL stack  N: NMIs masked, n: one latched, i: interrupts on, k/u: {}, "
            "K/U: page tables",
            item.name.empty() ? "" : item.name + ": ", item.letter);
    }
    std::string operator()(const TracedLanding& item) const {
        return fmt::format(">>> {} lands at {}{}{}", item.event, item.place,
                           item.is_of_workload ? " (the workload asks for it)" : "",
                           item.is_latched ? " (latched: it cannot be delivered yet)" : "");
    }
    std::string operator()(const TracedInstruction& item) const {
        const auto flag = [](bool set, char yes, char no) { return set ? yes : no; };
        auto text = item.labels.empty() ? "" : fmt::format("       {}:\n", fmt::join(item.labels, ", "));
        text += fmt::format("{:>5}  {:<28} {} {:<5} {}{}{}{}{}  {}", item.number, item.place, item.cpl, item.stack,
                            flag(item.masks_nmis, 'N', '-'), flag(item.has_latched_nmi, 'n', '-'),
                            flag(item.has_interrupts_on, 'i', '-'), flag(item.has_users_base, 'u', 'k'),
                            flag(item.has_users_tables, 'U', 'K'), item.text);
        if (item.iterations > 1) text += fmt::format("  {} iterations", item.iterations);
        auto notes = item.operands.empty() ? "" : fmt::format(" [{}]", fmt::join(item.operands, "] ["));
        notes += item.changed;
        return notes.empty() ? text : text + "  ;" + notes;
    }
    std::string operator()(const TracedDelivery& item) const {
        return fmt::format("=== vector {} goes to {}: frame F{} at {:#x} on stack {}, back to {}{}{}{}", item.vector,
                           item.to, item.frame, item.address, item.stack, back_to(item.words),
                           item.error_code ? fmt::format(", error code {:#x}", *item.error_code) : "", item.more,
                           drawn(item.words));
    }
    std::string operator()(const TracedReturn& item) const {
        return fmt::format("=== the IRET {} {}: back to {}{}", item.faults ? "faults on" : "pops", frame_of(item),
                           back_to(item.words), drawn(item.words, item.pushed));
    }
    std::string operator()(const TracedFrameChange& item) const {
        return fmt::format("*** {} writes to frame F{} at {:#x}: {}", item.actor, item.frame, item.address,
                           describe_words(item));
    }
    std::string operator()(const TracedViolation& item) const { return "!!! " + describe(item.violation); }
    std::string operator()(const TraceEnd& item) const { return "--- " + item.how; }
};

}  // namespace

std::string describe(const FrameWord& word) {
    return word.about.empty() ? fmt::format("{:#x}", word.value) : fmt::format("{:#x} ({})", word.value, word.about);
}

std::string describe_words(const TracedFrameChange& change) {
    std::string words;
    for (std::size_t i = 0; i < change.after.size(); ++i) {
        words += fmt::format("{}{} was {}, and is {}", words.empty() ? "" : "; ", change.after[i].name,
                             describe(change.before[i]), describe(change.after[i]));
    }
    return words;
}

std::string back_to(const FrameWords& words) {
    if (words.empty()) return "?";
    return words.front().about.empty() ? fmt::format("{:#x}", words.front().value) : words.front().about;
}

std::string to_string(const TraceItem& item) { return std::visit(Lines{}, item); }

}  // namespace gatecrash::sweep
