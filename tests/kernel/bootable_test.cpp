// Reads images with each header that boot loaders know, and puts them into memory. The images are built from
// tests/kernel/image.
#include "kernel/bootable.hpp"

#include <gmock/gmock.h>

#include "kernel/boot_entry.hpp"
#include "kernel/kernel_files.hpp"
#include "posix/file.hpp"

namespace gatecrash::kernel {
namespace {

using testing::AllOf;
using testing::HasSubstr;

std::string built(const std::string& name) { return posix::read_file(TEST_IMAGES + name); }

BootImage read(const std::string& file) { return read_bootable(bytes_of(file), "my.elf"); }

std::string refusal_of(const std::string& file) {
    try {
        (void)read(file);
    } catch (const ImageError& error) {
        return error.what();
    }
    return "";
}

/// Returns words as a file.
std::string words(std::initializer_list<std::uint32_t> all) {
    std::string file;
    for (const auto word : all) append(file, word);
    return file;
}

constexpr std::uint32_t magic_1 = 0x1badb002, magic_2 = 0xe85250d6;

/// Returns a flat file whose multiboot header has addresses.
std::string flat(std::uint32_t header, std::uint32_t load, std::uint32_t load_end, std::uint32_t bss_end) {
    return words({0, magic_1, 0x10000, -(magic_1 + 0x10000), header, load, load_end, bss_end, load + 4, 0xabcdef01});
}

TEST(Bootable, KnowsEachHeader) {
    const auto multiboot = read(built("multiboot.elf")), second = read(built("multiboot2.elf")),
               pvh = read(built("pvh.elf"));
    EXPECT_EQ(multiboot.protocol, BootProtocol::multiboot);
    EXPECT_EQ(second.protocol, BootProtocol::multiboot_2);
    EXPECT_EQ(pvh.protocol, BootProtocol::pvh);
    for (const auto* const image : {&multiboot, &second, &pvh}) {
        ASSERT_EQ(image->segments.size(), 2U);
        EXPECT_GE(number(image->entry), number(image->segments[0].physical));
        EXPECT_TRUE(image->segments[0].is_code);
        EXPECT_FALSE(image->segments[1].is_code);
        EXPECT_GT(image->segments[1].size, image->segments[1].bytes.size());
    }
    EXPECT_EQ(read(built("32.elf")).protocol, BootProtocol::multiboot);
}

TEST(Bootable, TakesTheAddressesInAMultibootHeader) {
    const auto image = read(flat(0x200004, 0x200000, 0, 0x300000));
    ASSERT_EQ(image.segments.size(), 1U);
    EXPECT_EQ(image.segments[0].physical, vm::Physical{0x200000});
    EXPECT_EQ(image.segments[0].bytes.size(), 40U);
    EXPECT_EQ(image.segments[0].size, 0x100000U);
    EXPECT_EQ(image.entry, vm::Physical{0x200004});

    // The file may have something else before what is loaded, and after it.
    const auto part = read(flat(0x200000, 0x200000, 0x200010, 0));
    EXPECT_EQ(part.segments[0].bytes.size(), 16U);
    EXPECT_EQ(number_at<std::uint32_t>(part.segments[0].bytes, 0), magic_1);
}

TEST(Bootable, RefusesDamagedAndDemandingHeaders) {
    EXPECT_THAT(refusal_of("text"), AllOf(HasSubstr("my.elf: no boot loader can start it"), HasSubstr("bzImage")));
    EXPECT_THAT(refusal_of(elf_file("no header")), HasSubstr("no boot loader can start it"));
    EXPECT_THAT(refusal_of(words({magic_1, 0, 1})), HasSubstr("no boot loader can start it"));  // a wrong checksum
    EXPECT_THAT(refusal_of(words({magic_1, 8, -(magic_1 + 8)})), HasSubstr("clear the bits 3 to 15"));
    EXPECT_THAT(refusal_of(words({magic_1, 0, -magic_1})), HasSubstr("name the ELF file"));
    EXPECT_THAT(refusal_of(flat(0x200004, 0x200000, 0, 0).substr(0, 30)), HasSubstr("cut off in its multiboot header"));
    EXPECT_THAT(refusal_of(flat(0x200004, 0x200000, 0x200040, 0)), HasSubstr("do not fit the file"));
    EXPECT_THAT(refusal_of(flat(0x200008, 0x200000, 0, 0)), HasSubstr("do not fit the file"));
    const auto second = [](std::uint32_t architecture, std::uint32_t size, std::uint32_t tag) {
        return words({magic_2, architecture, size, -(magic_2 + architecture + size), tag, 8, 0, 8});
    };
    EXPECT_THAT(refusal_of(second(4, 32, 0)), HasSubstr("for architecture 4"));
    EXPECT_THAT(refusal_of(second(0, 40, 0)), HasSubstr("cut off in its multiboot header"));
    EXPECT_THAT(refusal_of(second(0, 32, 11)), HasSubstr("demands tag 11"));
    EXPECT_THAT(refusal_of(second(0, 32, 11 | 1 << 16)), HasSubstr("name the ELF file"));  // the tag is optional
}

TEST(Bootable, RefusesImagesThatAreCutOff) {
    for (const auto* const name : {"multiboot.elf", "multiboot2.elf", "pvh.elf", "32.elf"}) {
        const auto file = built(name);
        EXPECT_THAT(refusal_of(file.substr(0, file.size() - 1)), HasSubstr("cut off")) << name;
        for (const std::size_t size : {0UL, 3UL, 40UL, 64UL, 100UL, file.size() / 2})
            EXPECT_THAT(refusal_of(file.substr(0, size)), HasSubstr("my.elf: ")) << name << size;
    }
}

constexpr std::size_t mebibyte = 1 << 20;

/// An image in memory, with the registers of its entry.
struct Loaded {
    explicit Loaded(const std::string& file) : image(read(file)), memory(16 * mebibyte) {
        entry = load_image(image, {"my words", ""}, memory, {});
    }
    [[nodiscard]] std::uint32_t word(std::uint64_t at) const { return number_at<std::uint32_t>(memory, at); }

    BootImage image;
    std::vector<std::byte> memory;
    BootEntry entry;
};

TEST(Bootable, IsLoadedWithTheRegistersOfItsProtocol) {
    const Loaded first(built("multiboot.elf")), second(built("multiboot2.elf")), pvh(built("pvh.elf"));
    EXPECT_EQ(first.entry.regs.rax, 0x2badb002U);
    EXPECT_EQ(second.entry.regs.rax, 0x36d76289U);
    for (const auto* const each : {&first, &second, &pvh}) {
        EXPECT_EQ(each->entry.regs.rip, number(each->image.entry));
        EXPECT_EQ(each->entry.sregs.cr0, 0x11U);
        EXPECT_EQ(each->entry.sregs.cs.db, 1);
        const auto& code = each->image.segments[0];
        EXPECT_EQ(each->word(number(code.physical)), number_at<std::uint32_t>(code.bytes, 0));
    }
    const auto first_info = first.entry.regs.rbx, start_info = pvh.entry.regs.rbx;
    EXPECT_EQ(first.word(first_info + 8), 15U * 1024);  // the upper memory in KiB
    EXPECT_EQ(text_of(first.memory).substr(first.word(first_info + 16), 9), std::string_view("my words\0", 9));
    EXPECT_EQ(second.word(second.entry.regs.rbx) % 8, 0U);
    EXPECT_EQ(pvh.word(start_info), 0x336ec578U);
    EXPECT_EQ(text_of(pvh.memory).substr(pvh.word(start_info + 24), 9), std::string_view("my words\0", 9));
    EXPECT_EQ(pvh.word(start_info + 48), 2U);
}

TEST(Bootable, IsRefusedIfItDoesNotFit) {
    const auto error_of_loading = [](const std::string& file, std::size_t size, const std::string& line = "") {
        std::vector<std::byte> memory(size);
        try {
            (void)load_image(read(file), {line, ""}, memory, {});
        } catch (const ImageError& error) {
            return std::string(error.what());
        }
        return std::string();
    };
    EXPECT_THAT(error_of_loading(built("pvh.elf"), 2 * mebibyte), HasSubstr("--memory"));
    EXPECT_THAT(error_of_loading(flat(0x8004, 0x8000, 0, 0), 16 * mebibyte), HasSubstr("below the first MiB"));
    EXPECT_THAT(error_of_loading(built("pvh.elf"), 16 * mebibyte, std::string(mebibyte, 'x')), HasSubstr("shorten it"));
}

}  // namespace
}  // namespace gatecrash::kernel
