#include "check/elf_code.hpp"

#include <fmt/format.h>
#include <gelf.h>
#include <libelf.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <span>

#include "gatecrash/abi.h"
#include "kernel/elf_reader.hpp"

namespace gatecrash::check {
namespace {

using kernel::ImageError;

/// How a relocation changes the field at its address.
enum class Field : std::uint8_t { absolute, relative, got };
struct RelocationKind {
    std::uint32_t type;
    Field change;
    std::size_t size;  ///< bytes of the field
};

// System V ABI: x86-64 supplement 4.4, i386 supplement 4.4. Other relocations do not occur in code.
constexpr RelocationKind kinds_64[] = {
    {R_X86_64_64, Field::absolute, 8},       {R_X86_64_32, Field::absolute, 4},    {R_X86_64_32S, Field::absolute, 4},
    {R_X86_64_16, Field::absolute, 2},       {R_X86_64_8, Field::absolute, 1},     {R_X86_64_PC64, Field::relative, 8},
    {R_X86_64_PC32, Field::relative, 4},     {R_X86_64_PLT32, Field::relative, 4}, {R_X86_64_PC16, Field::relative, 2},
    {R_X86_64_PC8, Field::relative, 1},      {R_X86_64_GOTPCREL, Field::got, 4},   {R_X86_64_GOTPCRELX, Field::got, 4},
    {R_X86_64_REX_GOTPCRELX, Field::got, 4},
};
constexpr RelocationKind kinds_32[] = {
    {R_386_32, Field::absolute, 4},   {R_386_16, Field::absolute, 2},    {R_386_8, Field::absolute, 1},
    {R_386_PC32, Field::relative, 4}, {R_386_PLT32, Field::relative, 4}, {R_386_PC16, Field::relative, 2},
    {R_386_PC8, Field::relative, 1},  {R_386_GOT32, Field::got, 4},      {R_386_GOT32X, Field::got, 4},
};

class ElfCodeReader {
  public:
    explicit ElfCodeReader(CodeFile& file) : file_(file), elf_(nullptr, elf_end) {
        elf_version(EV_CURRENT);
        elf_.reset(elf_memory(reinterpret_cast<char*>(file.content.data()), file.content.size()));
        if (elf_ == nullptr || elf_kind(elf_.get()) != ELF_K_ELF || gelf_getehdr(elf_.get(), &header_) == nullptr)
            throw ImageError("no ELF file and no bzImage: name an executable, an object file or a kernel");
        const bool is_x86 = header_.e_machine == EM_X86_64 || header_.e_machine == EM_386;
        if (!is_x86 || header_.e_ident[EI_DATA] != ELFDATA2LSB)
            throw ImageError("an ELF file that is not for x86: build it for x86");
        file.bits = header_.e_machine == EM_X86_64 ? 64 : 32;
        file.is_linked = header_.e_type != ET_REL;
    }

    void read() {
        read_sections();
        read_segments();
        if (file_.ranges.empty()) throw ImageError("without any code: name an executable, an object file or a kernel");
        Elf_Scn* section = nullptr;
        while ((section = elf_nextscn(elf_.get(), section)) != nullptr) {
            GElf_Shdr header;
            if (gelf_getshdr(section, &header) != nullptr && header.sh_type == SHT_SYMTAB)
                read_symbols(section, header);
        }
        if (file_.is_linked) return;
        section = nullptr;
        while ((section = elf_nextscn(elf_.get(), section)) != nullptr) {
            GElf_Shdr header;
            if (gelf_getshdr(section, &header) == nullptr) continue;
            if (header.sh_type == SHT_RELA || header.sh_type == SHT_REL) apply(section, header);
        }
    }

  private:
    /// A section of an object gets an address of its own, of the lowest 2 GiB, so that each relocation fits.
    static constexpr std::uint64_t first_address = 0x1000000, gap = 0x1000, others_address = 0x70000000,
                                   other_size = 16;

    struct SectionPlace {
        std::uint64_t address = 0;
        std::span<std::byte> bytes;  ///< empty unless the section has an address
    };

    void read_sections() {
        // libelf takes a file whose table of sections is cut off for one without sections.
        if (header_.e_shoff != 0) (void)part(header_.e_shoff, std::uint64_t{header_.e_shnum} * header_.e_shentsize);
        std::size_t names = 0, count = 0;
        if (elf_getshdrstrndx(elf_.get(), &names) != 0 || elf_getshdrnum(elf_.get(), &count) != 0) return;
        places_.resize(count);
        std::uint64_t next = first_address;
        Elf_Scn* section = nullptr;
        while ((section = elf_nextscn(elf_.get(), section)) != nullptr) {
            GElf_Shdr header;
            if (gelf_getshdr(section, &header) == nullptr) continue;
            const char* text = elf_strptr(elf_.get(), names, header.sh_name);
            const std::string name = text == nullptr ? "" : text;
            const bool is_loaded = (header.sh_flags & SHF_ALLOC) != 0;
            // References from one section of debug information to another are offsets, as if all began at 0.
            const bool is_debug = name.starts_with(".debug_") && (header.sh_flags & SHF_COMPRESSED) == 0;
            if (!file_.is_linked && is_debug && header.sh_type == SHT_PROGBITS)
                places_[elf_ndxscn(section)].bytes = part(header.sh_offset, header.sh_size);
            const bool has_bytes = header.sh_type == SHT_PROGBITS || header.sh_type == SHT_NOTE;
            if ((!is_loaded && !name.starts_with(".discard.")) || (header.sh_flags & SHF_COMPRESSED) != 0) continue;
            if (!has_bytes && header.sh_type != SHT_NOBITS) continue;
            auto& place = places_[elf_ndxscn(section)];
            place.address = file_.is_linked ? header.sh_addr : next;
            if (has_bytes) place.bytes = part(header.sh_offset, header.sh_size);
            if (!file_.is_linked) next = after(next, header.sh_size);
            if (!place.bytes.empty()) file_.ranges.push_back({name, place.address, place.bytes, is_loaded});
        }
    }

    static std::uint64_t after(std::uint64_t address, std::uint64_t size) {
        if (size > others_address - gap || address + size + gap > others_address - gap)
            throw ImageError("an object file of more than 1 GiB: check the parts of which it is made");
        return (address + size + gap) & ~std::uint64_t{63};
    }

    /// Reads the code of segments if there are no sections, and which segments are in the entry area.
    void read_segments() {
        std::size_t count = 0;
        if (elf_getphdrnum(elf_.get(), &count) != 0) return;
        const bool has_sections = !file_.ranges.empty();
        const std::uint64_t kernel = file_.bits == 64 ? GATECRASH_KERNEL_BASE : GATECRASH_KERNEL_BASE32;
        bool has_entry_area = false;
        for (std::size_t i = 0; i < count; ++i) {
            GElf_Phdr header;
            if (gelf_getphdr(elf_.get(), static_cast<int>(i), &header) == nullptr)
                throw ImageError("cut off: its program headers reach past the end of the file");
            if (header.p_type != PT_LOAD) continue;
            const bool is_in_entry_area = (header.p_flags & GATECRASH_PF_ENTRY_AREA) != 0;
            if (is_in_entry_area) has_entry_area = true;
            if (!is_in_entry_area && header.p_vaddr >= kernel)
                file_.kernels_own.push_back(
                    {vm::Virtual{header.p_vaddr}, vm::Virtual{header.p_vaddr + header.p_memsz}});
            if (has_sections || header.p_filesz == 0) continue;
            file_.ranges.push_back(
                {fmt::format("segment {}", i), header.p_vaddr, part(header.p_offset, header.p_filesz), true});
        }
        if (!has_entry_area) file_.kernels_own.clear();
    }

    void read_symbols(Elf_Scn* section, const GElf_Shdr& header) {
        Elf_Data* data = elf_getdata(section, nullptr);
        if (data == nullptr || header.sh_entsize == 0) throw ImageError("cut off: its symbol table cannot be read");
        const auto count = data->d_size / header.sh_entsize;
        addresses_.resize(std::max<std::size_t>(addresses_.size(), count));
        for (std::size_t i = 1; i < count; ++i) {
            GElf_Sym symbol;
            if (gelf_getsym(data, static_cast<int>(i), &symbol) == nullptr) break;
            const auto type = GELF_ST_TYPE(symbol.st_info);
            auto& address = addresses_[i];
            address = symbol.st_value;
            if (symbol.st_shndx == SHN_UNDEF || symbol.st_shndx == SHN_COMMON) {
                address = others_address + i * other_size;
            } else if (!file_.is_linked && symbol.st_shndx < places_.size()) {
                address += places_[symbol.st_shndx].address;
            }
            const char* name = elf_strptr(elf_.get(), header.sh_link, symbol.st_name);
            const bool is_place = symbol.st_shndx != SHN_ABS && type != STT_SECTION && type != STT_FILE;
            if (!is_place || name == nullptr || *name == '\0') continue;
            if (file_.is_linked && symbol.st_shndx == SHN_UNDEF) continue;
            file_.symbols.push_back({name, address, type == STT_FUNC && symbol.st_shndx != SHN_UNDEF});
        }
    }

    /// Applies the relocations of one section, if the section has an address.
    void apply(Elf_Scn* section, const GElf_Shdr& header) {
        if (header.sh_info >= places_.size() || places_[header.sh_info].bytes.empty()) return;
        Elf_Data* data = elf_getdata(section, nullptr);
        if (data == nullptr || header.sh_entsize == 0) throw ImageError("cut off: its relocations cannot be read");
        const auto& place = places_[header.sh_info];
        for (std::size_t i = 0; i < data->d_size / header.sh_entsize; ++i) {
            GElf_Rela entry{};
            if (header.sh_type == SHT_RELA) {
                if (gelf_getrela(data, static_cast<int>(i), &entry) == nullptr) break;
            } else {
                GElf_Rel without_addend;
                if (gelf_getrel(data, static_cast<int>(i), &without_addend) == nullptr) break;
                entry = {without_addend.r_offset, without_addend.r_info, 0};
            }
            apply(place, entry, header.sh_type == SHT_REL);
        }
    }

    void apply(const SectionPlace& place, const GElf_Rela& entry, bool addend_is_in_field) {
        const auto type = GELF_R_TYPE(entry.r_info);
        const auto symbol = GELF_R_SYM(entry.r_info);
        const auto kinds = file_.bits == 64 ? std::span<const RelocationKind>(kinds_64) : kinds_32;
        const auto kind = std::ranges::find(kinds, type, &RelocationKind::type);
        if (kind == kinds.end()) return;
        const auto change = kind->change;
        const auto size = kind->size;
        if (symbol >= addresses_.size() || entry.r_offset > place.bytes.size() ||
            place.bytes.size() - entry.r_offset < size) {
            throw ImageError("damaged: a relocation points outside of its section");
        }
        std::uint64_t addend = static_cast<std::uint64_t>(entry.r_addend);
        std::byte* const field = place.bytes.data() + entry.r_offset;
        if (addend_is_in_field) {
            addend = 0;
            std::memcpy(&addend, field, size);
        }
        // There is no table of addresses, so a field that names an entry of it gets the symbol's own address.
        auto value = addresses_[symbol] + addend;
        if (change == Field::relative || (change == Field::got && file_.bits == 64))
            value -= place.address + entry.r_offset;
        std::memcpy(field, &value, size);
    }

    [[nodiscard]] std::span<std::byte> part(std::uint64_t offset, std::uint64_t size) {
        if (offset > file_.content.size() || file_.content.size() - offset < size) {
            throw ImageError(fmt::format("cut off: it has {} bytes, and a part of it ends at {}", file_.content.size(),
                                         offset + size));
        }
        return std::span(file_.content).subspan(offset, size);
    }

    CodeFile& file_;
    std::unique_ptr<Elf, decltype(&elf_end)> elf_;
    GElf_Ehdr header_{};
    std::vector<SectionPlace> places_;      ///< by the index of the section
    std::vector<std::uint64_t> addresses_;  ///< by the index of the symbol
};

}  // namespace

void read_elf_code(CodeFile& file) { ElfCodeReader(file).read(); }

}  // namespace gatecrash::check
