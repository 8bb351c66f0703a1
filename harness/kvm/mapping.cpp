#include "kvm/mapping.hpp"

#include <sys/mman.h>

#include <cerrno>
#include <cstdint>
#include <utility>

#include "kvm/error.hpp"

namespace gatecrash::kvm {
namespace {

std::byte* map(std::size_t size, int flags, int fd, std::size_t offset, std::byte* where = nullptr) {
    void* address = ::mmap(where, size, PROT_READ | PROT_WRITE, flags, fd, static_cast<off_t>(offset));
    if (address == MAP_FAILED) throw Error("mmap", errno);
    return static_cast<std::byte*>(address);
}

}  // namespace

Mapping Mapping::private_file(int fd, std::size_t size, std::size_t offset) {
    return {map(size, MAP_PRIVATE, fd, offset), size};
}

Mapping Mapping::apart_from(const std::byte* other, int fd, std::size_t size, std::size_t offset) {
    constexpr std::size_t page = 4096;
    // Most of a kernel's memory is never used, so it may be larger than what is free.
    constexpr int zeros = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    auto* const room = map(size + page, zeros, -1, 0);
    const auto distance = reinterpret_cast<std::uintptr_t>(room) - reinterpret_cast<std::uintptr_t>(other);
    const bool is_odd = distance / page % 2 == 1;
    auto* const begin = is_odd ? room : room + page;
    (void)::munmap(is_odd ? room + size : room, page);
    Mapping mapping(begin, size);
    if (fd >= 0) (void)map(size, MAP_PRIVATE | MAP_FIXED, fd, offset, begin);
    return mapping;
}

Mapping Mapping::shared_file(int fd, std::size_t size, std::size_t offset) {
    return {map(size, MAP_SHARED, fd, offset), size};
}

Mapping::Mapping(Mapping&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

Mapping& Mapping::operator=(Mapping&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
}

Mapping::~Mapping() {
    if (data_ != nullptr) ::munmap(data_, size_);
}

}  // namespace gatecrash::kvm
