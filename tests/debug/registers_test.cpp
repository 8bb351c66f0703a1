#include "debug/registers.hpp"

#include <gmock/gmock.h>

namespace gatecrash::debug {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

TEST(RegisterSet, KeepsWhatIsWritten) {
    for (const bool is_64_bit : {true, false}) {
        const auto& set = RegisterSet::of(is_64_bit);
        Registers registers;
        std::size_t shown = 0;
        for (std::size_t number = 0; number < set.size(); ++number) {
            auto digits = set.read(registers, number);
            if (digits.starts_with('x')) {
                EXPECT_FALSE(set.write(registers, number, digits));
                continue;
            }
            ++shown;
            digits[0] = '1';
            digits[1] = static_cast<char>('0' + number % 10);
            ASSERT_TRUE(set.write(registers, number, digits)) << number;
            EXPECT_EQ(set.read(registers, number), digits);
            EXPECT_FALSE(set.write(registers, number, digits + "00"));
        }
        EXPECT_GT(shown, 25U);
        // No two registers share a place.
        Registers copy;
        EXPECT_TRUE(set.write_all(copy, set.read_all(registers)));
        EXPECT_EQ(set.read_all(copy), set.read_all(registers));
    }
}

TEST(RegisterSet, HasTheOrderThatGdbExpects) {
    Registers registers;
    registers.general.rax = 0x1122334455667788;
    registers.general.rip = 0xffffffff80001000;
    registers.special.cs.selector = 0x10;
    const auto& set = RegisterSet::of(true);
    EXPECT_THAT(set.read_all(registers), StartsWith("8877665544332211"));
    EXPECT_EQ(set.read(registers, 16), "00100080ffffffff");
    EXPECT_EQ(set.read(registers, 18), "10000000");
    EXPECT_EQ(RegisterSet::of(false).read(registers, 8), "00100080");
    EXPECT_THAT(RegisterSet::of(false).description(), Not(HasSubstr("k_gs_base")));
}

}  // namespace
}  // namespace gatecrash::debug
