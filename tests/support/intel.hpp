// The fixture of tests that need the emulated Intel machine.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "machines/run.hpp"
#include "support/command.hpp"

namespace gatecrash::machines {

/// Skips the tests if the machine is not set up.
class Intel : public testing::Test {
  protected:
    void SetUp() override {
        if (const auto missing = missing_for_machine(*find_machine("intel"))) {
            GTEST_SKIP() << missing->what() << ": " << missing->remedy();
        }
    }

    static std::vector<std::string> in_intel(std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), {"--machine", "intel"});
        return machine_run(arguments);
    }
    static std::vector<std::string> shell(const std::string& script) { return in_intel({"/bin/sh", "-c", script}); }

    TemporaryFolder folder_;
};

}  // namespace gatecrash::machines
