#include "kernel/symbols.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "kernel/btf.hpp"
#include "kernel/kernel_files.hpp"

namespace gatecrash::kernel {
namespace {

using namespace std::string_literals;
using testing::HasSubstr;

const std::string banner = "Linux version 6.6.6 (someone)";

std::string notes(std::string_view build_id) {
    std::string note;
    append(note, std::uint32_t{4});
    append(note, static_cast<std::uint32_t>(build_id.size()));
    append(note, std::uint32_t{3});
    return note.append("GNU\0", 4).append(build_id);
}

BootImage kernel_with(const std::string& content, const std::string& build_id = "abcd") {
    return read_boot_image(bytes_of(elf_file(content, {{".notes", notes(build_id)}})), "kernel");
}

std::string error_of(const std::string& file, const BootImage& kernel) {
    try {
        (void)symbols_from(bytes_of(file), "symbols", kernel);
    } catch (const ImageError& error) {
        return error.what();
    }
    return "no error";
}

TEST(KernelSymbols, ComeFromASystemMap) {
    const auto kernel = kernel_with(std::string(16, '\0') + banner);
    const auto map = fmt::format("{:016x} T _text\n{:016x} D linux_banner\n0000000000001440 A irq_stat\n", kernel_text,
                                 kernel_text + 16);
    const auto symbols = symbols_from(bytes_of(map), "System.map", kernel);
    ASSERT_EQ(symbols.size(), 3U);
    EXPECT_EQ(symbols[0].name, "irq_stat");
    EXPECT_EQ(symbols[1].name, "_text");
    EXPECT_EQ(symbols[2].type, 'D');
}

TEST(KernelSymbols, OfAnotherKernelAreRefused) {
    const auto kernel = kernel_with(std::string(16, '\0') + banner);
    EXPECT_THAT(
        error_of(fmt::format("{0:016x} T _text\n{0:016x} D linux_banner\n", kernel_text), kernel),
        HasSubstr("symbols: the symbols of another kernel: linux_banner is not at 0xffffffff81000000 in 6.6.6"));
    EXPECT_THAT(error_of(elf_file(banner, {{".notes", notes("dcba")}}), kernel),
                HasSubstr("its build ID is 64636261, and the kernel's is 61626364"));
    EXPECT_THAT(error_of(elf_file(banner, {{".notes", notes("abcd")}}), kernel), HasSubstr("it is stripped"));
    EXPECT_THAT(error_of("ffffffffffffffff B The real System.map is in the package\n", kernel),
                HasSubstr("placeholder"));
    EXPECT_THAT(error_of("0000 T _text\nnonsense\n", kernel), HasSubstr("its line 2 is not"));
}

TEST(KernelSymbols, ComeFromTheKernelItself) {
    std::vector<std::pair<std::string, std::uint64_t>> symbols;
    for (unsigned i = 0; i < 100; ++i) symbols.emplace_back(fmt::format("Tf{}", i), kernel_text + i);
    EXPECT_EQ(own_symbols(kernel_with(kallsyms(symbols, Layout::linux_6_4))).size(), 100U);
    try {
        (void)own_symbols(kernel_with(banner));
        ADD_FAILURE() << "not refused";
    } catch (const ImageError& error) {
        EXPECT_THAT(error.what(), HasSubstr("--symbols"));
    }
}

std::string btf_section(const std::string& types, const std::string& strings) {
    std::string section;
    append(section, std::uint16_t{0xeb9f});
    append(section, std::uint16_t{1});
    for (const std::size_t field : {std::size_t{24}, std::size_t{0}, types.size(), types.size(), strings.size()})
        append(section, static_cast<std::uint32_t>(field));
    return section + types + strings;
}

/// Makes a .BTF section: struct outer { int a; union { int b; struct inner c; }; }, a typedef of it, outer_t, and an
/// enumeration.
std::string btf() {
    const auto strings = "\0int\0inner\0x\0y\0outer\0a\0b\0c\0outer_t\0counts\0NMI\0RESCHEDULE\0"s;
    const auto name = [&](const std::string& text) {
        return static_cast<std::uint32_t>(strings.find('\0' + text + '\0') + 1);
    };
    std::string types;
    const auto words = [&](std::initializer_list<std::uint32_t> all) {
        for (const auto word : all) append(types, word);
    };
    const auto kind = [](std::uint32_t of, std::uint32_t length) { return of << 24 | length; };
    words({name("int"), kind(1, 0), 4, 32});                                        // 1
    words({name("inner"), kind(4, 2), 8, name("x"), 1, 0, name("y"), 1, 32});       // 2
    words({0, kind(5, 2), 8, name("b"), 1, 0, name("c"), 2, 0});                    // 3
    words({name("outer"), kind(4, 2), 12, name("a"), 1, 0, 0, 3, 32});              // 4
    words({name("outer_t"), kind(8, 0), 4});                                        // 5
    words({name("counts"), kind(6, 2), 4, name("NMI"), 0, name("RESCHEDULE"), 7});  // 6
    return btf_section(types, strings);
}

TEST(Btf, FindsMembersAlsoInNamelessStructures) {
    const auto section = bytes_of(btf());
    const Btf types(section);
    EXPECT_EQ(types.offset_of("outer", "a"), 0U);
    EXPECT_EQ(types.offset_of("outer", "b"), 4U);
    EXPECT_EQ(types.offset_of("outer", "c.y"), 8U);
    EXPECT_EQ(types.offset_of("outer_t", "c.x"), 4U);
    EXPECT_EQ(types.offset_of("inner", "y"), 4U);
    EXPECT_EQ(types.offset_of("outer", "y"), std::nullopt);
    EXPECT_EQ(types.offset_of("int", "a"), std::nullopt);
}

TEST(Btf, KnowsSizesAndEnumerators) {
    const auto section = bytes_of(btf());
    const Btf types(section);
    EXPECT_EQ(types.size_of("outer"), 12U);
    EXPECT_EQ(types.size_of("outer_t"), 12U);
    EXPECT_EQ(types.size_of("int"), std::nullopt);
    EXPECT_EQ(types.value_of("NMI"), 0U);
    EXPECT_EQ(types.value_of("RESCHEDULE"), 7U);
    EXPECT_EQ(types.value_of("counts"), std::nullopt);
}

TEST(Btf, EndsTheSearchInAUnionThatContainsItselfTwice) {
    std::string types;
    for (const std::uint32_t word : {1U, 5U << 24 | 2, 8U, 0U, 1U, 0U, 0U, 1U, 0U}) append(types, word);
    const auto section = bytes_of(btf_section(types, "\0u\0"s));
    EXPECT_EQ(Btf(section).offset_of("u", "x"), std::nullopt);
}

TEST(Btf, RefusesADamagedSection) {
    const auto good = btf();
    for (std::size_t size = 0; size < good.size(); ++size) {
        const auto section = bytes_of(good.substr(0, size));
        EXPECT_THROW(Btf{section}, ImageError) << size;
    }
    auto unknown = good;
    unknown[24 + 7] = 0x1f;
    const auto section = bytes_of(unknown);
    EXPECT_THROW(Btf{section}, ImageError);
}

}  // namespace
}  // namespace gatecrash::kernel
