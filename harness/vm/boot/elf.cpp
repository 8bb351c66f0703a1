#include <fcntl.h>
#include <fmt/format.h>
#include <gelf.h>
#include <libelf.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <string_view>
#include <system_error>

#include "vm/boot/image.hpp"

namespace gatecrash::vm {
namespace {

using ElfHandle = std::unique_ptr<Elf, decltype(&elf_end)>;

// The reader checks these limits before it rounds up or copies anything. check_image() checks the rest.
constexpr std::uint64_t max_segment_size = std::uint64_t{1} << 30;
/// The runtime's guests have eleven segments. Each segment can be a copy of the whole file, and is compared with every
/// other.
constexpr std::size_t max_segments = 64;

std::uint64_t page_up(std::uint64_t size) { return (size + page_size - 1) & ~(page_size - 1); }

/// True if a schedule can name the symbol. A schedule would give any other name another meaning.
bool is_nameable(std::string_view name) {
    const auto is_letter = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '.' || c == '$';
    };
    const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
    return !name.empty() && is_letter(name.front()) &&
           std::all_of(name.begin(), name.end(), [&](char c) { return is_letter(c) || is_digit(c); });
}

/// Copies `size` bytes at virtual `address` out of the image's own bytes. False if they are not all there.
bool copy_out(const Image& image, std::uint64_t address, void* to, std::size_t size) {
    const auto* segment = image.segment_at(Virtual{address});
    if (segment == nullptr) return false;
    const auto offset = address - number(segment->address);
    if (offset > segment->bytes.size() || segment->bytes.size() - offset < size) return false;
    std::memcpy(to, segment->bytes.data() + offset, size);
    return true;
}

class Reader {
  public:
    Reader(std::span<const std::byte> file, const std::string& name) : file_(file), elf_(nullptr, elf_end) {
        image_.name = name;
        elf_version(EV_CURRENT);
        // The cast is safe: libelf only reads the image, and does not write through this pointer.
        auto* bytes = const_cast<char*>(reinterpret_cast<const char*>(file.data()));
        elf_.reset(elf_memory(bytes, file.size()));
        if (elf_ == nullptr || elf_kind(elf_.get()) != ELF_K_ELF || gelf_getehdr(elf_.get(), &header_) == nullptr) {
            fail("not an ELF file, or one that is cut off");
        }
    }

    Image read() {
        const auto elf_class = gelf_getclass(elf_.get());
        const bool is_64_bit = elf_class == ELFCLASS64 && header_.e_machine == EM_X86_64;
        const bool is_32_bit = elf_class == ELFCLASS32 && header_.e_machine == EM_386;
        if (!is_64_bit && !is_32_bit) fail("its ELF file is for neither x86-64 nor i386");
        image_.word_size = is_64_bit ? 8 : 4;
        if (header_.e_type != ET_EXEC)
            fail("not a static executable (ET_EXEC): link with -static -no-pie and guest.lds");
        image_.entry = Virtual{header_.e_entry};
        read_segments();
        read_symbols();
        read_descriptor();
        check_image(image_);
        return std::move(image_);
    }

  private:
    [[noreturn]] void fail(const std::string& why) const { throw ImageError(image_.name + ": " + why); }

    void read_segments() {
        std::size_t count = 0;
        if (elf_getphdrnum(elf_.get(), &count) != 0) fail("its program headers cannot be read");
        for (std::size_t i = 0; i < count; ++i) {
            GElf_Phdr header;
            if (gelf_getphdr(elf_.get(), static_cast<int>(i), &header) == nullptr) {
                fail("cut off: its program headers reach beyond the end of the file");
            }
            if (header.p_type != PT_LOAD || header.p_memsz == 0) continue;
            if (header.p_memsz > max_segment_size) {
                fail(fmt::format("the segment at {:#x} is larger than 1 GiB: link with guest.lds", header.p_vaddr));
            }
            if (image_.segments.size() == max_segments) fail("too many segments: link with guest.lds");
            if (header.p_filesz > header.p_memsz || header.p_offset > file_.size() ||
                file_.size() - header.p_offset < header.p_filesz) {
                fail(fmt::format("cut off: the segment at {:#x} reaches beyond the end of the file", header.p_vaddr));
            }
            const auto bytes = file_.subspan(header.p_offset, header.p_filesz);
            image_.segments.push_back({Virtual{header.p_vaddr},
                                       Physical{header.p_paddr},
                                       {bytes.begin(), bytes.end()},
                                       page_up(header.p_memsz),
                                       (header.p_flags & (PF_W | GATECRASH_PF_SHADOW_STACK)) != 0,
                                       (header.p_flags & PF_X) != 0,
                                       (header.p_flags & GATECRASH_PF_ENTRY_AREA) != 0,
                                       (header.p_flags & GATECRASH_PF_SHADOW_STACK) != 0});
        }
        if (image_.segments.empty()) fail("no PT_LOAD segment");
    }

    void read_symbols() {
        std::vector<Symbol> symbols, functions;
        Elf_Scn* section = nullptr;
        while ((section = elf_nextscn(elf_.get(), section)) != nullptr) {
            GElf_Shdr header;
            if (gelf_getshdr(section, &header) == nullptr || header.sh_type != SHT_SYMTAB) continue;
            has_symbols_ = true;
            Elf_Data* data = elf_getdata(section, nullptr);
            if (data == nullptr || header.sh_entsize == 0) fail("cut off: its symbol table cannot be read");
            for (std::size_t i = 0; i < data->d_size / header.sh_entsize; ++i) {
                GElf_Sym symbol;
                if (gelf_getsym(data, static_cast<int>(i), &symbol) == nullptr) break;
                const char* name = elf_strptr(elf_.get(), header.sh_link, symbol.st_name);
                const bool defined = symbol.st_shndx != SHN_UNDEF && symbol.st_shndx != SHN_ABS;
                const auto type = GELF_ST_TYPE(symbol.st_info);
                if (name == nullptr || !is_nameable(name) || !defined || type == STT_SECTION || type == STT_FILE)
                    continue;
                (type == STT_FUNC ? functions : symbols).push_back({name, Virtual{symbol.st_value}});
            }
        }
        // Functions come first. So if a label ends one function where another begins, the second function names the
        // address.
        symbols.insert(symbols.begin(), functions.begin(), functions.end());
        image_.symbols = SymbolTable(std::move(symbols));
    }

    void read_descriptor() {
        const auto where = image_.symbols.find("gatecrash_abi");
        if (!where) {
            if (!has_symbols_)
                fail("no section .symtab: do not strip the guest, because its symbols name the boundaries");
            fail(fmt::format("no symbol gatecrash_abi: {}", runtime_remedy));
        }
        if (!copy_out(image_, number(*where), &image_.descriptor, sizeof image_.descriptor)) {
            fail(fmt::format("the symbol gatecrash_abi points outside the image: {}", runtime_remedy));
        }
        // Checks the version before following any pointer: another version may have these fields in another place.
        check_version(image_);
        constexpr std::uint64_t max_stacks = 64;
        const auto count = image_.descriptor.stack_count;
        image_.stacks.resize(count <= max_stacks ? count : 0);
        if (image_.stacks.empty() || !copy_out(image_, image_.descriptor.stacks, image_.stacks.data(),
                                               image_.stacks.size() * sizeof(abi::Stack))) {
            fail(fmt::format("gatecrash_abi names no table of 1 to {} stacks inside the image: {}", max_stacks,
                             runtime_remedy));
        }
    }

    std::span<const std::byte> file_;
    ElfHandle elf_;
    GElf_Ehdr header_{};
    bool has_symbols_ = false;
    Image image_;
};

}  // namespace

Image load_elf(std::span<const std::byte> file, const std::string& name) { return Reader(file, name).read(); }

Image load_elf_file(const std::string& path) {
    const auto unreadable = [&] {
        return ImageError(fmt::format("{}: cannot be read: {}", path, std::generic_category().message(errno)));
    };
    std::ifstream stream(path, std::ios::binary);
    if (!stream) throw unreadable();
    std::vector<char> bytes;
    try {
        bytes.assign(std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>());
    } catch (const std::ios_base::failure&) {  // a folder, an I/O error
        throw unreadable();
    }
    return load_elf(std::as_bytes(std::span(bytes)), path);
}

}  // namespace gatecrash::vm
