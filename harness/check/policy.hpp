#pragma once

namespace gatecrash::check {

/// Rules that only some kernels ask for.
struct Policy {
    bool needs_verw = false;          ///< VERW on each way to CPL 3
    bool needs_swapgs_fence = false;  ///< a fence after each conditional SWAPGS
    bool needs_ibpb = false;          ///< an indirect branch predictor barrier on each way to CPL 3
    bool needs_spec_ctrl = false;     ///< a write of the MSR SPEC_CTRL on each way to CPL 3
};

}  // namespace gatecrash::check
