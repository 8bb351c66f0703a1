#pragma once

#include <linux/kvm.h>

#include <compare>
#include <cstdint>
#include <functional>
#include <memory>

namespace gatecrash::kvm {

/// A page of a logged memory slot.
struct WrittenPage {
    std::uint32_t slot;
    std::uint64_t page;  ///< number of the page, counted from the beginning of the slot

    auto operator<=>(const WrittenPage&) const = default;
};

/// A layer between one vCPU and KVM. It can change what the harness asks, and what KVM answers. So tests can run the
/// harness on a CPU or a kernel that they do not have.
class Shim {
  public:
    Shim() = default;
    virtual ~Shim() = default;
    Shim(const Shim&) = delete;
    Shim& operator=(const Shim&) = delete;

    /// Does what ioctl() does on the vCPU's file, and sets errno as it does. `shared` is the memory that the vCPU
    /// shares with KVM.
    virtual int call(int fd, unsigned long request, void* argument, kvm_run& shared) = 0;
    /// False if the harness must not see this entry of the dirty ring yet. The shim is asked again after the next run.
    [[nodiscard]] virtual bool shows(const WrittenPage& /*page*/) { return true; }
};

/// Makes the shim of a new vCPU.
using ShimFactory = std::function<std::unique_ptr<Shim>()>;

}  // namespace gatecrash::kvm
