#pragma once

#include <stdexcept>
#include <string>
#include <utility>

namespace gatecrash {

/// The command cannot go on, for a reason that is neither its input nor the code under test. A caller ends with exit
/// code 3. `what()` says in one line what failed and why.
class Failure : public std::runtime_error {
  public:
    explicit Failure(const std::string& what, std::string remedy = {})
        : std::runtime_error(what), remedy_(std::move(remedy)) {}

    /// Returns what the user can do about it; may be empty.
    [[nodiscard]] const std::string& remedy() const { return remedy_; }

  private:
    std::string remedy_;
};

}  // namespace gatecrash
