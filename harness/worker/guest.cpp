#include "worker/guest.hpp"

#include <filesystem>
#include <span>

#include "cases/registry.hpp"
#include "check/protected_code.hpp"
#include "posix/file.hpp"

namespace gatecrash::worker {
namespace {

vm::Image with_protected_code(vm::Image image, std::span<const std::byte> file) {
    image.protected_code = check::protected_code(check::read_code_file({file.begin(), file.end()}, image.name));
    return image;
}

}  // namespace

Guest guest_of(const suite::Selection& selection) {
    if (!selection.of->file.empty()) return GuestFile{selection.of->file};
    return BuiltInGuest{selection.of->name, selection.variant->name};
}

vm::Image image_of(const Guest& guest) {
    if (const auto* file = std::get_if<GuestFile>(&guest)) {
        auto image = vm::load_elf_file(file->path);
        const auto content = posix::read_file(file->path);
        return with_protected_code(std::move(image), std::as_bytes(std::span(content)));
    }
    const auto& [case_name, variant] = std::get<BuiltInGuest>(guest);
    const auto file = cases::guest_of(case_name, variant);
    return with_protected_code(vm::load_elf(file, case_name + "/" + variant), file);
}

std::string content_of(const Guest& guest) {
    if (const auto* file = std::get_if<GuestFile>(&guest)) return posix::read_file(file->path);
    if (const auto* kernel = std::get_if<KernelWorkload>(&guest))
        return posix::read_file(std::filesystem::path(kernel->saved).parent_path() / kernel_digest_name);
    if (const auto* image = std::get_if<ImageTarget>(&guest)) return posix::read_file(image->sweep.setup.file);
    const auto& [case_name, variant] = std::get<BuiltInGuest>(guest);
    const auto bytes = cases::guest_of(case_name, variant);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace gatecrash::worker
