#pragma once

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

namespace gatecrash {

/// Thrown if KVM cannot be used. `what()` is one line: the call that failed, the reason and, where known, the remedy.
class KvmError : public std::runtime_error {
  public:
    KvmError(const std::string& what, std::string remedy) : std::runtime_error(what), remedy_(std::move(remedy)) {}

    /// Returns what the user can do about it, such as joining the group `kvm`. Empty if nothing is known.
    [[nodiscard]] const std::string& remedy() const { return remedy_; }

  private:
    std::string remedy_;
};

/// An open /dev/kvm. A process needs only one; guests may outlive it.
class Kvm {
  public:
    /// Opens `path`. Throws KvmError if the file is missing, may not be used, or is not KVM's.
    [[nodiscard]] static Kvm open(const std::string& path = "/dev/kvm");

  private:
    friend class Guest;
    struct Impl;
    explicit Kvm(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}

    std::shared_ptr<const Impl> impl_;
};

}  // namespace gatecrash
