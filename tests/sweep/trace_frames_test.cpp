#include "sweep/trace/frames.hpp"

#include <gmock/gmock.h>

#include <map>

namespace gatecrash::sweep {
namespace {

using testing::ElementsAre;
using testing::Field;
using testing::IsEmpty;
using testing::SizeIs;

using Of = TracedReturn::Of;

constexpr std::uint64_t stack = 0x1000;

/// A stack in memory. Code has the name of its address.
class Frames : public testing::Test {
  protected:
    void write(std::uint64_t address, std::initializer_list<std::uint64_t> words) {
        for (const auto word : words) {
            memory_[address] = word;
            address += word_size_;
        }
    }
    /// Pushes a frame to kernel code at `rip`. Returns its number.
    std::size_t push(std::uint64_t address, std::uint64_t rip, std::uint64_t rsp = 0x2000) {
        write(address, {rip, 0x10, 0x2, rsp, 0x18});
        return frames_.push(address).first;
    }
    TracedReturn pop(std::uint64_t address, bool faults = false) {
        frames_.before_return("iret", address);
        return frames_.after_return(faults).value();
    }
    /// Counts words of four bytes, as a CPU in legacy mode pushes them.
    std::size_t legacy_words(std::uint64_t cs, std::uint64_t eflags) {
        word_size_ = 4;
        TraceFrames frames(reader());
        write(stack, {1, cs, eflags, 4, 5, 6, 7, 8, 9});
        return frames.push(stack).second.size();
    }

    [[nodiscard]] FrameReader reader() const {
        return {.word_size = word_size_,
                .word = [this](std::uint64_t address) -> std::optional<std::uint64_t> {
                    const auto found = memory_.find(address);
                    return found == memory_.end() ? std::nullopt : std::optional(found->second);
                },
                .name = [](std::uint64_t code) { return std::to_string(code); },
                .stack = [](std::uint64_t rsp) { return rsp < 0x3000 ? "nmi" : "?"; }};
    }

    std::uint64_t word_size_ = 8;
    std::map<std::uint64_t, std::uint64_t> memory_;
    TraceFrames frames_{reader()};
};

TEST_F(Frames, ExplainTheirWords) {
    write(stack, {7, 0x33, 0x10202, 0x2000, 0x2b});
    const auto [number, words] = frames_.push(stack);
    EXPECT_EQ(number, 1U);
    EXPECT_THAT(words,
                ElementsAre(FrameWord{"RIP", stack, 7, "7"}, FrameWord{"CS", stack + 8, 0x33, "CPL 3"},
                            FrameWord{"RFLAGS", stack + 16, 0x10202, "IF RF"},
                            FrameWord{"RSP", stack + 24, 0x2000, "stack nmi"}, FrameWord{"SS", stack + 32, 0x2b, ""}));
}

TEST_F(Frames, HaveAsManyWordsAsALegacyCpuPushes) {
    EXPECT_EQ(legacy_words(0x10, 0x2), 3U);
    EXPECT_EQ(legacy_words(0x33, 0x2), 5U);
    EXPECT_EQ(legacy_words(0x10, 0x20002), 9U);
}

TEST_F(Frames, HaveNoWordsWhereNoMemoryIs) {
    EXPECT_THAT(frames_.push(0x9000).second, IsEmpty());
    EXPECT_EQ(pop(0x9000).frame, 1U);
}

TEST_F(Frames, OfVirtual8086CodeReturnToCpl3) {
    word_size_ = 4;
    TraceFrames frames(reader());
    write(stack, {1, 0x1000, 0x20002, 0x100, 0x2000, 5, 6, 7, 8});
    const auto words = frames.push(stack).second;
    EXPECT_EQ(words[0].about, "") << "EIP is an offset in a segment";
    EXPECT_EQ(words[1].about, "CPL 3, virtual-8086 mode");
    EXPECT_EQ(words[3].about, "");
}

TEST_F(Frames, AreNotSaidToBeChangedWhereNobodyCanReadThem) {
    (void)push(stack, 1);
    memory_.clear();
    const auto popped = pop(stack, true);
    EXPECT_EQ(popped.of, Of::pushed);
    EXPECT_EQ(popped.frame, 1U);
    EXPECT_EQ(pop(0x5000).of, Of::made);
}

TEST_F(Frames, StayWhereTheIretDoesNotExecute) {
    (void)push(stack, 1);
    frames_.before_return("iret", stack);
    frames_.forget_return();
    EXPECT_EQ(frames_.after_return(false), std::nullopt);
    EXPECT_EQ(pop(stack).of, Of::pushed);
}

TEST_F(Frames, ArePoppedNewestFirst) {
    (void)push(stack, 1);
    (void)push(stack - 0x100, 2);
    for (const std::size_t number : {2U, 1U}) {
        const auto popped = pop(stack - 0x100 * (number - 1));
        EXPECT_EQ(popped.frame, number);
        EXPECT_EQ(popped.of, Of::pushed);
    }
    EXPECT_EQ(frames_.after_return(false), std::nullopt) << "no further IRET";
}

TEST_F(Frames, CanBeCopied) {
    (void)push(stack, 1);
    write(stack - 0x100, {1, 0x10, 0x2, 0x2000, 0x18});
    const auto popped = pop(stack - 0x100);
    EXPECT_EQ(popped.of, Of::copy);
    EXPECT_EQ(popped.frame, 1U);
    EXPECT_EQ(pop(stack).of, Of::again) << "the copy stood for it";
}

TEST_F(Frames, CanBeMovedAndChanged) {
    (void)push(stack, 1);
    write(stack - 0x100, {5, 0x10, 0x2, 0x2000, 0x18});
    const auto popped = pop(stack - 0x100);
    EXPECT_EQ(popped.of, Of::changed) << "it resumes the interrupted stack elsewhere";
    EXPECT_EQ(popped.frame, 1U);
}

TEST_F(Frames, CanBeMade) {
    write(stack, {1, 0x10, 0x2, 0x2000, 0x18});
    const auto popped = pop(stack);
    EXPECT_EQ(popped.of, Of::made);
    EXPECT_EQ(popped.frame, 0U);
}

TEST_F(Frames, StayWhereTheirIretFaults) {
    (void)push(stack, 1);
    EXPECT_TRUE(pop(stack, true).faults);
    EXPECT_EQ(pop(stack).of, Of::pushed);
}

TEST_F(Frames, TellWhoChangesThem) {
    (void)push(stack, 1);
    EXPECT_THAT(frames_.changes("nobody"), IsEmpty());
    write(stack, {2});
    const auto changes = frames_.changes("code");
    ASSERT_THAT(changes, SizeIs(1));
    EXPECT_EQ(changes[0].actor, "code");
    EXPECT_THAT(changes[0].before, ElementsAre(Field(&FrameWord::value, 1)));
    EXPECT_THAT(changes[0].after, ElementsAre(Field(&FrameWord::value, 2)));
    EXPECT_THAT(frames_.changes("nobody"), IsEmpty()) << "once";
    const auto popped = pop(stack);
    EXPECT_EQ(popped.of, Of::changed);
    EXPECT_EQ(popped.pushed[0].value, 1U);
}

TEST_F(Frames, AreFollowedUnderANewerOneAtTheSamePlace) {
    (void)push(stack, 1);
    write(stack, {2, 0x10, 0x2, 0x1f00, 0x18});
    EXPECT_THAT(frames_.changes("the delivery"), SizeIs(1));
    EXPECT_EQ(frames_.push(stack).first, 2U);
    EXPECT_EQ(pop(stack).frame, 2U);
    const auto popped = pop(stack);
    EXPECT_EQ(popped.frame, 1U) << "it is still waiting";
    EXPECT_EQ(popped.of, Of::changed);
}

TEST_F(Frames, AreFollowedInTheNewestOnes) {
    for (std::uint64_t i = 0; i < 9; ++i) (void)push(stack - 0x100 * i, 1, 0x2000 + i);
    write(stack, {2});
    EXPECT_THAT(frames_.changes("code"), IsEmpty());
    write(stack - 0x100, {2});
    EXPECT_THAT(frames_.changes("code"), SizeIs(1));
}

TEST_F(Frames, AreGivenUpWhereTheInterruptedCodeGoesOn) {
    (void)push(stack, 1, 0x2000);
    frames_.give_up_finished(false, 1, 0x1ff8);
    write(stack, {2});
    EXPECT_THAT(frames_.changes("code"), SizeIs(1)) << "RSP is another one, so nothing has returned";
    frames_.give_up_finished(false, 1, 0x2000);
    write(stack, {3});
    EXPECT_THAT(frames_.changes("code"), IsEmpty());
}

TEST_F(Frames, AreGivenUpInUserCode) {
    (void)push(stack, 1);
    frames_.give_up_finished(true, 5, 5);
    write(stack, {3});
    EXPECT_THAT(frames_.changes("code"), IsEmpty());
}

TEST_F(Frames, CanBePoppedAfterTheyLookedGivenUp) {
    // A nested handler can come by the interrupted place with the same RSP.
    (void)push(stack, 1, 0x2000);
    frames_.give_up_finished(false, 1, 0x2000);
    const auto popped = pop(stack);
    EXPECT_EQ(popped.of, Of::pushed);
    EXPECT_EQ(popped.frame, 1U);
}

}  // namespace
}  // namespace gatecrash::sweep
