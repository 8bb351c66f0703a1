#include "vm/sparse_copy.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>

namespace gatecrash::vm {
namespace {

constexpr std::size_t words = 1024;
using Memory = std::array<std::uint64_t, words>;

const std::byte* bytes(const Memory& memory) { return reinterpret_cast<const std::byte*>(memory.data()); }

void expect_that_each_word_counts(Memory memory) {
    const SparseCopy copy(std::as_bytes(std::span(memory)));
    EXPECT_TRUE(copy.equals(bytes(memory)));
    for (std::size_t at = 0; at < words; ++at) {
        for (const std::uint64_t change : {std::uint64_t{1}, std::uint64_t{1} << 63}) {
            memory.at(at) ^= change;
            EXPECT_FALSE(copy.equals(bytes(memory))) << at;
            memory.at(at) ^= change;
        }
    }
    EXPECT_TRUE(copy.equals(bytes(memory)));
}

TEST(SparseCopy, OfZerosDiffersByAnyWord) { expect_that_each_word_counts({}); }

TEST(SparseCopy, DiffersByAnyWord) {
    Memory memory{};
    for (const std::size_t at : {0, 1, 2, 40, 42, 511, 512, 513, 900, 1023}) memory.at(at) = at + 1;
    expect_that_each_word_counts(memory);
}

TEST(SparseCopy, DiffersIfAWordBecomesZero) {
    Memory memory{};
    memory.at(7) = 3;
    const SparseCopy copy(std::as_bytes(std::span(memory)));
    EXPECT_FALSE(copy.equals(bytes({})));
}

TEST(SparseCopy, OfNothingEqualsNothing) { EXPECT_TRUE(SparseCopy().equals(nullptr)); }

}  // namespace
}  // namespace gatecrash::vm
