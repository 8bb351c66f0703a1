// The exception that a failing KVM call throws.
#pragma once

#include <stdexcept>
#include <string>

namespace gatecrash::kvm {

/// Thrown if the kernel refuses a call into KVM. `what()` is one line: the call, the reason and, where known, the
/// remedy.
class Error : public std::runtime_error {
  public:
    Error(const std::string& call, int error_number);

    /// Returns the ioctl or system call that failed, for instance "KVM_CREATE_VM".
    [[nodiscard]] const std::string& call() const { return call_; }
    /// Returns the errno of the call.
    [[nodiscard]] int error_number() const { return error_number_; }
    /// Returns what the user can do about it. Empty if nothing is known.
    [[nodiscard]] const std::string& remedy() const { return remedy_; }

  private:
    Error(std::string call, int error_number, std::string remedy);

    std::string call_;
    int error_number_;
    std::string remedy_;
};

/// Returns the remedy that a user of this host's KVM has for `error_number` from `call`. For example, EACCES asks for
/// joining the kvm group, and ENOENT for loading the modules. Empty if nothing is known.
[[nodiscard]] std::string host_remedy_for(const std::string& call, int error_number);
/// Returns the same for users of the program, who can also choose another machine. Empty if nothing is known.
[[nodiscard]] std::string remedy_for(const std::string& call, int error_number);

}  // namespace gatecrash::kvm
