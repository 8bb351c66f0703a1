#pragma once

#include <cstdint>

namespace gatecrash::vm {

// Model-specific registers that control the ways into the kernel (SDM volume 4, chapter 2; APM volume 2, appendix A).
constexpr std::uint32_t msr_spec_ctrl = 0x48, msr_sysenter_cs = 0x174, msr_sysenter_esp = 0x175,
                        msr_sysenter_eip = 0x176;
constexpr std::uint32_t msr_star = 0xc0000081, msr_lstar = 0xc0000082, msr_cstar = 0xc0000083, msr_fmask = 0xc0000084;
/// Machine checks (SDM volume 3, 15.3).
constexpr std::uint32_t msr_mcg_status = 0x17a, msr_mc0_status = 0x401;
constexpr std::uint32_t msr_gs_base = 0xc0000101, msr_kernel_gs_base = 0xc0000102;

}  // namespace gatecrash::vm
