// Tests the reader of files that add machines.
#include "machines/machine_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "machines/machine_error.hpp"
#include "posix/file.hpp"

namespace gatecrash::machines {
namespace {

using testing::HasSubstr;
namespace fs = std::filesystem;

class MachineFile : public testing::Test {
  protected:
    ~MachineFile() override { fs::remove_all(folder_); }

    std::vector<Machine> read(const std::string& text) {
        fs::create_directories(folder_);
        posix::write_file(folder_ / "machines.json", text);
        return read_machine_file(folder_ / "machines.json");
    }
    std::string error_of(const std::string& text) {
        try {
            (void)read(text);
            return "no error";
        } catch (const MachineError& error) {
            EXPECT_THAT(error.what(), HasSubstr((folder_ / "machines.json").string()));
            EXPECT_FALSE(error.remedy().empty());
            return error.what();
        }
    }

    fs::path folder_ = fs::path(testing::TempDir()) / "gatecrash-machine-file";
};

TEST_F(MachineFile, ChangesWhatItNamesAndKeepsTheRest) {
    const auto machines = read(R"({"machines": [
        {"name": "amd-7.3", "like": "amd", "summary": "a newer kernel", "kernel": "kernels/7.3",
         "module_parameters": {"kvm_amd": "npt=0"}, "kernel_arguments": "nopcid"},
        {"name": "intel-3.0", "like": "intel", "emulator": "/opt/bochs", "cpu": "tigerlake"}]})");
    ASSERT_EQ(machines.size(), 2U);
    const auto& amd = *find_machine("amd");
    EXPECT_EQ(machines[0].name, "amd-7.3");
    EXPECT_EQ(machines[0].summary, "a newer kernel");
    EXPECT_EQ(machines[0].cpu, amd.cpu);
    EXPECT_EQ(machines[0].start, amd.start);
    EXPECT_EQ(machines[0].kernel, folder_ / "kernels/7.3");
    EXPECT_EQ(machines[0].emulator, "");
    EXPECT_EQ(machines[0].module_parameters.at("kvm_amd"), "npt=0");
    EXPECT_EQ(machines[0].kernel_arguments, "nopcid");
    EXPECT_EQ(machines[1].cpu, "tigerlake");
    EXPECT_EQ(machines[1].emulator, "/opt/bochs");
    EXPECT_EQ(machines[1].memory, find_machine("intel")->memory);
}

TEST_F(MachineFile, IsRefusedWithTheReason) {
    EXPECT_THAT(error_of("{"), HasSubstr("parse error"));
    EXPECT_THAT(error_of("{}"), HasSubstr("machines"));
    EXPECT_THAT(error_of(R"({"machines": [5]})"), HasSubstr("a machine is not an object"));
    EXPECT_THAT(error_of(R"({"machines": [{"name": "a", "like": "vax"}]})"),
                HasSubstr("`like` must be amd or intel, not 'vax'"));
    EXPECT_THAT(error_of(R"({"machines": [{"name": "A", "like": "amd"}]})"),
                HasSubstr("`name` must have small letters"));
    EXPECT_THAT(error_of(R"({"machines": [{"name": "all", "like": "amd"}]})"), HasSubstr("not be 'all'"));
    EXPECT_THAT(error_of(R"({"machines": [{"name": "a", "like": "amd", "colour": "red"}]})"),
                HasSubstr("there is no member `colour`"));
    EXPECT_THAT(error_of(R"({"machines": [{"name": "a", "like": "amd", "cpu": 486}]})"),
                HasSubstr("`cpu` is not a string"));
    EXPECT_THAT(error_of(R"({"machines": [{"name": "a", "like": "amd", "module_parameters": "npt=0"}]})"),
                HasSubstr("`module_parameters` is not an object"));
    EXPECT_THAT(error_of(R"({"machines": [{"name": "a", "like": "amd", "module_parameters": {"kvm": 1}}]})"),
                HasSubstr("the parameters of kvm are not a string"));
}

TEST(MissingMachineFile, IsNamed) {
    try {
        (void)read_machine_file("/nonexistent/machines.json");
        FAIL();
    } catch (const MachineError& error) {
        EXPECT_EQ(std::string(error.what()),
                  "cannot read the file of machines /nonexistent/machines.json: No such file or directory");
        EXPECT_THAT(error.remedy(), HasSubstr("GATECRASH_MACHINES"));
    }
}

}  // namespace
}  // namespace gatecrash::machines
