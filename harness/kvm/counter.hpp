#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "posix/file_descriptor.hpp"

namespace gatecrash::kvm {

/// One of the numbers that KVM keeps of a vCPU (api.rst, KVM_GET_STATS_FD). Only a Vcpu makes one, and it must not
/// outlive that: the file of the statistics need not keep the vCPU.
class Counter {
  public:
    /// Throws Error.
    [[nodiscard]] std::uint64_t read() const;

  private:
    friend class Vcpu;
    Counter(posix::FileDescriptor fd, std::uint64_t offset) : fd_(std::move(fd)), offset_(offset) {}
    /// The one called `name` in the statistics that `fd` is for. Empty if there is none. Throws Error.
    static std::optional<Counter> find(posix::FileDescriptor fd, const std::string& name);

    posix::FileDescriptor fd_;
    std::uint64_t offset_;
};

}  // namespace gatecrash::kvm
