#pragma once

#include <array>
#include <cstdint>

#include "kvm/vcpu.hpp"
#include "vm/state/msr.hpp"

namespace gatecrash::vm {

/// The model-specific registers that a guest may change.
struct Msrs {
    std::uint64_t kernel_gs_base = 0, star = 0, lstar = 0, cstar = 0, fmask = 0;
    std::uint64_t sysenter_cs = 0, sysenter_esp = 0, sysenter_eip = 0;
    std::uint64_t mcg_status = 0, mc0_status = 0;

    bool operator==(const Msrs&) const = default;
};

struct MsrInfo {
    std::uint32_t index;
    const char* name;
    std::uint64_t Msrs::*value;
    bool changes_by_itself = false;  ///< SWAPGS or a machine check changes it
};
/// Has a row for every register of Msrs. SWAPGS can change only the first.
constexpr std::array msr_table{
    MsrInfo{msr_kernel_gs_base, "KERNEL_GS_BASE", &Msrs::kernel_gs_base, true},
    MsrInfo{msr_star, "STAR", &Msrs::star},
    MsrInfo{msr_lstar, "LSTAR", &Msrs::lstar},
    MsrInfo{msr_cstar, "CSTAR", &Msrs::cstar},
    MsrInfo{msr_fmask, "FMASK", &Msrs::fmask},
    MsrInfo{msr_sysenter_cs, "SYSENTER_CS", &Msrs::sysenter_cs},
    MsrInfo{msr_sysenter_esp, "SYSENTER_ESP", &Msrs::sysenter_esp},
    MsrInfo{msr_sysenter_eip, "SYSENTER_EIP", &Msrs::sysenter_eip},
    MsrInfo{msr_mcg_status, "MCG_STATUS", &Msrs::mcg_status, true},
    MsrInfo{msr_mc0_status, "MC0_STATUS", &Msrs::mc0_status, true},
};

/// Reads all registers of msr_table, or its first `count`, into `values`.
void read_msrs(kvm::Vcpu& cpu, Msrs& values, std::size_t count = msr_table.size());
/// Writes `values`. Skips those that KVM has already according to `kvm_has`, if that is given.
void write_msrs(kvm::Vcpu& cpu, const Msrs& values, const Msrs* kvm_has = nullptr);

/// Caches the MSRs of a guest. It reads and writes them only when they can have changed, since each ioctl costs as much
/// as a run.
class MsrCache {
  public:
    explicit MsrCache(kvm::Vcpu& cpu);

    /// Says which instructions the guest has that change MSRs.
    void expect(bool writes_msrs, bool swaps_gs) {
        writes_msrs_ = writes_msrs;
        swaps_gs_ = swaps_gs;
    }
    [[nodiscard]] const Msrs& get();
    /// Sets the values. The next flush() writes those that changed to KVM.
    void set(const Msrs& values);
    /// Writes changed values to KVM. Call it before a run.
    void flush();
    /// Notes that a run may change the MSRs.
    void doubt() { known_ = false; }
    /// Notes that the last run cannot have changed the MSRs.
    void trust() { known_ = true; }
    /// Forgets all values, after KVM has changed MSRs by itself.
    void forget();
    /// True if the guest's values are known without an ioctl.
    [[nodiscard]] bool known() const { return known_; }

  private:
    void read(std::size_t count);

    kvm::Vcpu& cpu_;
    Msrs values_, of_kvm_;     ///< of_kvm_ is what KVM has until the next run
    bool has_values_ = false;  ///< values_ were read once
    bool known_ = false;       ///< values_ are what the guest has
    bool writes_msrs_ = true, swaps_gs_ = true;
    bool is_amd_;
};

}  // namespace gatecrash::vm
