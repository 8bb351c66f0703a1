// Plants bugs that only memory shows at the end of a window. Runs in an emulated machine that has the kernel at
// /kernel, and its init program at /kernel-test-init.
#include "kernel/end_memory.hpp"

#include <gmock/gmock.h>

#include <array>
#include <cstring>

#include "kernel/booted_kernel.hpp"
#include "sweep/sweep.hpp"

namespace gatecrash::kernel {
namespace {

using sweep::Invariant;
using testing::Contains, testing::Each, testing::ElementsAre, testing::HasSubstr, testing::IsEmpty, testing::Not,
    testing::StartsWith;
using vm::Event;

void append(std::vector<std::byte>& code, std::initializer_list<int> bytes) {
    for (const auto byte : bytes) code.push_back(static_cast<std::byte>(byte));
}
void append_32(std::vector<std::byte>& code, std::uint64_t value) {
    for (unsigned i = 0; i < 4; ++i) code.push_back(static_cast<std::byte>(value >> 8 * i));
}

class KernelMemory : public WithKernel {
  protected:
    static std::uint64_t address(const char* symbol) { return number(kernel().symbols().find(symbol).value()); }

    /// Returns the kernel with `code` executed by each NMI from kernel mode, just before its handler in C.
    static KernelState with_code_in_nmi(std::vector<std::byte> code) {
        auto& guest = kernel().guest();
        guest.restore(kernel().next());
        // Into the padding, after the catchers.
        const auto room = number(kernel().facts().catchers) + catchers_size;
        constexpr std::uint64_t branch_size = 5;
        append(code, {0xe9});
        append_32(code, address("exc_nmi") - (room + code.size() + 4));
        guest.patch(vm::Virtual{room}, code);
        // end_repeat_nmi has the only call of exc_nmi in kernel mode.
        for (auto at = address("end_repeat_nmi");; ++at) {
            std::array<std::byte, branch_size> call{};
            EXPECT_EQ(guest.read(vm::Virtual{at}, call), call.size());
            std::uint32_t offset = 0;
            std::memcpy(&offset, call.data() + 1, sizeof offset);
            if (call[0] != std::byte{0xe8} ||
                static_cast<std::uint32_t>(at + branch_size + offset) != static_cast<std::uint32_t>(address("exc_nmi")))
                continue;
            std::vector<std::byte> to_room;
            append(to_room, {0xe8});
            append_32(to_room, room - (at + branch_size));
            guest.patch(vm::Virtual{at}, to_room);
            return guest.save(&kernel().next());
        }
    }

    /// Sweeps getpid() with one NMI at each boundary, without the words in `ignored`.
    static sweep::SweepResult sweep_nmi(const KernelState& state, std::vector<std::string> ignored = {}) {
        sweep::SweepOptions options;
        options.events = {Event::nmi()};
        KernelSubject subject(kernel().waiting(state), {"getpid", 0, std::move(ignored)}, options);
        auto result = sweep::sweep(subject, options);
        not_compared = subject.not_compared();
        return result;
    }
    static inline std::vector<std::string> not_compared;

    /// Returns an increment of the CPU's preempt_count.
    static std::vector<std::byte> count_up() {
        std::vector<std::byte> code;
        append(code, {0x65, 0xff, 0x04, 0x25});  // INCL %gs:
        append_32(code, address("__preempt_count"));
        return code;
    }
};

std::vector<std::string> messages_of(const sweep::SweepResult& result) {
    std::vector<std::string> messages;
    for (const auto& finding : result.findings) messages.push_back(describe(finding.violation));
    return messages;
}

TEST_F(KernelMemory, DependsOnlyOnTheNumberOfEvents) {
    const auto result = sweep_nmi(kernel().next());
    EXPECT_THAT(messages_of(result), IsEmpty());
    EXPECT_THAT(not_compared, ElementsAre("last_nmi_rip"));
}

TEST_F(KernelMemory, ShowsACountThatAnEventLeaks) {
    const auto result = sweep_nmi(with_code_in_nmi(count_up()));
    EXPECT_THAT(messages_of(result), Not(IsEmpty()));
    EXPECT_THAT(messages_of(result), Each(StartsWith("I17 (kernel memory): ")));
    EXPECT_THAT(messages_of(result),
                Each(HasSubstr("one after another: __preempt_count is 0x80000001, and should be 0x80000000")));
    // The program has two boundaries, and the last run has no event.
    std::uint64_t broken = 0;
    for (const auto& finding : result.findings) broken += finding.schedules;
    EXPECT_EQ(broken, result.schedules - 3);
}

TEST_F(KernelMemory, IsNotComparedWhereTheUserSaysSo) {
    const auto result = sweep_nmi(with_code_in_nmi(count_up()), {"__preempt_count"});
    EXPECT_GT(result.schedules, 200U);
    EXPECT_THAT(messages_of(result), Each(Not(StartsWith("I17"))));
    EXPECT_THROW((void)sweep_nmi(kernel().next(), {"no_such_counter"}), sweep::ScheduleError);
}

TEST_F(KernelMemory, IsNotComparedAfterNmisThatMayHaveBecomeOne) {
    // The last NMI can find the one before it latched. Only a counter tells whether Linux has handled both.
    auto uncounted = kernel().facts();
    uncounted.nmi_count.reset();
    sweep::SweepOptions options;
    options.events = {Event::nmi(), Event::db(), Event::nmi(), Event::nmi()};
    options.depth = 4;
    options.in_order = true;
    options.window = sweep::parse_ranges(
        "nmi:entry_SYSCALL_64,nmi:default_get_nmi_reason,nmi:asm_exc_nmi..end_repeat_nmi,db:default_get_nmi_reason");
    KernelSubject subject({kernel().guest(), uncounted, kernel().symbols(), kernel().next()}, {"getpid", 0}, options);
    const auto result = sweep::sweep(subject, options);
    EXPECT_THAT(messages_of(result), IsEmpty());
    EXPECT_GT(result.levels.at(4).schedules, 5U);
}

TEST_F(KernelMemory, OfTheFpuIsComparedToo) {
    std::vector<std::byte> code;
    append(code, {0x66, 0x0f, 0x76, 0xed});  // PCMPEQD XMM5, XMM5
    const auto result = sweep_nmi(with_code_in_nmi(code));
    EXPECT_THAT(messages_of(result), Contains(HasSubstr("another XMM5 than without events")));
}

}  // namespace
}  // namespace gatecrash::kernel
