#include "sweep/trace/frames.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "vm/state/registers.hpp"

namespace gatecrash::sweep {
namespace {

/// The words of a frame, lowest address first (SDM volume 3, figures 6-4, 6-9 and 20-4).
constexpr std::array names64{"RIP", "CS", "RFLAGS", "RSP", "SS"};
constexpr std::array names32{"EIP", "CS", "EFLAGS", "ESP", "SS", "ES", "DS", "FS", "GS"};
constexpr std::size_t words_of_same_level = 3, words_of_other_level = 5;

/// Returns how many words a frame in legacy mode has, by its CS and EFLAGS.
std::size_t words_of_legacy_frame(std::uint64_t cs, std::uint64_t eflags) {
    if ((eflags & vm::rflags_vm) != 0) return names32.size();
    return (cs & 3) == 3 ? words_of_other_level : words_of_same_level;
}

std::string flags(std::uint64_t value) {
    std::vector<std::string_view> set;
    for (const auto& [bit, name] :
         {std::pair{vm::rflags_if, "IF"}, std::pair{vm::rflags_tf, "TF"}, std::pair{vm::rflags_df, "DF"},
          std::pair{vm::rflags_nt, "NT"}, std::pair{vm::rflags_rf, "RF"}, std::pair{vm::rflags_vm, "VM"},
          std::pair{vm::rflags_ac, "AC"}}) {
        if ((value & bit) != 0) set.emplace_back(name);
    }
    return fmt::format("{}", fmt::join(set, " "));
}

bool have_same_values(const FrameWords& a, const FrameWords& b) {
    return !a.empty() && std::ranges::equal(a, b, {}, &FrameWord::value, &FrameWord::value);
}

/// True if both frames return to the same stack pointer and privilege level.
bool resumes_the_same_stack(const FrameWords& a, const FrameWords& b) {
    if (a.size() <= words_of_same_level || a.size() != b.size()) return false;
    return a[1].value == b[1].value && a[3].value == b[3].value;
}

}  // namespace

std::string TraceFrames::about(std::string_view name, std::uint64_t value, bool is_vm86) const {
    if (name == "RFLAGS" || name == "EFLAGS") return flags(value);
    // In virtual-8086 mode, EIP and ESP are offsets in segments.
    if (is_vm86) return name == "CS" ? "CPL 3, virtual-8086 mode" : "";
    if (name == "RIP" || name == "EIP") return read_.name(value);
    if (name == "CS") return fmt::format("CPL {}", value & 3);
    if (name != "RSP" && name != "ESP") return "";
    const auto stack = read_.stack(value);
    return stack == "?" ? "" : "stack " + stack;
}

FrameWords TraceFrames::words_at(std::uint64_t address) const {
    const bool is_legacy = read_.word_size == 4;
    FrameWords words;
    std::size_t count = is_legacy ? words_of_same_level : names64.size();
    for (std::size_t i = 0; i < count; ++i) {
        const auto at = address + i * read_.word_size;
        const auto value = read_.word(at);
        if (!value) return {};
        const std::string name = is_legacy ? names32.at(i) : names64.at(i);
        words.push_back({name, at, *value, {}});
        if (is_legacy && i == 2) count = words_of_legacy_frame(words[1].value, words[2].value);
    }
    explain(words);
    return words;
}

void TraceFrames::explain(FrameWords& words) const {
    const bool is_vm86 = words.size() == names32.size();
    for (auto& word : words) word.about = about(word.name, word.value, is_vm86);
}

std::pair<std::size_t, FrameWords> TraceFrames::push(std::uint64_t address) {
    auto words = words_at(address);
    frames_.push_back({++pushed_, address, words, words});
    return {pushed_, std::move(words)};
}

void TraceFrames::before_return(std::string place, std::uint64_t address) {
    return_ = Return{std::move(place), address, words_at(address)};
}

std::pair<TraceFrames::Frame*, TracedReturn::Of> TraceFrames::find(const Return& popped) {
    using Of = TracedReturn::Of;
    const auto newest = [&](Frame::State state, auto matches) -> Frame* {
        const auto found = std::find_if(frames_.rbegin(), frames_.rend(),
                                        [&](const Frame& frame) { return frame.state == state && matches(frame); });
        return found == frames_.rend() ? nullptr : &*found;
    };
    const auto is_here = [&](const Frame& frame) { return frame.address == popped.address; };
    const auto is_same = [&](const Frame& frame) { return have_same_values(frame.pushed, popped.words); };
    const auto is_both = [&](const Frame& frame) { return is_here(frame) && is_same(frame); };
    const auto is_moved = [&](const Frame& frame) { return resumes_the_same_stack(frame.pushed, popped.words); };
    for (const auto state : {Frame::State::live, Frame::State::given_up}) {
        if (auto* frame = newest(state, is_both)) return {frame, Of::pushed};
        if (auto* frame = newest(state, is_same)) return {frame, Of::copy};
    }
    // If nobody can read the words here, nothing shows that they were changed.
    const auto of = popped.words.empty() ? Of::pushed : Of::changed;
    if (auto* frame = newest(Frame::State::live, is_here)) return {frame, of};
    // A handler may also move its frame, and return elsewhere in the code that it interrupted.
    if (auto* frame = newest(Frame::State::live, is_moved)) return {frame, Of::changed};
    if (auto* frame = newest(Frame::State::popped, is_same)) return {frame, Of::again};
    return {nullptr, Of::made};
}

std::optional<TracedReturn> TraceFrames::after_return(bool faults) {
    if (!return_) return std::nullopt;
    auto popped = *std::exchange(return_, std::nullopt);
    const auto [frame, of] = find(popped);
    TracedReturn result{std::move(popped.place), of, 0, popped.address, std::move(popped.words), {}, faults};
    if (frame == nullptr) return result;
    result.frame = frame->number;
    result.pushed = frame->pushed;
    if (!faults) frame->state = Frame::State::popped;
    return result;
}

std::vector<TracedFrameChange> TraceFrames::changes(const std::string& actor) {
    // Exceptions that raise one another without end leave a frame each. What matters happens to the newest ones.
    constexpr std::ptrdiff_t followed = 8;
    std::vector<TracedFrameChange> all;
    const auto live = std::ranges::count(frames_, Frame::State::live, &Frame::state);
    auto skipped = std::max(live - followed, std::ptrdiff_t{0});
    for (auto& frame : frames_) {
        if (frame.state != Frame::State::live || skipped-- > 0 || frame.now.empty()) continue;
        const auto before = frame.now;
        for (auto& word : frame.now) word.value = read_.word(word.address).value_or(word.value);
        if (have_same_values(before, frame.now)) continue;
        explain(frame.now);
        TracedFrameChange change{actor, frame.number, frame.address, {}, {}};
        for (std::size_t i = 0; i < before.size(); ++i) {
            if (before[i].value == frame.now[i].value) continue;
            change.before.push_back(before[i]);
            change.after.push_back(frame.now[i]);
        }
        all.push_back(std::move(change));
    }
    return all;
}

void TraceFrames::give_up_finished(bool is_user, std::uint64_t rip, std::uint64_t rsp) {
    for (auto& frame : frames_) {
        const auto& words = frame.pushed;
        if (frame.state != Frame::State::live || words.empty()) continue;
        // A legacy frame of the same level ends where the interrupted stack goes on.
        const auto interrupted =
            words.size() > words_of_same_level ? words[3].value : frame.address + words.size() * read_.word_size;
        if (is_user || (words[0].value == rip && interrupted == rsp)) frame.state = Frame::State::given_up;
    }
}

}  // namespace gatecrash::sweep
