// Tests what `doctor` says about a host besides its behaviours.
#include "report/host_facts.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

namespace gatecrash::report {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using vm::Vendor;
namespace fs = std::filesystem;

TEST(HostFacts, AreReadFromTheirFiles) {
    const auto root = fs::path(testing::TempDir()) / "gatecrash-host-facts";
    const auto write = [&](const char* name, const char* text) {
        fs::create_directories((root / name).parent_path());
        std::ofstream(root / name) << text << "\n";
    };
    write("proc/version", "Linux version 6.1.0-57-cloud-amd64 (x@y) (gcc 12) #1 SMP Debian 6.1.192-1 (2026-01-01)");
    write("sys/module/kvm_amd/parameters/vnmi", "Y");
    write("sys/module/kvm/parameters/tdp_mmu", "N");
    write("sys/devices/system/cpu/cpu0/microcode/version", "0xa20120e");
    write("sys/devices/system/cpu/vulnerabilities/vmscape", "Mitigation: IBPB before exit to userspace");
    const auto facts = read_host_facts(root);
    fs::remove_all(root);
    EXPECT_EQ(facts.kernel, (KernelVersion{6, 1, 192}));
    EXPECT_EQ(facts.microcode, "0xa20120e");
    EXPECT_EQ(facts.kvm_parameters, (std::map<std::string, std::string>{{"kvm.tdp_mmu", "N"}, {"kvm_amd.vnmi", "Y"}}));
    EXPECT_EQ(facts.vulnerabilities.at("vmscape"), "Mitigation: IBPB before exit to userspace");
}

TEST(HostFacts, DoNotTakeTheCompilersVersionForTheKernels) {
    const auto root = fs::path(testing::TempDir()) / "gatecrash-own-kernel";
    fs::create_directories(root / "proc");
    std::ofstream(root / "proc/version") << "Linux version 6.15.2 (me@here) (gcc (Debian 12.2.0-14) 12.2.0) #1 SMP\n";
    const auto facts = read_host_facts(root);
    fs::remove_all(root);
    EXPECT_EQ(facts.kernel, (KernelVersion{6, 15, 2}));
}

TEST(HostFacts, MayBeMissing) {
    const auto facts = read_host_facts("/nonexistent");
    EXPECT_FALSE(facts.kernel);
    EXPECT_THAT(facts.kvm_parameters, IsEmpty());
    EXPECT_THAT(known_problems(facts, Vendor::intel), IsEmpty());
    EXPECT_THAT(describe(facts, Vendor::intel), HasSubstr("kernel unknown, microcode unknown"));
    EXPECT_EQ(to_json(facts, Vendor::amd).at("kernel_version"), nullptr);
}

std::vector<std::string> symptoms(const HostFacts& facts, Vendor vendor = Vendor::amd) {
    std::vector<std::string> symptoms;
    for (const auto& problem : known_problems(facts, vendor)) symptoms.emplace_back(problem.symptom);
    return symptoms;
}

TEST(KnownProblems, GoByVersionVendorAndSettings) {
    HostFacts facts;
    facts.kernel = {7, 0, 0};
    EXPECT_THAT(symptoms(facts), IsEmpty());
    facts.kernel = {6, 1, 49};
    const auto drops = HasSubstr("drops all nested page tables"), creates = HasSubstr("creating a virtual machine");
    EXPECT_THAT(symptoms(facts), ElementsAre(drops, creates));
    facts.kernel = {6, 1, 50};
    EXPECT_THAT(symptoms(facts), ElementsAre(creates));
    facts.kernel = {6, 3, 1};
    EXPECT_THAT(symptoms(facts), ElementsAre(drops, creates));
    facts.kvm_parameters = {{"kvm.tdp_mmu", "N"}, {"kvm.nx_huge_pages", "never"}};
    EXPECT_THAT(symptoms(facts), IsEmpty());
    facts.kernel = {5, 10, 200};
    EXPECT_THAT(symptoms(facts), ElementsAre(HasSubstr("no dirty ring")));
    EXPECT_THAT(symptoms(facts, Vendor::intel), ElementsAre(HasSubstr("VM entry fail"), HasSubstr("no dirty ring")));
    facts.kernel = {7, 0, 0};
    facts.vulnerabilities = {{"vmscape", "Mitigation: IBPB before exit to userspace"}, {"l1tf", "Not affected"}};
    EXPECT_THAT(symptoms(facts), ElementsAre(HasSubstr("VMSCAPE")));
}

}  // namespace
}  // namespace gatecrash::report
