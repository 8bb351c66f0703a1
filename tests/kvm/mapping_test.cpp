// Tests mappings of memory that will be compared with other memory.
#include "kvm/mapping.hpp"

#include <gtest/gtest.h>

#include <string>

#include "posix/file.hpp"

namespace gatecrash::kvm {
namespace {

constexpr std::size_t page = 4096, size = 8 * page;

std::uintptr_t pages_between(const Mapping& a, const Mapping& b) {
    return (reinterpret_cast<std::uintptr_t>(a.data()) - reinterpret_cast<std::uintptr_t>(b.data())) / page;
}

TEST(Mapping, IsAnOddNumberOfPagesApart) {
    const auto memory = posix::memory_file("mapping", std::string(2 * size, 'x'));
    const auto whole = Mapping::private_file(memory.get(), size);
    for (std::size_t extra = 0; extra < 4; ++extra) {
        const auto zeros = Mapping::apart_from(whole.data(), -1, size + extra * page);
        const auto file = Mapping::apart_from(whole.data(), memory.get(), size, page);
        EXPECT_EQ(pages_between(zeros, whole) % 2, 1U);
        EXPECT_EQ(pages_between(file, whole) % 2, 1U);
        for (const auto byte : zeros.bytes()) ASSERT_EQ(byte, std::byte{0});
        for (const auto byte : file.bytes()) ASSERT_EQ(byte, std::byte{'x'});
        file.data()[0] = std::byte{'y'};
        EXPECT_EQ(whole.data()[page], std::byte{'x'});
    }
}

}  // namespace
}  // namespace gatecrash::kvm
