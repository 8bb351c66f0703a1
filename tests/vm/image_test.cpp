#include "vm/boot/image.hpp"

#include <elf.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

#include "cases/registry.hpp"
#include "suite/case.hpp"

namespace gatecrash::vm {
namespace {

using testing::HasSubstr;

std::vector<std::byte> good_elf() {
    const auto guest = cases::guest_of("nested-nmi", "copied-frame");
    return {guest.begin(), guest.end()};
}

template <typename T>
T& at(std::vector<std::byte>& file, std::size_t offset) {
    return *reinterpret_cast<T*>(file.data() + offset);
}
Elf64_Ehdr& header(std::vector<std::byte>& file) { return at<Elf64_Ehdr>(file, 0); }
Elf64_Phdr& segment(std::vector<std::byte>& file, std::size_t index) {
    return at<Elf64_Phdr>(file, header(file).e_phoff + index * sizeof(Elf64_Phdr));
}

abi::Descriptor& descriptor(std::vector<std::byte>& file) {
    constexpr std::uint64_t magic = GATECRASH_ABI_MAGIC;
    const auto bytes = std::as_bytes(std::span(&magic, 1));
    const auto found = std::search(file.begin(), file.end(), bytes.begin(), bytes.end());
    return at<abi::Descriptor>(file, static_cast<std::size_t>(found - file.begin()));
}

std::string error_of(const std::vector<std::byte>& file) {
    try {
        (void)load_elf(file, "guest.elf");
    } catch (const ImageError& error) {
        return error.what();
    }
    return "no error";
}

TEST(Elf, LoadsAGuest) {
    const auto file = good_elf();
    const auto image = load_elf(file, "guest.elf");
    EXPECT_EQ(image.symbols.find("boot"), image.entry);
    EXPECT_TRUE(image.symbols.find("nmi_iret"));
    EXPECT_FALSE(image.symbols.find("no_such_symbol"));
    EXPECT_EQ(image.stacks.size(), 7U);
    const auto* text = image.segment_at(image.entry);
    ASSERT_NE(text, nullptr);
    EXPECT_TRUE(text->executable);
    EXPECT_FALSE(text->writable);
    EXPECT_FALSE(text->entry_area);
    EXPECT_TRUE(image.segment_at(*image.symbols.find("entry_bp"))->entry_area);
    EXPECT_FALSE(image.segment_at(Virtual{image.descriptor.idt})->writable);
}

TEST(Elf, NamesAddressesAndStacks) {
    const auto file = good_elf();
    const auto image = load_elf(file, "guest.elf");
    const auto iret = *image.symbols.find("nmi_iret");
    EXPECT_EQ(image.symbols.name_of(iret), "nmi_iret");
    EXPECT_EQ(image.symbols.name_of(Virtual{number(iret) + 1}), "nmi_iret+0x1");
    EXPECT_EQ(image.symbols.name_of(Virtual{0x10}), "0x10");
    const auto top = *image.symbols.find("nmi_stack_top");
    EXPECT_EQ(image.stack_of(number(top)), "nmi");
    EXPECT_EQ(image.stack_of(number(top) + 4096), "?");
}

TEST(Elf, RefusesEveryTruncation) {
    const auto file = good_elf();
    for (std::size_t size = 0; size < file.size(); size += size < 4096 ? 61 : 997) {
        const std::vector<std::byte> cut(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(size));
        EXPECT_THROW((void)load_elf(cut, "guest.elf"), ImageError) << size << " bytes";
    }
}

TEST(Elf, RefusesWhatItCannotRun) {
    struct {
        const char* what;
        void (*spoil)(std::vector<std::byte>&);
        const char* message;
    } const table[]{
        {"32-bit", [](auto& f) { header(f).e_ident[EI_CLASS] = ELFCLASS32; }, "neither x86-64 nor i386"},
        {"another architecture", [](auto& f) { header(f).e_machine = EM_AARCH64; }, "neither x86-64 nor i386"},
        {"position independent", [](auto& f) { header(f).e_type = ET_DYN; }, "-no-pie"},
        {"not an ELF file", [](auto& f) { f[0] = std::byte{0}; }, "not an ELF file"},
        {"an empty program", [](auto& f) { header(f).e_phnum = 0; }, "no PT_LOAD segment"},
        {"an unaligned segment", [](auto& f) { segment(f, 0).p_vaddr += 8; }, "not page-aligned"},
        {"too large a segment", [](auto& f) { segment(f, 2).p_memsz = std::uint64_t{1} << 40; }, "1 GiB"},
        {"a segment outside the file", [](auto& f) { segment(f, 0).p_offset = f.size(); },
         "beyond the end of the file"},
        {"more in the file than in memory", [](auto& f) { segment(f, 0).p_filesz = segment(f, 0).p_memsz + 1; },
         "cut off"},
        {"overlapping segments", [](auto& f) { segment(f, 1).p_paddr = segment(f, 0).p_paddr; }, "share a page"},
        {"a size that wraps around", [](auto& f) { segment(f, 0).p_memsz = ~std::uint64_t{0}; }, "1 GiB"},
        {"a segment on the harness uses pages", [](auto& f) { segment(f, 4).p_vaddr = 0xffffffffc0000000; },
         "the harness uses"},
        {"a segment at the end of all addresses", [](auto& f) { segment(f, 4).p_vaddr = 0xfffffffffffff000; },
         "the harness uses"},
        {"a non-canonical segment", [](auto& f) { segment(f, 4).p_vaddr = 0x800000000000; }, "canonical"},
        {"an entry point in data", [](auto& f) { header(f).e_entry = segment(f, 4).p_vaddr; }, "entry point"},
        {"no symbols",
         [](auto& f) {
             header(f).e_shnum = 0;
             header(f).e_shoff = 0;
         },
         "no section .symtab: do not strip"},
        {"another program's symbols",
         [](auto& f) {
             const std::string_view name = "gatecrash_abi";
             const auto found = std::search(f.begin(), f.end(), name.begin(), name.end(),
                                            [](std::byte a, char b) { return a == static_cast<std::byte>(b); });
             *found = std::byte{'x'};
         },
         "no symbol gatecrash_abi: link it with gatecrash's runtime"},
        {"a descriptor of another version", [](auto& f) { descriptor(f).version = 98; }, "version 98"},
        {"no stacks", [](auto& f) { descriptor(f).stack_count = 0; }, "no table of 1 to 64 stacks"},
        {"too many stacks", [](auto& f) { descriptor(f).stack_count = 65; }, "no table of 1 to 64 stacks"},
        {"stacks that are nowhere", [](auto& f) { descriptor(f).stacks = 0x1000; }, "no table of 1 to 64 stacks"},
    };
    for (const auto& row : table) {
        auto file = good_elf();
        row.spoil(file);
        EXPECT_THAT(error_of(file), HasSubstr(row.message)) << row.what;
        EXPECT_THAT(error_of(file), HasSubstr("guest.elf: ")) << row.what;
    }
}

/// Returns a program header for which this guest has no section.
Elf64_Phdr& unused_segment(std::vector<std::byte>& file) {
    std::size_t index = 0;
    while (segment(file, index).p_memsz != 0) ++index;
    return segment(file, index);
}

TEST(Elf, LetsASegmentBeAViewOfAnother) {
    auto file = good_elf();
    constexpr std::uint64_t view_address = 0xffffff0000500000;
    const auto writable = segment(file, 4).p_paddr, read_only = segment(file, 0).p_paddr;
    auto& view = unused_segment(file);
    view = {PT_LOAD, PF_R, 0, view_address, writable, 0, page_size, page_size};
    const auto image = load_elf(file, "guest.elf");
    const auto* loaded = image.segment_at(Virtual{view_address});
    ASSERT_NE(loaded, nullptr);
    EXPECT_EQ(number(loaded->physical), writable);
    view.p_flags = PF_R | PF_W;
    EXPECT_THAT(error_of(file), HasSubstr("share a page"));
    view.p_flags = PF_R;
    view.p_paddr = read_only;
    EXPECT_THAT(error_of(file), HasSubstr("share a page"));
}

TEST(Elf, ChecksTheDescriptor) {
    struct {
        const char* what;
        void (*spoil)(abi::Descriptor&);
        const char* message;
    } const table[]{
        {"magic", [](auto& d) { d.magic = 0; }, "has magic"},
        {"version", [](auto& d) { d.version = 99; }, "version 99"},
        {"GDT", [](auto& d) { d.gdt = 0; }, "no GDT"},
        {"IDT", [](auto& d) { d.idt_limit = 0x10000; }, "no IDT"},
        {"TSS", [](auto& d) { d.tss = 0x1000; }, "no TSS"},
        {"log in text", [](auto& d) { d.log = d.gdt; }, "no writable log ring"},
        {"boot stack nowhere", [](auto& d) { d.boot_stack = 0; }, "no boot stack"},
        {"boot stack in tables", [](auto& d) { d.boot_stack = d.gdt + 16; }, "no boot stack"},
        {"boot stack between words", [](auto& d) { d.boot_stack -= 1; }, "no boot stack"},
    };
    struct {
        const char* what;
        void (*spoil)(abi::Stack&);
    } const stacks[]{
        {"without end", [](auto& s) { s.high = ~std::uint64_t{0}; }},
        {"upside down", [](auto& s) { std::swap(s.low, s.high); }},
        {"nowhere",
         [](auto& s) {
             s = {"nowhere", 0x1000, 0x2000};
         }},
    };
    const auto file = good_elf();
    for (const auto& row : table) {
        auto image = load_elf(file, "guest.elf");
        row.spoil(image.descriptor);
        try {
            check_image(image);
            ADD_FAILURE() << row.what;
        } catch (const ImageError& error) {
            EXPECT_THAT(error.what(), HasSubstr(row.message)) << row.what;
            EXPECT_THAT(error.what(), testing::AnyOf(HasSubstr("link it with"), HasSubstr("rebuild the guest")));
        }
    }
    for (const auto& row : stacks) {
        auto image = load_elf(file, "guest.elf");
        row.spoil(image.stacks.at(0));
        EXPECT_THROW(check_image(image), ImageError) << row.what;
    }
}

TEST(Elf, NamesAFileThatCannotBeRead) {
    EXPECT_THROW((void)load_elf_file("/nonexistent.elf"), ImageError);
    EXPECT_THROW((void)load_elf_file("/"), ImageError);
}

/// Local symbols of several files can share a name.
TEST(SymbolTable, KnowsEveryAddressOfAName) {
    const SymbolTable symbols({{"helper", Virtual{0x2000}}, {"helper", Virtual{0x1000}}, {"other", Virtual{0x3000}}});
    EXPECT_EQ(symbols.find("helper"), Virtual{0x1000});
    EXPECT_TRUE(symbols.has("helper", Virtual{0x1000}));
    EXPECT_TRUE(symbols.has("helper", Virtual{0x2000}));
    EXPECT_FALSE(symbols.has("helper", Virtual{0x3000}));
    EXPECT_FALSE(symbols.has("nothing", Virtual{0x1000}));
}

}  // namespace
}  // namespace gatecrash::vm
