#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "posix/file_descriptor.hpp"

namespace gatecrash::kvm {

/// One of the statistics that KVM keeps for a vCPU (api.rst, KVM_GET_STATS_FD). Only a Vcpu makes one. It must not
/// outlive the Vcpu, since the file of the statistics need not keep the vCPU alive.
class Counter {
  public:
    /// Returns the current value. Throws Error.
    [[nodiscard]] std::uint64_t read() const;

  private:
    friend class Vcpu;
    Counter(posix::FileDescriptor fd, std::uint64_t offset) : fd_(std::move(fd)), offset_(offset) {}
    /// Finds the statistic `name` in the statistics file `fd`. Empty if there is none. Throws Error.
    static std::optional<Counter> find(posix::FileDescriptor fd, const std::string& name);

    posix::FileDescriptor fd_;
    std::uint64_t offset_;
};

}  // namespace gatecrash::kvm
