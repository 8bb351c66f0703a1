#pragma once

#include <cstdint>

namespace gatecrash::vm {

/// RFLAGS bits (SDM volume 1, 3.4.3).
constexpr std::uint64_t rflags_tf = 0x100, rflags_if = 0x200, rflags_df = 0x400, rflags_iopl = 0x3000,
                        rflags_nt = 0x4000, rflags_rf = 0x10000, rflags_vm = 0x20000, rflags_ac = 0x40000;

/// The part of CR3 that is an address (SDM volume 3, 4.5.2).
constexpr std::uint64_t cr3_address = 0x000ffffffffff000;

/// CR0, CR4 and EFER bits (SDM volume 3, 2.5 and 2.2.1).
constexpr std::uint64_t cr0_pe = 1, cr0_mp = 2, cr0_et = 0x10, cr0_ne = 0x20, cr0_wp = 0x10000, cr0_pg = 0x80000000;
constexpr std::uint64_t cr4_pse = 0x10, cr4_pae = 0x20, cr4_mce = 0x40, cr4_la57 = 0x1000, cr4_cet = 0x800000;
constexpr std::uint64_t efer_sce = 1, efer_lme = 0x100, efer_lma = 0x400, efer_nxe = 0x800;

}  // namespace gatecrash::vm
