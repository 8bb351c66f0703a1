#include "kvm/error.hpp"

#include <gmock/gmock.h>

#include <cerrno>

#include "kvm/exit.hpp"
#include "kvm/system.hpp"

namespace gatecrash::kvm {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(KvmError, SaysWhatFailedWhyAndWhatToDo) {
    const Error error("KVM_CREATE_VM", EBUSY);
    EXPECT_EQ(error.call(), "KVM_CREATE_VM");
    EXPECT_EQ(error.error_number(), EBUSY);
    EXPECT_THAT(error.what(), HasSubstr("KVM_CREATE_VM failed: Device or resource busy: "));
    EXPECT_THAT(error.what(), HasSubstr("another hypervisor"));
}

TEST(KvmError, KnowsTheRemedies) {
    struct {
        int error_number;
        const char* part;
    } const table[]{
        {EACCES, "kvm group"},      {EPERM, "kvm group"}, {ENOENT, "load kvm_intel or kvm_amd"},
        {ENODEV, "load kvm_intel"}, {ENOMEM, "memory"},   {EMFILE, "open files"},
        {ENOTTY, "newer kernel"},
    };
    for (const auto& row : table) EXPECT_THAT(remedy_for("KVM_X", row.error_number), HasSubstr(row.part));
    EXPECT_EQ(remedy_for("KVM_X", EIO), "");
    EXPECT_STREQ(Error("KVM_X", EIO).what(), "KVM_X failed: Input/output error");
}

TEST(KvmError, SuggestsAnotherMachineOnlyToUsersOfTheProgram) {
    for (const int error_number : {EACCES, ENOENT, EBUSY, ENOTTY}) {
        EXPECT_THAT(remedy_for("KVM_X", error_number), HasSubstr("--machine amd"));
        EXPECT_THAT(host_remedy_for("KVM_X", error_number), Not(HasSubstr("--machine")));
    }
    EXPECT_EQ(remedy_for("KVM_X", ENOMEM), host_remedy_for("KVM_X", ENOMEM));
}

TEST(KvmSystem, NamesTheDeviceItCannotOpen) {
    try {
        (void)System::open("/nonexistent/kvm");
        FAIL();
    } catch (const Error& error) {
        EXPECT_EQ(error.error_number(), ENOENT);
        EXPECT_THAT(error.what(), HasSubstr("open /nonexistent/kvm failed"));
    }
}

TEST(KvmSystem, RefusesAFileThatIsNotKvm) { EXPECT_THROW((void)System::open("/dev/null"), Error); }

TEST(KvmExit, IsDescribedInOneLine) {
    EXPECT_EQ(describe(Exit{IoExit{true, 1, 0xd2, 1, 0}}), "KVM_EXIT_IO: out of 1 byte to port 0xd2");
    EXPECT_EQ(describe(Exit{HltExit{}}), "KVM_EXIT_HLT");
    EXPECT_EQ(describe(Exit{MmioExit{0x1000, {}, 8, true}}),
              "KVM_EXIT_MMIO: write of 8 bytes at guest-physical 0x1000");
    EXPECT_EQ(describe(Exit{InternalErrorExit{1, {2, 3}}}), "KVM_EXIT_INTERNAL_ERROR: suberror 1, data [0x2, 0x3]");
    EXPECT_EQ(describe(Exit{FailEntryExit{0x80000021}}), "KVM_EXIT_FAIL_ENTRY: hardware reason 0x80000021");
}

}  // namespace
}  // namespace gatecrash::kvm
