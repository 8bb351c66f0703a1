#include "kernel/kernel_log.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <span>
#include <string_view>

namespace gatecrash::kernel {
namespace {

/// A kernel's memory with a ring of four records and 256 bytes of text. No Linux has its layout.
class LogMemory {
  public:
    LogMemory() {
        put<std::uint64_t>(pointer, ring);
        put<std::uint32_t>(ring + count_bits, 2);
        put<std::uint64_t>(ring + descriptors, descriptors_at);
        put<std::uint64_t>(ring + infos, infos_at);
        put<std::uint32_t>(ring + size_bits, 8);
        put<std::uint64_t>(ring + data, data_at);
    }

    enum State : std::uint64_t { reserved, committed, finalized, reusable };
    /// Adds a record whose text is at `from` in an endless buffer. `rest` is what an older record left after it.
    void add(std::uint64_t id, State state, std::uint64_t from, std::string_view text, std::string_view rest = "") {
        const auto whole = std::string(text) + std::string(rest);
        const auto until = from + 8 + whole.size();
        const bool is_wrapped = from / 256 != (until - 1) / 256;
        const auto descriptor = descriptors_at + id % 4 * 32;
        put<std::uint64_t>(descriptor + 16, static_cast<std::uint64_t>(state) << 62 | id);
        put<std::uint64_t>(descriptor + 8, from);
        put<std::uint64_t>(descriptor, is_wrapped ? until / 256 * 256 + 8 + whole.size() : until);
        put<std::uint16_t>(infos_at + id % 4 * 24 + 10, static_cast<std::uint16_t>(text.size()));
        const auto at = data_at + (is_wrapped ? 0 : from % 256);
        put<std::uint64_t>(at, id);
        std::memcpy(bytes_.data() + (at + 8 - base), whole.data(), whole.size());
    }
    void set_ends(std::uint64_t tail_id, std::uint64_t head_id) {
        put(ring + tail, tail_id);
        put(ring + head, head_id);
    }
    [[nodiscard]] std::string lines(std::size_t count, bool has_ring = true) const {
        KernelLog log{{vm::Virtual{data_at}, vm::Virtual{data_at + 256}}, {}, {}};
        if (has_ring) {
            log.ring = vm::Virtual{pointer};
            log.layout = {count_bits, descriptors, infos, head, tail, size_bits, data, 32, 16, 8, 0, 24, 10};
        }
        return read_log(
            log, [this](vm::Virtual from, std::span<std::byte> to) { return read(number(from), to); }, count);
    }

  private:
    static constexpr std::uint64_t base = 0xffffffff82000000, pointer = base + 8, ring = base + 0x100,
                                   descriptors_at = base + 0x200, infos_at = base + 0x300, data_at = base + 0x400;
    static constexpr std::uint32_t count_bits = 4, descriptors = 8, infos = 16, head = 40, tail = 32, size_bits = 48,
                                   data = 56;

    template <typename Number>
    void put(std::uint64_t at, Number value) {
        std::memcpy(bytes_.data() + (at - base), &value, sizeof value);
    }
    [[nodiscard]] std::size_t read(std::uint64_t from, std::span<std::byte> to) const {
        if (from < base || from - base > bytes_.size()) return 0;
        const auto size = std::min<std::size_t>(to.size(), bytes_.size() - (from - base));
        std::memcpy(to.data(), bytes_.data() + (from - base), size);
        return size;
    }
    std::vector<std::byte> bytes_ = std::vector<std::byte>(0x600);
};

TEST(KernelLog, HasTheRecordsOfTheRing) {
    LogMemory memory;
    memory.add(5, LogMemory::committed, 256 + 64, "first line", " of an older record");
    memory.add(6, LogMemory::reserved, 256 + 128, "not yet written");
    memory.add(7, LogMemory::finalized, 512 - 16, "second\nthird\tline", "left over");
    memory.set_ends(5, 7);
    EXPECT_EQ(memory.lines(9), "first line\nsecond\nthird?line\n");
    EXPECT_EQ(memory.lines(1), "third?line\n");
}

TEST(KernelLog, IsTheTextInTheBufferIfItsFormIsUnknown) {
    LogMemory memory;
    memory.add(5, LogMemory::committed, 256 + 16, "first line", " of an older record");
    memory.set_ends(5, 5);
    EXPECT_EQ(memory.lines(9, false), "first line of an older record\n");
}

TEST(KernelLog, OfADamagedRingIsTheTextInTheBuffer) {
    LogMemory memory;
    memory.add(5, LogMemory::reusable, 16, "text");
    memory.set_ends(9, 3);
    EXPECT_EQ(memory.lines(9), "text\n");
}

}  // namespace
}  // namespace gatecrash::kernel
