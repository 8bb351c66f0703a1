#include "kvm/mapping.hpp"

#include <sys/mman.h>

#include <cerrno>
#include <utility>

#include "kvm/error.hpp"

namespace gatecrash::kvm {
namespace {

std::byte* map(std::size_t size, int flags, int fd, std::size_t offset) {
    void* address = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, flags, fd, static_cast<off_t>(offset));
    if (address == MAP_FAILED) throw Error("mmap", errno);
    return static_cast<std::byte*>(address);
}

}  // namespace

Mapping Mapping::private_file(int fd, std::size_t size, std::size_t offset) {
    return {map(size, MAP_PRIVATE, fd, offset), size};
}

Mapping Mapping::zeros(std::size_t size) { return {map(size, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), size}; }

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
