#pragma once

namespace gatecrash::vm::quirks {

/// Says which defects a guest's machine has, or may have. Each repair costs calls of KVM_RUN, so a machine goes without
/// those of defects that it was measured not to have (qualify::repairs_for()). Nothing measured means that all are on.
struct Repairs {
    bool leftover_breakpoints = true;  ///< disarm_breakpoints(): behaviour breakpoint-from-outside
    bool nmi_mask = true;              ///< unmask_nmis(): behaviour nmi-mask-over-entry
    bool stale_trap = true;            ///< StaleTrap: behaviour exit-leaves-no-trap
    bool new_pages = true;             ///< NewPages: behaviour unmapped-pages-leave-no-rf

    bool operator==(const Repairs&) const = default;
};

}  // namespace gatecrash::vm::quirks
