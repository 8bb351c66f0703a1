#pragma once

#include <linux/ioctl.h>
#include <linux/kvm.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace gatecrash::kvm {

/// Has the memory layout of kvm_msrs and kvm_cpuid2: a count, padding, then the entries. C++ cannot use those two
/// types: before their flexible array they have an empty struct (__DECLARE_FLEX_ARRAY), which has a size in C++.
/// So the entries would be misplaced, and the size that is part of the ioctls' numbers would be wrong.
template <typename Entry>
class CountedList {
  public:
    explicit CountedList(std::span<const Entry> entries) : bytes_(sizeof(Header) + entries.size_bytes()) {
        header().count = static_cast<std::uint32_t>(entries.size());
        std::copy(entries.begin(), entries.end(), this->entries().begin());
    }

    [[nodiscard]] void* data() { return bytes_.data(); }
    [[nodiscard]] std::span<Entry> entries() {
        return {reinterpret_cast<Entry*>(bytes_.data() + sizeof(Header)), header().count};
    }

    struct Header {
        std::uint32_t count, padding;
    };

  private:
    [[nodiscard]] Header& header() { return *reinterpret_cast<Header*>(bytes_.data()); }

    std::vector<std::byte> bytes_;
};

using ListHeader = CountedList<std::byte>::Header;
constexpr unsigned long get_msrs_request = _IOWR(KVMIO, 0x88, ListHeader);
constexpr unsigned long set_msrs_request = _IOW(KVMIO, 0x89, ListHeader);
constexpr unsigned long get_supported_cpuid_request = _IOWR(KVMIO, 0x05, ListHeader);
constexpr unsigned long set_cpuid2_request = _IOW(KVMIO, 0x90, ListHeader);

}  // namespace gatecrash::kvm
