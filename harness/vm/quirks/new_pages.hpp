#pragma once

#include <cstdint>
#include <exception>
#include <optional>
#include <utility>

#include "kvm/system.hpp"
#include "kvm/vcpu.hpp"
#include "vm/outcome.hpp"

namespace gatecrash::vm {

class Guest;

namespace quirks {

/// Uses each page of a guest that has just been set up. Replaces the guest's registers.
///
/// Works around the first use of a page on Intel's CPUs. That is an EPT violation, at which the CPU can save RF as set
/// (SDM volume 3, 27.3.3). KVM then maps the page and enters the guest again. Bochs 3.0 pushes this RF in the frame of
/// an event whose delivery met a new page. Whether a page is new depends on what ran before, so frames would not be
/// the same each time. So this function reads all pages through each of the harness's roots, since their page tables
/// count, too. KVM maps a page that the host may write so that the guest may write it as well, and reports it as
/// written. Applies to Intel's CPUs.
void use_pages(Guest& guest);

/// Notices that a run met a page that KVM had to map.
///
/// Works around the same RF after the host has unmapped a page that was used before. The host does so at any time: it
/// moves pages between nodes, compacts memory, swaps, or merges equal pages. Then the run says nothing, and is made
/// again. KVM counts these faults. Without nested paging it counts those of the guest itself, too.
class NewPages {
  public:
    /// `applies` says that this machine may set RF so: behaviour unmapped-pages-leave-no-rf, or a CPU of Intel that
    /// nobody has measured. Otherwise it notices nothing, and neither if KVM does not count (before Linux 5.18).
    NewPages(const kvm::System& system, const kvm::Vcpu& cpu, bool applies);

    /// Call it after each run.
    void look() {
        if (!faults_ || !emulated_) return;
        const auto faults = faults_->read();
        if (faults != seen_.faults) look_closer(faults);
    }
    /// True if a run met such a page since the last call.
    [[nodiscard]] bool take() { return std::exchange(is_met_, false); }

    /// True if runs must be made again because of such a page. `attempts` counts them, from 0 on. Throws MachineFault
    /// after many.
    [[nodiscard]] bool must_repeat(int& attempts);

    /// Calls `run`, which makes runs from their beginning, until they meet no such page. Returns its result, or throws
    /// its MachineFault.
    template <typename Run>
    auto repeat(const Run& run) {
        for (int attempts = 0;;) {
            (void)take();
            std::optional<decltype(run())> result;
            std::exception_ptr fault;
            try {
                result.emplace(run());
            } catch (const MachineFault&) {
                fault = std::current_exception();
            }
            if (must_repeat(attempts)) continue;
            if (fault) std::rethrow_exception(fault);
            return std::move(*result);
        }
    }

  private:
    void look_closer(std::uint64_t faults);

    std::optional<kvm::Counter> faults_, emulated_;
    std::optional<kvm::Counter> of_guest_;  ///< only without nested paging
    struct Seen {
        std::uint64_t faults = 0, others = 0;  ///< others: faults that map no page
    } seen_;
    bool is_met_ = false;
};

}  // namespace quirks
}  // namespace gatecrash::vm
