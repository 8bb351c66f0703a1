#include "worker/guest.hpp"

#include <filesystem>
#include <span>

#include "cases/registry.hpp"
#include "check/protected_code.hpp"
#include "posix/file.hpp"

namespace gatecrash::worker {

Guest guest_of(const suite::Selection& selection) {
    if (!selection.of->file.empty()) return GuestFile{selection.of->file};
    return BuiltInGuest{selection.of->name, selection.variant->name};
}

namespace {

/// Loads a guest, and looks for its protected code.
vm::Image load(std::vector<std::byte> file, const std::string& name) {
    auto image = vm::load_elf(file, name);
    image.protected_code = check::protected_code(check::read_code_file(std::move(file), name));
    return image;
}

}  // namespace

vm::Image image_of(const Guest& guest) {
    if (const auto* file = std::get_if<GuestFile>(&guest)) {
        (void)vm::load_elf_file(file->path);  // says best why a file cannot be read
        const auto content = posix::read_file(file->path);
        const auto bytes = std::as_bytes(std::span(content));
        return load({bytes.begin(), bytes.end()}, file->path);
    }
    const auto& [case_name, variant] = std::get<BuiltInGuest>(guest);
    return load(cases::guest_of(case_name, variant), case_name + "/" + variant);
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
