// Compares the kernel's memory at the end of a schedule with what it should be.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "gatecrash/event.hpp"
#include "kernel/kernel_facts.hpp"
#include "kernel/kernel_guest.hpp"
#include "kernel/kernel_window.hpp"
#include "kernel/memory_names.hpp"

namespace gatecrash::kernel {

/// Knows the memory at the end of a DoorbellWindow. It must be as if the same events had arrived one after another,
/// outside of the entry code.
///
/// Two runs show that memory. In one the events arrive at the beginning of the window, in the other at its end. If a
/// word differs between these runs, it depends on the place, such as a kernel's note of where its last NMI arrived. It
/// does not count. Stacks do not count either: they are dead while a program runs.
class EndMemory {
  public:
    /// The guest must be somewhere in the window. Words with names in `ignored` do not count. Throws
    /// sweep::ScheduleError if there is no such name. The references must outlive this.
    EndMemory(const WaitingKernel& kernel, const WindowRun& run, const std::vector<std::string>& ignored);

    struct Comparison {
        std::vector<WordChange> changes;  ///< words that are not as they should be
        /// True if the kernel goes on as it does after the runs that show what the memory should be, and these reached
        /// the doorbell ALIVE. False if there are no such runs, because they break an invariant themselves.
        bool lives = false;
    };
    /// Compares the guest's memory, which is at the end of the window after `events`. Leaves the guest as it is.
    [[nodiscard]] Comparison compare(const std::vector<vm::Event>& events);
    /// Returns all words that did not count so far, because they depend on the place.
    [[nodiscard]] std::set<vm::Physical> depend_on_place() const;
    [[nodiscard]] const MemoryNames& names() const { return names_; }

  private:
    enum class Place : std::uint8_t { begin, end };
    /// The memory after some events.
    struct Expected {
        vm::PageSet pages;
        std::set<vm::Physical> depend_on_place;
    };
    [[nodiscard]] std::optional<Expected> expected_after(const std::vector<vm::Event>& events);
    [[nodiscard]] std::optional<vm::PageSet> run_in_turn(const std::vector<vm::Event>& events, Place place);
    [[nodiscard]] std::optional<vm::PageSet> run_in_turn_once(const std::vector<vm::Event>& events, Place place);
    [[nodiscard]] bool handle_in_program(const std::vector<vm::Event>& events);
    [[nodiscard]] bool handle_in_kernel(const std::vector<vm::Event>& events);
    [[nodiscard]] bool run_to_end();
    [[nodiscard]] bool reaches_alive();
    [[nodiscard]] bool is_ignored(const WordChange& change) const;

    KernelGuest& guest_;
    const KernelFacts& facts_;
    const WindowRun& run_;
    MemoryNames names_;
    std::set<std::string> ignored_;
    std::vector<bool> dead_;  ///< true for pages of stacks, by their physical addresses in pages
    /// By the events, which are sorted. Empty if a run with them breaks an invariant itself.
    std::map<std::vector<std::uint16_t>, std::optional<Expected>> expected_;
};

}  // namespace gatecrash::kernel
