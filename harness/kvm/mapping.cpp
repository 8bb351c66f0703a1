#include "gatecrash/kvm/mapping.hpp"

#include <sys/mman.h>

#include <cerrno>
#include <utility>

#include "gatecrash/kvm/error.hpp"

namespace gatecrash::kvm {
namespace {

std::byte* map(std::size_t size, int flags, int fd) {
    void* address = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, flags, fd, 0);
    if (address == MAP_FAILED) throw Error("mmap", errno);
    return static_cast<std::byte*>(address);
}

}  // namespace

Mapping Mapping::anonymous(std::size_t size) { return {map(size, MAP_PRIVATE | MAP_ANONYMOUS, -1), size}; }

Mapping Mapping::shared_file(int fd, std::size_t size) { return {map(size, MAP_SHARED, fd), size}; }

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
