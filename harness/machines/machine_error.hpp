// The one exception of the emulated machine.
#pragma once

#include <stdexcept>
#include <string>

namespace gatecrash::machines {

/// The machine could not be built, started, or kept alive: never the fault of the program inside.
/// what() says what failed and why, remedy() what to do about it (may be empty).
/// A caller ends with exit code 3.
class MachineError : public std::runtime_error {
  public:
    explicit MachineError(const std::string& what, std::string remedy = {})
        : std::runtime_error(what), remedy_(std::move(remedy)) {}
    const std::string& remedy() const { return remedy_; }

  private:
    std::string remedy_;
};

}  // namespace gatecrash::machines
