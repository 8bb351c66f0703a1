#pragma once

#include <stdexcept>
#include <string>

namespace gatecrash::cli {

/// What the user asked for cannot be had on this host: exit code 3. `what()` is one line, the remedy another.
class HostError : public std::runtime_error {
  public:
    HostError(const std::string& what, std::string remedy) : std::runtime_error(what), remedy_(std::move(remedy)) {}
    [[nodiscard]] const std::string& remedy() const { return remedy_; }

  private:
    std::string remedy_;
};

}  // namespace gatecrash::cli
