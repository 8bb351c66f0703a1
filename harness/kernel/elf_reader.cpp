#include "kernel/elf_reader.hpp"

#include <fmt/format.h>
#include <gelf.h>
#include <libelf.h>

#include <memory>

namespace gatecrash::kernel {
namespace {

class ElfReader {
  public:
    ElfReader(BootImage& image, CodeOf code) : image_(image), file_(image.elf), elf_(nullptr, elf_end) {
        elf_version(EV_CURRENT);
        elf_.reset(elf_memory(reinterpret_cast<char*>(image.elf.data()), image.elf.size()));
        if (elf_ == nullptr || elf_kind(elf_.get()) != ELF_K_ELF || gelf_getehdr(elf_.get(), &header_) == nullptr)
            throw ImageError("neither a bzImage nor an ELF file: name a bzImage or vmlinux");
        const bool is_64 = gelf_getclass(elf_.get()) == ELFCLASS64 && header_.e_machine == EM_X86_64;
        const bool is_32 = gelf_getclass(elf_.get()) == ELFCLASS32 && header_.e_machine == EM_386;
        if (!is_64 && code == CodeOf::bits64)
            throw ImageError("an ELF file that is not for x86-64: gatecrash sweeps 64-bit x86 kernels");
        // A boot loader starts 32-bit code, so projects also put 64-bit code into an ELF file of the other class.
        if (!is_64 && !is_32 && !is_x32()) throw ImageError("an ELF file that is not for x86: build it for x86");
    }

    void read() {
        image_.entry = vm::Physical{header_.e_entry};
        read_segments();
        read_sections();
    }

  private:
    [[nodiscard]] bool is_x32() const {
        return gelf_getclass(elf_.get()) == ELFCLASS32 && header_.e_machine == EM_X86_64;
    }

    void read_segments() {
        std::size_t count = 0;
        if (elf_getphdrnum(elf_.get(), &count) != 0) throw ImageError("its program headers cannot be read");
        for (std::size_t i = 0; i < count; ++i) {
            GElf_Phdr header;
            if (gelf_getphdr(elf_.get(), static_cast<int>(i), &header) == nullptr)
                throw ImageError("cut off: its program headers reach past the end of the file");
            if (header.p_type == PT_NOTE) image_.notes.push_back(part(header.p_offset, header.p_filesz));
            if (header.p_type != PT_LOAD || header.p_memsz == 0) continue;
            if (header.p_filesz > header.p_memsz)
                throw ImageError("a segment that is larger in the file than in memory");
            image_.segments.push_back({vm::Physical{header.p_paddr}, vm::Virtual{header.p_vaddr},
                                       part(header.p_offset, header.p_filesz), header.p_memsz,
                                       (header.p_flags & PF_X) != 0});
        }
        if (image_.segments.empty())
            throw ImageError("an ELF file without a segment to load: name the linked vmlinux, not an object file");
    }

    void read_sections() {
        // libelf takes a file whose table of sections is cut off for one without sections.
        if (header_.e_shoff != 0) (void)part(header_.e_shoff, std::uint64_t{header_.e_shnum} * header_.e_shentsize);
        std::size_t names = 0;
        if (elf_getshdrstrndx(elf_.get(), &names) != 0) return;
        Elf_Scn* section = nullptr;
        while ((section = elf_nextscn(elf_.get(), section)) != nullptr) {
            GElf_Shdr header;
            if (gelf_getshdr(section, &header) == nullptr || header.sh_type == SHT_NOBITS) continue;
            const char* name = elf_strptr(elf_.get(), names, header.sh_name);
            if (name != nullptr) image_.sections.push_back({name, part(header.sh_offset, header.sh_size)});
        }
    }

    [[nodiscard]] std::span<const std::byte> part(std::uint64_t offset, std::uint64_t size) const {
        if (offset > file_.size() || file_.size() - offset < size) {
            throw ImageError(
                fmt::format("cut off: it has {} bytes, and a part of it ends at {}", file_.size(), offset + size));
        }
        return file_.subspan(offset, size);
    }

    BootImage& image_;
    std::span<const std::byte> file_;
    std::unique_ptr<Elf, decltype(&elf_end)> elf_;
    GElf_Ehdr header_{};
};

}  // namespace

void read_elf(BootImage& image, CodeOf code) { ElfReader(image, code).read(); }

std::vector<Note> notes_in(std::span<const std::byte> bytes) {
    std::vector<Note> notes;
    struct Head {
        std::uint32_t owner_size, size, type;
    };
    const auto aligned = [](std::size_t size) { return (size + 3) & ~std::size_t{3}; };
    for (std::size_t at = 0; at + sizeof(Head) <= bytes.size();) {
        const auto head = number_at<Head>(bytes, at);
        const auto owner = at + sizeof head, content = owner + aligned(head.owner_size);
        if (content > bytes.size() || bytes.size() - content < head.size) break;
        notes.push_back({std::string(text_of(bytes.subspan(owner, head.owner_size))), head.type,
                         bytes.subspan(content, head.size)});
        at = content + aligned(head.size);
    }
    return notes;
}

}  // namespace gatecrash::kernel
