#include "kernel/boot_image.hpp"

#include <gmock/gmock.h>
#include <lz4.h>

#include <cstring>

#include "kernel/kernel_files.hpp"
#include "support/compressed.hpp"

namespace gatecrash::kernel {
namespace {

using testing::HasSubstr;

/// Makes two blocks, as a kernel of more than 8 MiB has.
std::string in_lz4(const std::string& text) {
    std::string out("\x02\x21\x4c\x18", 4);
    for (const auto& part : {text.substr(0, text.size() / 2), text.substr(text.size() / 2)}) {
        std::string block(static_cast<std::size_t>(LZ4_compressBound(static_cast<int>(part.size()))), '\0');
        const auto size = LZ4_compress_default(part.data(), block.data(), static_cast<int>(part.size()),
                                               static_cast<int>(block.size()));
        append(out, static_cast<std::uint32_t>(size));
        out += block.substr(0, static_cast<std::size_t>(size));
    }
    return out;
}

std::string error_of(const std::string& file) {
    try {
        (void)read_boot_image(bytes_of(file), "kernel");
    } catch (const ImageError& error) {
        return error.what();
    }
    return "no error";
}

const std::string vmlinux = elf_file(std::string(100'000, 'k') + "Linux version 6.6.6 (someone)", {{".BTF", "types"}});

TEST(BootImage, ReadsAVmlinux) {
    const auto image = read_boot_image(bytes_of(vmlinux), "vmlinux");
    EXPECT_EQ(image.version, "6.6.6");
    EXPECT_EQ(number(image.entry), 0x1000000U);
    ASSERT_EQ(image.segments.size(), 1U);
    EXPECT_EQ(number(image.segments[0].physical), 0x1000000U);
    EXPECT_EQ(number(image.segments[0].address), kernel_text);
    EXPECT_EQ(image.segments[0].size, image.segments[0].bytes.size() + 0x1000);
    EXPECT_EQ(image.section(".BTF").size(), 5U);
    EXPECT_TRUE(image.section(".none").empty());
    EXPECT_EQ(image.at(vm::Virtual{kernel_text + 7}, 2).size(), 2U);
    EXPECT_TRUE(image.at(vm::Virtual{kernel_text + image.segments[0].bytes.size() - 1}, 2).empty());
}

TEST(BootImage, UnpacksEachCompression) {
    for (const auto& [name, payload] : {std::pair("gzip", in_gzip(vmlinux)), std::pair("xz", in_xz(vmlinux)),
                                        std::pair("zstd", in_zstd(vmlinux)), std::pair("LZ4", in_lz4(vmlinux))}) {
        // The kernel's build appends the unpacked size.
        std::string with_size = payload;
        append(with_size, static_cast<std::uint32_t>(vmlinux.size()));
        for (const auto& each : {payload, with_size}) {
            const auto image = read_boot_image(bytes_of(bzimage(each)), name);
            EXPECT_EQ(image.elf, bytes_of(vmlinux)) << name;
            EXPECT_EQ(image.version, "6.1.0-test") << name;
        }
        EXPECT_THAT(error_of(bzimage(payload.substr(0, payload.size() / 2))),
                    HasSubstr(std::string(name) + " data is damaged"));
    }
}

TEST(BootImage, SaysWhyAFileCannotBeUsed) {
    const auto whole = bzimage(in_gzip(vmlinux));
    EXPECT_THAT(error_of(whole.substr(0, 0x230)), HasSubstr("cut off in its setup header"));
    EXPECT_THAT(error_of(whole.substr(0, whole.size() - 1)), HasSubstr("cut off: its payload ends at"));
    EXPECT_THAT(error_of(""), HasSubstr("neither a bzImage nor an ELF file"));
    EXPECT_THAT(error_of("#!/bin/sh"), HasSubstr("kernel: neither a bzImage nor an ELF file"));
    auto of_32_bits = whole;
    of_32_bits[0x236] = 0;
    EXPECT_THAT(error_of(of_32_bits), HasSubstr("a 32-bit kernel"));
    auto old = whole;
    old[0x206] = 0x0b;
    EXPECT_THAT(error_of(old), HasSubstr("boot protocol 2.11"));
    EXPECT_THAT(error_of(bzimage("BZh91AY")), HasSubstr("begins with 42 5a 68"));
    auto other_machine = vmlinux;
    other_machine[18] = 40;  // EM_ARM
    EXPECT_THAT(error_of(other_machine), HasSubstr("not for x86-64"));
    EXPECT_THAT(error_of(vmlinux.substr(0, 5000)), HasSubstr("cut off"));
}

}  // namespace
}  // namespace gatecrash::kernel
