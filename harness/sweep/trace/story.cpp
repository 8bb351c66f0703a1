#include "sweep/trace/story.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <regex>
#include <span>
#include <string_view>

#include "gatecrash/abi.h"
#include "vm/vectors.hpp"

namespace gatecrash::sweep {
namespace {

/// Begins a sentence about the actor of a TracedFrameChange.
std::string subject_of(const std::string& actor) {
    return actor.starts_with("the ") ? "T" + actor.substr(1) : "The code at " + actor;
}

/// Returns "Vector 2 (NMI)".
std::string name_of_vector(unsigned vector) {
    const auto mnemonic = vm::mnemonic_of(vector);
    return mnemonic.empty() ? fmt::format("Vector {}", vector) : fmt::format("Vector {} ({})", vector, mnemonic);
}

std::string function_of(const std::string& place) { return place.substr(0, place.find('+')); }

/// Says how the words of a frame changed. Where it leads back to matters most.
std::string describe(const TracedFrameChange& change) {
    const auto is_rip = [](const FrameWord& word) { return word.name == "RIP" || word.name == "EIP"; };
    const auto rip = std::ranges::find_if(change.after, is_rip);
    if (rip != change.after.end()) {
        const auto& before = change.before[static_cast<std::size_t>(rip - change.after.begin())];
        return fmt::format("it led back to {}, and now leads to {}", back_to({before}), back_to({*rip}));
    }
    return describe_words(change);
}

/// Adds the changes of a further step to those of the steps before it.
void merge(TracedFrameChange& all, const TracedFrameChange& further) {
    for (std::size_t i = 0; i < further.after.size(); ++i) {
        const auto known = std::ranges::find(all.after, further.after[i].name, &FrameWord::name);
        if (known != all.after.end()) {
            *known = further.after[i];
        } else {
            all.before.push_back(further.before[i]);
            all.after.push_back(further.after[i]);
        }
    }
    // A word that has its old value again was not changed.
    for (std::size_t i = all.after.size(); i-- > 0;) {
        if (all.before[i].value != all.after[i].value) continue;
        all.before.erase(all.before.begin() + static_cast<std::ptrdiff_t>(i));
        all.after.erase(all.after.begin() + static_cast<std::ptrdiff_t>(i));
    }
}

/// Returns the numbers of the frames that a sentence names, as in "F12".
std::vector<std::string> frames_in(const std::string& text) {
    static const std::regex frame(R"(\bF\d+\b)");
    return {std::sregex_token_iterator(text.begin(), text.end(), frame), std::sregex_token_iterator()};
}

/// True if two sentences tell the same of other frames.
bool are_alike(std::string_view one, std::string_view other) {
    const auto next = [](std::string_view& text) {
        const auto letter = text.front();
        text.remove_prefix(1);
        if (letter == 'F') text.remove_prefix(std::min(text.find_first_not_of("0123456789"), text.size()));
        return letter;
    };
    while (!one.empty() && !other.empty()) {
        if (next(one) != next(other)) return false;
    }
    return one.empty() && other.empty();
}

/// Says that `further` sentences are `times` repetitions of the `period` sentences before them.
std::string of_repetition(std::span<const std::string> further, std::size_t period, std::size_t times) {
    std::vector<std::string> frames;
    for (const auto& text : further) std::ranges::move(frames_in(text), std::back_inserter(frames));
    const auto which = frames.empty() ? "" : fmt::format(", with frames {} to {}", frames.front(), frames.back());
    return period == 1 ? fmt::format("The same happens {} more times{}.", times, which)
                       : fmt::format("The last {} sentences repeat {} more times{}.", period, times, which);
}

/// Shortens sentences that repeat. Exceptions that never end are hundreds of them.
std::vector<std::string> without_repetitions(std::vector<std::string> texts) {
    constexpr std::size_t longest = 8, fewest = 3;
    for (std::size_t period = 1; period <= longest; ++period) {
        std::vector<std::string> result;
        for (std::size_t at = 0; at < texts.size();) {
            auto end = at + period;
            while (end < texts.size() && are_alike(texts[end], texts[end - period])) ++end;
            const auto times = (end - at) / period;
            if (times < fewest) {
                result.push_back(std::move(texts[at++]));
                continue;
            }
            const std::span further(texts.data() + at + period, (times - 1) * period);
            std::copy_n(texts.begin() + static_cast<std::ptrdiff_t>(at), period, std::back_inserter(result));
            result.push_back(of_repetition(further, period, times - 1));
            at += times * period;
        }
        texts = std::move(result);
    }
    return texts;
}

/// Says what of a handler's state is still the user's. Empty if nothing is.
std::string of_users_state(const TracedInstruction& first) {
    if (first.has_users_base && first.has_users_tables)
        return " The base of per-CPU data and the page tables are the user's.";
    if (first.has_users_base) return " The base of per-CPU data is the user's.";
    return first.has_users_tables ? " The page tables are the user's." : "";
}

bool is_from_kernel(const TracedDelivery& item) {
    const auto cs = std::ranges::find(item.words, "CS", &FrameWord::name);
    return cs != item.words.end() && cs->about == "CPL 0";
}

}  // namespace

void Story::add(const TraceItem& item) {
    std::visit([this](const auto& each) { tell(each); }, item);
}

std::vector<std::string> Story::sentences() const {
    constexpr std::size_t first = 15, last = 20;
    std::vector<std::string> texts;
    std::ranges::transform(sentences_, std::back_inserter(texts), &Sentence::text);
    texts = without_repetitions(std::move(texts));
    if (texts.size() <= first + last + 1) return texts;
    const auto left_out = texts.size() - first - last;
    const auto begin = texts.begin() + first;
    texts.erase(begin, begin + static_cast<std::ptrdiff_t>(left_out));
    texts.insert(texts.begin() + first,
                 fmt::format("({} sentences are left out; `gatecrash replay --trace` shows all.)", left_out));
    return texts;
}

void Story::tell(const TraceStart& item) {
    *this = {};
    if (item.letter == TraceStart::data_segment) kernels_data_ = item.letter;
}

void Story::tell(const TracedLanding& item) {
    const auto& stack = item.kernel_stack;
    const auto where = stack.empty()  ? ""
                       : stack == "?" ? ", at CPL 0 on an unknown stack"
                                      : fmt::format(", at CPL 0 on stack {}", stack);
    say(About::landing, fmt::format("{} lands at {}{}{}{}.", item.event, item.place, where,
                                    item.is_of_workload ? ", because the workload asks for it" : "",
                                    item.is_latched ? ", and waits: the CPU cannot deliver it yet" : ""));
}

void Story::tell(const TracedInstruction& item) {
    if (entering_) sentences_[*entering_].text += of_users_state(item);
    entering_.reset();
    if (before_ && before_->cpl == 0 && item.cpl == 0) {
        const auto owner = [](bool is_users) { return is_users ? "the user's" : "the kernel's"; };
        if (before_->has_users_base != item.has_users_base)
            say(About::quiet,
                fmt::format("From {} on, {} is {}.", item.place, kernels_data_, owner(item.has_users_base)));
        if (before_->has_users_tables != item.has_users_tables)
            say(About::quiet,
                fmt::format("From {} on, CR3 has {} page tables.", item.place, owner(item.has_users_tables)));
    }
    if (item.cpl == 3) live_.clear();  // nothing waits for an IRET any more
    before_ = item;
}

void Story::tell(const TracedDelivery& item) {
    // An entry from user code, or from another handler, begins with what the interrupted code had.
    before_.reset();
    live_[item.frame] = item.vector;
    say(About::delivery,
        fmt::format("{} interrupts {}. The CPU pushes frame F{} on stack {}, and goes to {}.",
                    name_of_vector(item.vector), back_to(item.words), item.frame, item.stack, item.to));
    sentences_.back().frame = item.frame;
    if (is_from_kernel(item)) entering_ = sentences_.size() - 1;
}

std::string Story::of_unmasking(const TracedReturn& item) const {
    if (!item.unmasks_nmis) return "";
    for (const auto& [frame, vector] : live_) {
        if (vector == GATECRASH_VECTOR_NMI && frame != item.frame)
            return fmt::format(" This unmasks NMIs, while F{} of an NMI still waits for its IRET.", frame);
    }
    return " This unmasks NMIs.";
}

bool Story::shorten(std::size_t frame, const std::string& end) {
    const auto delivery = std::ranges::find_if(
        sentences_, [&](const Sentence& each) { return each.about == About::delivery && each.frame == frame; });
    const auto is_quiet = [](const Sentence& each) { return each.about == About::quiet; };
    if (delivery == sentences_.end() || !std::all_of(std::next(delivery), sentences_.end(), is_quiet)) return false;
    if (delivery != sentences_.begin() && std::prev(delivery)->about == About::landing) return false;
    const auto text = delivery->text.substr(0, delivery->text.find(". "));
    sentences_.erase(delivery, sentences_.end());
    say(end.empty() ? About::quiet : About::other, text + " and returns." + end);
    return true;
}

void Story::tell(const TracedReturn& item) {
    before_.reset();
    const auto unmasking = of_unmasking(item);
    const auto to = back_to(item.words);
    if (item.faults) {
        return say(About::other, fmt::format("The IRET at {} faults: its frame at {:#x} leads to {}.{}", item.place,
                                             item.address, to, unmasking));
    }
    live_.erase(item.frame);
    switch (item.of) {
        case TracedReturn::Of::pushed:
        case TracedReturn::Of::copy: {
            if (shorten(item.frame, unmasking)) return;
            const auto* const copy = item.of == TracedReturn::Of::copy ? "a copy of " : "";
            return say(About::other, fmt::format("The IRET at {} pops {}F{}, and returns to {}.{}", item.place, copy,
                                                 item.frame, to, unmasking));
        }
        case TracedReturn::Of::changed:
            return say(
                About::other,
                fmt::format("The IRET at {} pops F{}, which was changed: it led back to {}, and now leads to {}.{}",
                            item.place, item.frame, back_to(item.pushed), to, unmasking));
        case TracedReturn::Of::again:
            return say(About::other, fmt::format("The IRET at {} pops F{} a second time, and returns to {} again.{}",
                                                 item.place, item.frame, to, unmasking));
        case TracedReturn::Of::made:
            return say(About::other, fmt::format("The IRET at {} pops a frame that no delivery pushed, and returns to "
                                                 "{}.{}",
                                                 item.place, to, unmasking));
    }
}

void Story::tell(const TracedFrameChange& item) {
    auto* last = sentences_.empty() ? nullptr : &sentences_.back();
    const bool goes_on = last != nullptr && last->about == About::change && last->frame == item.frame &&
                         function_of(last->last_actor) == function_of(item.actor);
    if (!goes_on) {
        say(About::change, "");
        last = &sentences_.back();
        last->frame = item.frame;
        last->change = item;
    } else {
        merge(last->change, item);
        if (last->change.after.empty()) return sentences_.pop_back();
    }
    last->last_actor = item.actor;
    const bool is_one = last->change.actor == item.actor;
    last->text = fmt::format("{}{} overwrites F{}: {}.", subject_of(last->change.actor),
                             is_one ? "" : " to " + item.actor, item.frame, describe(last->change));
}

void Story::tell(const TracedViolation& item) {
    say(About::other, fmt::format("Here {} breaks: {}.", describe(item.violation.invariant), item.violation.message));
}

void Story::tell(const TraceEnd& item) {
    constexpr std::string_view cut = "and so on";
    say(About::other, item.how.starts_with(cut) ? fmt::format("A{}.", item.how.substr(1))
                                                : fmt::format("The run ends: {}.", item.how));
}

}  // namespace gatecrash::sweep
