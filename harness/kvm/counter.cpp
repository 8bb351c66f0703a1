#include "kvm/counter.hpp"

#include <linux/kvm.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <span>
#include <vector>

#include "kvm/error.hpp"

namespace gatecrash::kvm {
namespace {

/// Offset of the name in a descriptor, in bytes. In C++ the header's flexible array `name` does not begin right after
/// the member before it, so offsetof(kvm_stats_desc, name) is wrong.
constexpr std::size_t name_offset = offsetof(kvm_stats_desc, bucket_size) + sizeof(kvm_stats_desc::bucket_size);

void read_at(const posix::FileDescriptor& fd, std::uint64_t offset, std::span<std::byte> bytes) {
    const auto done = ::pread(fd.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (done < 0) throw Error("pread (KVM_GET_STATS_FD)", errno);
    if (static_cast<std::size_t>(done) != bytes.size()) throw Error("pread (KVM_GET_STATS_FD)", EIO);
}

}  // namespace

std::uint64_t Counter::read() const {
    std::uint64_t value = 0;
    read_at(fd_, offset_, std::as_writable_bytes(std::span(&value, 1)));
    return value;
}

std::optional<Counter> Counter::find(posix::FileDescriptor fd, const std::string& name) {
    kvm_stats_header header{};
    read_at(fd, 0, std::as_writable_bytes(std::span(&header, 1)));
    // Each descriptor is followed by its name, which takes as many bytes as the longest name.
    const auto size = name_offset + header.name_size;
    std::vector<std::byte> descriptors(header.num_desc * size);
    read_at(fd, header.desc_offset, descriptors);
    for (std::size_t at = 0; at < descriptors.size(); at += size) {
        const auto* its_name = reinterpret_cast<const char*>(&descriptors[at + name_offset]);
        if (name != std::string(its_name, ::strnlen(its_name, header.name_size))) continue;
        kvm_stats_desc descriptor{};
        std::memcpy(&descriptor, &descriptors[at], name_offset);
        return Counter(std::move(fd), header.data_offset + descriptor.offset);
    }
    return std::nullopt;
}

}  // namespace gatecrash::kvm
