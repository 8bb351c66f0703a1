// What a failing KVM call throws.
#pragma once

#include <stdexcept>
#include <string>

namespace gatecrash::kvm {

/// A call into KVM that the kernel refused. `what()` is one line: the call, the reason and, where known, the remedy.
class Error : public std::runtime_error {
  public:
    Error(const std::string& call, int error_number);

    /// The ioctl or system call that failed, for instance "KVM_CREATE_VM".
    [[nodiscard]] const std::string& call() const { return call_; }
    /// The errno it left.
    [[nodiscard]] int error_number() const { return error_number_; }
    /// What the user can do about it; empty where nothing is known.
    [[nodiscard]] const std::string& remedy() const { return remedy_; }

  private:
    Error(std::string call, int error_number, std::string remedy);

    std::string call_;
    int error_number_;
    std::string remedy_;
};

/// What to do on this host about `error_number` from `call`, to use its KVM: the kvm group for EACCES, the modules for
/// ENOENT, ... Empty if unknown.
[[nodiscard]] std::string host_remedy_for(const std::string& call, int error_number);
/// The same for users of the program, who can also choose another machine. Empty if unknown.
[[nodiscard]] std::string remedy_for(const std::string& call, int error_number);

}  // namespace gatecrash::kvm
