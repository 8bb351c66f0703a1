// Checks the Linux kernels that ./dev fetches, and copies of them with a planted bug.
#include <gmock/gmock.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <set>
#include <span>

#include "check/checked_code.hpp"

namespace gatecrash::check {
namespace {

namespace fs = std::filesystem;
using testing::AnyOf;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using testing::StartsWith;

/// Returns the path of the kernel in a folder, or nothing if there is none.
std::string kernel_path(const std::string& folder) {
    std::error_code error;
    for (const auto& file : fs::directory_iterator(folder, error)) {
        if (file.path().filename().string().starts_with("vmlinuz")) return file.path();
    }
    return {};
}

/// Returns the folder that should have a kernel, and those that have newer ones.
std::vector<std::string> kernel_folders() {
    std::vector<std::string> folders{LINUX_MACHINES "/kernel"};
    std::error_code error;
    for (const auto& folder : fs::directory_iterator(LINUX_MACHINES "/kernels", error)) {
        if (!kernel_path(folder.path()).empty()) folders.push_back(folder.path());
    }
    std::ranges::sort(folders);
    return folders;
}

class LinuxKernel : public testing::TestWithParam<std::string> {
  protected:
    static void TearDownTestSuite() { file_ = {}; }
    void SetUp() override {
        const auto path = kernel_path(GetParam());
        if (path.empty()) GTEST_SKIP() << "no kernel in " << GetParam() << ": ./dev fetches one";
        if (path_ != path) file_ = read_code_file(kernel::bytes_of(posix::read_file(path)), path);
        path_ = path;
    }
    void TearDown() override { std::ranges::copy(removed_, file_.content.begin() + static_cast<std::ptrdiff_t>(at_)); }

    /// Overwrites the first `code` at or after `symbol` with NOPs.
    void remove(const std::string& symbol, std::string_view code) {
        constexpr std::size_t near = 256;
        const auto address = file_.find(symbol).value();
        const auto bytes = file_.at(address, near);
        const auto at = kernel::text_of(bytes).find(code);
        ASSERT_NE(at, std::string_view::npos) << symbol;
        at_ = static_cast<std::size_t>(bytes.data() - file_.content.data()) + at;
        const auto place = std::span(file_.content).subspan(at_, code.size());
        removed_.assign(place.begin(), place.end());
        std::ranges::fill(place, std::byte{0x90});
    }

    /// Returns the findings about the entry state: "RULE PLACE".
    [[nodiscard]] static std::vector<std::string> state_findings() {
        std::vector<std::string> found;
        for (const auto& finding : check_file(file_, {}).findings) {
            if (finding.rule >= Rule::user_gs_access)
                found.push_back(std::string(text_of(finding.rule).name) + " " + file_.name_of(finding.address));
        }
        return found;
    }

    static constexpr std::string_view swapgs = "\x0f\x01\xf8", cld = "\xfc";
    // NOLINTBEGIN(cppcoreguidelines-avoid-non-const-global-variables): each kernel is read once
    static inline CodeFile file_;
    static inline std::string path_;
    // NOLINTEND(cppcoreguidelines-avoid-non-const-global-variables)

  private:
    std::vector<std::byte> removed_;  ///< the bytes that were at `at_`, to put back
    std::size_t at_ = 0;
};

TEST_P(LinuxKernel, HasOnlyFindingsThatAreTrue) {
    const auto result = check_file(file_, {});
    std::set<std::string_view> rules;
    for (const auto& finding : result.findings) rules.insert(text_of(finding.rule).name);
    // Newer kernels of Debian call hooks of UBSan.
    if (GetParam() != kernel_folders().front()) rules.erase("instrumentation-hook");
    EXPECT_THAT(rules, ElementsAre("indirect-branch", "patched-site"));
    EXPECT_GT(result.instructions.size(), 4000U);
    // Only what the link has discarded is not checked: each entry point was followed to the end.
    EXPECT_THAT(result.unchecked, SizeIs(2));
    EXPECT_THAT(state_findings(), IsEmpty());
}

TEST_P(LinuxKernel, WithoutASwapgsOfSyscallReadsTheUsersData) {
    remove("entry_SYSCALL_64", swapgs);
    EXPECT_THAT(state_findings(), ElementsAre(StartsWith("user-gs-access entry_SYSCALL_64+")));
}

TEST_P(LinuxKernel, WithoutASwapgsOnTheWayOutReturnsWithTheKernelsGs) {
    remove("entry_SYSRETQ_unsafe_stack", swapgs);
    EXPECT_THAT(state_findings(), ElementsAre(StartsWith("wrong-gs-return entry_SYSRETQ_unsafe_stack")));
}

TEST_P(LinuxKernel, WithoutASwapgsOfExceptionsCallsWithTheUsersGs) {
    remove("error_entry", swapgs);
    EXPECT_THAT(state_findings(), Contains(StartsWith("user-gs-call error_entry")));
}

TEST_P(LinuxKernel, WithoutASwapgsOfParanoidEntriesCallsWithTheUsersGs) {
    remove("paranoid_entry", swapgs);
    EXPECT_THAT(state_findings(),
                Contains(AnyOf(StartsWith("user-gs-call asm_exc_debug"), StartsWith("user-gs-call paranoid_entry"))));
}

TEST_P(LinuxKernel, WithoutCldCallsWithTheInterruptedDf) {
    remove("asm_exc_page_fault", cld);
    EXPECT_THAT(state_findings(), Contains(AnyOf(StartsWith("interrupted-df asm_exc_page_fault"),
                                                 StartsWith("interrupted-df error_entry"))));
}

INSTANTIATE_TEST_SUITE_P(Check, LinuxKernel, testing::ValuesIn(kernel_folders()),
                         [](const auto& param) { return "in" + std::to_string(param.index); });

}  // namespace
}  // namespace gatecrash::check
