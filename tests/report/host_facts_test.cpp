// Tests what `doctor` says about a host besides its behaviours.
#include "report/host_facts.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <utility>

namespace gatecrash::report {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
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
    const auto ignores = HasSubstr("ignores KVM_GUESTDBG_BLOCKIRQ"), no_ring = HasSubstr("no dirty ring");
    EXPECT_THAT(symptoms(facts), ElementsAre(ignores, no_ring));
    EXPECT_THAT(symptoms(facts, Vendor::intel), ElementsAre(HasSubstr("VM entry fail"), ignores, no_ring));
    facts.kernel = {7, 0, 0};
    facts.vulnerabilities = {{"vmscape", "Mitigation: IBPB before exit to userspace"}, {"l1tf", "Not affected"}};
    EXPECT_THAT(symptoms(facts), ElementsAre(HasSubstr("VMSCAPE")));
}

TEST(KnownProblems, OfVirtualNmisNeedThem) {
    HostFacts facts;
    facts.kernel = {6, 18, 2};
    facts.kvm_parameters = {{"kvm_amd.vnmi", "Y"}};
    EXPECT_THAT(symptoms(facts), ElementsAre(HasSubstr("a latched NMI stays latched")));
    EXPECT_THAT(symptoms(facts, Vendor::intel), IsEmpty());
    facts.kernel = {6, 4, 0};
    EXPECT_THAT(symptoms(facts), Contains(HasSubstr("a latched NMI stays latched")));
    facts.kernel = {6, 3, 13};
    EXPECT_THAT(symptoms(facts), Not(Contains(HasSubstr("a latched NMI stays latched"))));
    facts.kernel = {6, 18, 2};
    facts.kvm_parameters = {{"kvm_amd.vnmi", "N"}};
    EXPECT_THAT(symptoms(facts), IsEmpty());
}

/// A stable series has the fix from one of its own kernels on.
TEST(KnownProblems, AreMendedInEachStableSeries) {
    const auto clears = [](KernelVersion version, Vendor vendor = Vendor::intel) {
        HostFacts facts;
        facts.kernel = version;
        const auto found = symptoms(facts, vendor);
        return std::ranges::count(found, "KVM_SET_SREGS clears hidden bits of unusable segments") == 1;
    };
    for (const auto& [broken, mended] : {std::pair{KernelVersion{5, 10, 165}, KernelVersion{5, 10, 166}},
                                         {{5, 15, 90}, {5, 15, 91}},
                                         {{6, 1, 8}, {6, 1, 9}},
                                         {{6, 0, 19}, {6, 2, 0}}}) {
        EXPECT_TRUE(clears(broken)) << broken.major << "." << broken.minor;
        EXPECT_FALSE(clears(mended)) << mended.major << "." << mended.minor;
    }
    EXPECT_FALSE(clears({6, 1, 8}, Vendor::amd));
}

TEST(KnownProblems, OfPageModificationLoggingNeedIt) {
    HostFacts facts;
    facts.kernel = {6, 18, 2};
    facts.kvm_parameters = {{"kvm_intel.pml", "Y"}};
    EXPECT_THAT(symptoms(facts, Vendor::intel), ElementsAre(HasSubstr("one exit late")));
    facts.kernel = {6, 12, 0};
    EXPECT_THAT(symptoms(facts, Vendor::intel), Contains(HasSubstr("one exit late")));
    facts.kernel = {6, 11, 9};
    EXPECT_THAT(symptoms(facts, Vendor::intel), Not(Contains(HasSubstr("one exit late"))));
    facts.kernel = {6, 18, 2};
    facts.kvm_parameters = {{"kvm_intel.pml", "N"}};
    EXPECT_THAT(symptoms(facts, Vendor::intel), IsEmpty());
}

}  // namespace
}  // namespace gatecrash::report
