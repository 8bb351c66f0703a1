#pragma once

#include <array>
#include <cstdint>

#include "kvm/vcpu.hpp"
#include "vm/state/msr.hpp"

namespace gatecrash::vm {

/// The model-specific registers that a guest may change, and SSP. The harness reads and writes SSP together with them.
struct Msrs {
    std::uint64_t kernel_gs_base = 0, star = 0, lstar = 0, cstar = 0, fmask = 0;
    std::uint64_t sysenter_cs = 0, sysenter_esp = 0, sysenter_eip = 0;
    std::uint64_t mcg_status = 0, mc0_status = 0;
    // These are 0 unless the guest can use them: see MsrInfo::of.
    std::uint64_t u_cet = 0, s_cet = 0;
    std::uint64_t pl0_ssp = 0, pl1_ssp = 0, pl2_ssp = 0, pl3_ssp = 0, interrupt_ssp_table = 0;
    std::uint64_t ssp = 0;  ///< no MSR: the shadow stack pointer

    bool operator==(const Msrs&) const = default;
};

/// The feature of a CPU that a register belongs to.
enum class MsrOf : std::uint8_t {
    every_cpu,
    cet,           ///< Vcpu::has_cet()
    shadow_stacks  ///< Vcpu::has_shadow_stacks()
};

struct MsrInfo {
    std::uint32_t index;
    const char* name;
    std::uint64_t Msrs::*value;
    bool changes_by_itself = false;  ///< SWAPGS, a machine check, or leaving user code changes it
    MsrOf of = MsrOf::every_cpu;
};
/// Has a row for every MSR of Msrs. SWAPGS can change only the first. The rows of one feature are together.
inline constexpr std::array msr_table{
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
    MsrInfo{msr_u_cet, "U_CET", &Msrs::u_cet, false, MsrOf::cet},
    MsrInfo{msr_s_cet, "S_CET", &Msrs::s_cet, false, MsrOf::cet},
    MsrInfo{msr_pl0_ssp, "PL0_SSP", &Msrs::pl0_ssp, false, MsrOf::shadow_stacks},
    MsrInfo{msr_pl1_ssp, "PL1_SSP", &Msrs::pl1_ssp, false, MsrOf::shadow_stacks},
    MsrInfo{msr_pl2_ssp, "PL2_SSP", &Msrs::pl2_ssp, false, MsrOf::shadow_stacks},
    MsrInfo{msr_pl3_ssp, "PL3_SSP", &Msrs::pl3_ssp, true, MsrOf::shadow_stacks},
    MsrInfo{msr_interrupt_ssp_table, "INTERRUPT_SSP_TABLE", &Msrs::interrupt_ssp_table, false, MsrOf::shadow_stacks},
};

/// Reads into `values` what `cpu` has of Msrs.
void read_msrs(kvm::Vcpu& cpu, Msrs& values);
/// Writes what `cpu` has of `values`. Skips what KVM has already according to `kvm_has`, if that is given.
void write_msrs(kvm::Vcpu& cpu, const Msrs& values, const Msrs* kvm_has = nullptr);

/// Caches the MSRs of a guest. It reads and writes them only when they can have changed, since each ioctl costs as much
/// as a run.
class MsrCache {
  public:
    explicit MsrCache(kvm::Vcpu& cpu);

    /// Says which instructions the guest has that change MSRs. A guest that `loads_cr4` may use shadow stacks, if the
    /// CPU has them.
    void expect(bool writes_msrs, bool swaps_gs, bool loads_cr4);
    /// True if the guest may use shadow stacks. Then each of its steps may change SSP.
    [[nodiscard]] bool has_shadow_stacks() const { return has_shadow_stacks_; }
    [[nodiscard]] const Msrs& get();
    /// Sets the values. The next flush() writes those that changed to KVM.
    void set(const Msrs& values);
    /// Writes changed values to KVM. Call it before a run.
    void flush();
    /// Notes that a run may change the MSRs.
    void doubt() { known_ = false; }
    /// Notes that the last run cannot have changed the MSRs. A guest with shadow stacks has changed SSP. Its values are
    /// known only if they were read or set after the run.
    void trust() { known_ = known_ || !has_shadow_stacks_; }
    /// Forgets all values, after KVM has changed MSRs by itself.
    void forget();
    /// True if the guest's values are known without an ioctl.
    [[nodiscard]] bool known() const { return known_; }

  private:
    void read();

    kvm::Vcpu& cpu_;
    Msrs values_, of_kvm_;     ///< of_kvm_ is what KVM has until the next run
    bool has_values_ = false;  ///< values_ were read once
    bool known_ = false;       ///< values_ are what the guest has
    bool writes_msrs_ = true, swaps_gs_ = true, has_shadow_stacks_ = false;
    bool is_amd_;
};

}  // namespace gatecrash::vm
