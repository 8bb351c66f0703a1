#pragma once

#include <cstdint>

namespace gatecrash::vm {

// Model-specific registers that control the ways into the kernel (SDM volume 4, chapter 2; APM volume 2, appendix A).
constexpr std::uint32_t msr_spec_ctrl = 0x48, msr_sysenter_cs = 0x174, msr_sysenter_esp = 0x175,
                        msr_sysenter_eip = 0x176;
constexpr std::uint32_t msr_star = 0xc0000081, msr_lstar = 0xc0000082, msr_cstar = 0xc0000083, msr_fmask = 0xc0000084;
/// Machine checks (SDM volume 3, 15.3).
constexpr std::uint32_t msr_mcg_status = 0x17a, msr_mc0_status = 0x401;
/// Control-flow enforcement: shadow stacks, and indirect branch tracking (SDM volume 4, table 2-2; volume 1, chapter
/// 17).
constexpr std::uint32_t msr_u_cet = 0x6a0, msr_s_cet = 0x6a2, msr_pl0_ssp = 0x6a4, msr_pl1_ssp = 0x6a5,
                        msr_pl2_ssp = 0x6a6, msr_pl3_ssp = 0x6a7, msr_interrupt_ssp_table = 0x6a8;
constexpr std::uint32_t msr_gs_base = 0xc0000101, msr_kernel_gs_base = 0xc0000102;

}  // namespace gatecrash::vm
