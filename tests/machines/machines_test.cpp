// Tests the table of machines.
#include "machines/machines.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "cli/machine_name.hpp"
#include "machines/machine_error.hpp"
#include "machines/run.hpp"

namespace gatecrash::machines {
namespace {

TEST(Machines, BeginWithTheHostWhichNeedsNothing) {
    const auto& host = all_machines().front();
    EXPECT_EQ(host.name, "host");
    EXPECT_FALSE(host.is_emulated());
    EXPECT_FALSE(missing_for_machine(host));
    EXPECT_EQ(emulated_machines().size() + 1, all_machines().size());
}

TEST(Machines, HaveEverythingInTheirRows) {
    for (const auto& machine : emulated_machines()) {
        SCOPED_TRACE(machine.name);
        EXPECT_TRUE(machine.is_emulated());
        EXPECT_NE(machine.check, nullptr);
        EXPECT_NE(machine.key, nullptr);
        EXPECT_GE(machine.memory, std::size_t{64} << 20);
        for (const auto& text :
             {machine.name, machine.summary, machine.cpu, machine.kvm_module, machine.setup, machine.boot_time}) {
            EXPECT_FALSE(text.empty());
        }
        EXPECT_THAT(remedy_of(machine), testing::StartsWith("run `./dev setup"));
    }
}

TEST(Machines, AreFoundByTheirNames) {
    for (const auto& machine : all_machines()) EXPECT_EQ(find_machine(machine.name), &machine);
    EXPECT_EQ(find_machine("vax"), nullptr);
    EXPECT_EQ(find_machine("auto"), nullptr);
    EXPECT_EQ(find_machine(""), nullptr);
}

TEST(Machines, AreNamedWithWhatIsMissingAndTheRemedy) {
    const auto& machine = emulated_machines().back();
    try {
        throw_not_set_up(machine, "emulator");
        FAIL();
    } catch (const MachineError& error) {
        EXPECT_EQ(std::string(error.what()),
                  "the machine '" + std::string(machine.name) + "' is not set up: there is no emulator");
        EXPECT_EQ(error.remedy(), remedy_of(machine));
    }
}

TEST(MachineName, HasAWordForEachMachineAndForAutoAndAll) {
    std::set<std::string_view> words;
    for (const auto name : cli::MachineName::every()) {
        EXPECT_TRUE(words.insert(name.word()).second) << name.word();
        EXPECT_EQ(name.machine(), find_machine(name.word()));
        EXPECT_EQ(name.machine() == nullptr, name == cli::MachineName::automatic || name == cli::MachineName::all);
        EXPECT_EQ(name.is_host(), name.word() == "host");
    }
    EXPECT_EQ(words.size(), all_machines().size() + 2);
}

}  // namespace
}  // namespace gatecrash::machines
