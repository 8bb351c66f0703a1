#pragma once

#include "failure.hpp"

namespace gatecrash::cli {

/// Thrown if this host lacks something that the user asked for.
class HostError : public Failure {
  public:
    HostError(const std::string& what, std::string remedy) : Failure(what, std::move(remedy)) {}
};

}  // namespace gatecrash::cli
