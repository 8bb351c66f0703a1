#include "kernel/end_memory.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "gatecrash/workload.h"
#include "kernel/end_state.hpp"
#include "kernel/kernel_landing.hpp"
#include "kernel/kernel_stacks.hpp"
#include "kernel/kernel_walk.hpp"
#include "sweep/schedule.hpp"
#include "vm/state/registers.hpp"

namespace gatecrash::kernel {

EndMemory::EndMemory(const WaitingKernel& kernel, const WindowRun& run, const std::vector<std::string>& ignored)
    : guest_(kernel.guest),
      facts_(kernel.facts),
      run_(run),
      names_(guest_, facts_, kernel.symbols),
      ignored_(ignored.begin(), ignored.end()) {
    for (const auto& name : ignored) {
        if (!names_.has(name)) {
            throw sweep::ScheduleError(
                fmt::format("--ignore-memory: the kernel has no '{}'. A finding's message has the names of words, and "
                            "a symbol stands for all of its words",
                            name));
        }
    }
    for (const auto& stack : KernelStacks(guest_, facts_).all()) {
        for (auto at = stack.low; at < stack.high; at += vm::page_size) {
            const auto physical = guest_.translate(vm::Virtual{at});
            if (!physical) continue;
            const auto page = number(*physical) / vm::page_size;
            if (page >= dead_.size()) dead_.resize(page + 1);
            dead_[page] = true;
        }
    }
}

EndMemory::Comparison EndMemory::compare(const std::vector<vm::Event>& events) {
    std::vector<std::uint16_t> key;
    key.reserve(events.size());
    for (const auto& event : events)
        key.push_back(static_cast<std::uint16_t>(static_cast<unsigned>(event.kind) << 8 | event.vector));
    std::ranges::sort(key);
    const auto [expected, is_new] = expected_.try_emplace(key);
    if (is_new) {
        const auto now = guest_.save(&run_.begin);
        expected->second = expected_after(events);
        if (!expected->second) guest_.doubt_devices();
        guest_.restore(now);
    }
    if (!expected->second) return {};
    const auto& right = *expected->second;
    auto changes = guest_.memory_states().differences(right.pages, dead_);
    std::erase_if(changes, [&](const auto& change) { return right.depend_on_place.contains(change.at); });
    const bool lives = changes.empty();
    std::erase_if(changes, [&](const auto& change) { return is_ignored(change); });
    return {std::move(changes), lives};
}

bool EndMemory::is_ignored(const WordChange& change) const {
    if (ignored_.empty()) return false;
    const auto name = names_.name_of(change.at);
    return ignored_.contains(name) || ignored_.contains(name.substr(0, name.find('+')));
}

std::optional<EndMemory::Expected> EndMemory::expected_after(const std::vector<vm::Event>& events) {
    auto at_begin = run_in_turn(events, Place::begin);
    if (!at_begin || !reaches_alive() || !run_in_turn(events, Place::end)) return std::nullopt;
    Expected expected{std::move(*at_begin), {}};
    for (const auto& change : guest_.memory_states().differences(expected.pages, dead_))
        expected.depend_on_place.insert(change.at);
    return expected;
}

std::set<vm::Physical> EndMemory::depend_on_place() const {
    std::set<vm::Physical> words;
    for (const auto& [events, expected] : expected_) {
        if (expected) words.insert(expected->depend_on_place.begin(), expected->depend_on_place.end());
    }
    return words;
}

bool EndMemory::reaches_alive() {
    guest_.leave_doorbell();
    return guest_.run_patiently() == Stop{Rang{GATECRASH_DOORBELL_ALIVE}};
}

/// Runs through the window with these events, each after the handling of the one before it. A #DB can only arrive in
/// the kernel, so its place is always the same.
std::optional<vm::PageSet> EndMemory::run_in_turn(const std::vector<vm::Event>& events, Place place) {
    return guest_.new_pages().repeat([&] { return run_in_turn_once(events, place); });
}

std::optional<vm::PageSet> EndMemory::run_in_turn_once(const std::vector<vm::Event>& events, Place place) {
    std::vector<vm::Event> in_program, in_kernel;
    for (const auto& event : events) (event.kind == vm::Event::Kind::db ? in_kernel : in_program).push_back(event);
    guest_.restore(run_.begin);
    if (place == Place::begin && !handle_in_program(in_program)) return std::nullopt;
    if (run_.opening) land(guest_, facts_, *run_.opening);
    if (!handle_in_kernel(in_kernel) || !run_to_end()) return std::nullopt;
    for (const auto& event : place == Place::end ? in_program : std::vector<vm::Event>{}) {
        land(guest_, facts_, event);
        if (!run_to_end()) return std::nullopt;
    }
    if (!compare_ends(guest_.cpu_state(), run_.end.cpu).empty()) return std::nullopt;
    return guest_.save(&run_.begin).pages;
}

bool EndMemory::run_to_end() {
    const bool has_ended = guest_.run_patiently() == Stop{Rang{GATECRASH_DOORBELL_END}};
    if (has_ended) guest_.cancel_output();
    return has_ended;
}

/// Lets the kernel handle events where the window begins, and come back there.
bool EndMemory::handle_in_program(const std::vector<vm::Event>& events) {
    const auto begin = guest_.rip();
    static constexpr std::array out{std::byte{0xe6}, std::byte{GATECRASH_DOORBELL_BEGIN}};
    const auto physical = guest_.translate(begin);
    // A program that steps itself would be interrupted by its own #DB after the OUT.
    const bool steps_itself = (guest_.cpu().regs().rflags & vm::rflags_tf) != 0;
    if (steps_itself || !physical || vm::offset_in_page(begin) + out.size() > vm::page_size) return false;
    // The kernel may break, and then have other page tables.
    const auto code = guest_.memory().subspan(number(*physical), out.size());
    std::array<std::byte, out.size()> original{};
    std::ranges::copy(code, original.begin());
    std::ranges::copy(out, code.begin());
    const bool all_handled = std::ranges::all_of(events, [&](const auto& event) {
        land(guest_, facts_, event);
        const bool is_back = guest_.run_patiently() == Stop{Rang{GATECRASH_DOORBELL_BEGIN}} && guest_.rip() == begin;
        if (is_back) guest_.cancel_output();
        return is_back;
    });
    std::ranges::copy(original, code.begin());
    return all_handled;
}

/// Lets the kernel handle events at its first instruction where exceptions are allowed.
bool EndMemory::handle_in_kernel(const std::vector<vm::Event>& events) {
    if (events.empty()) return true;
    const std::vector<AddressRange> everywhere;
    KernelWalk walk(guest_, facts_, everywhere, {}, false);
    const auto is_there = [&] {
        const auto in_range = [&](const auto& range) { return range.contains(guest_.rip()); };
        return guest_.cpl() == 0 && !walk.handles_db() && std::ranges::none_of(facts_.without_breakpoints, in_range);
    };
    for (const auto& event : events) {
        while (!is_there()) {
            if (walk.step().end) return false;
        }
        land(guest_, facts_, event);
        if (walk.step().end) return false;
    }
    return true;
}

}  // namespace gatecrash::kernel
