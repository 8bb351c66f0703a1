#include "kernel/kallsyms.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <array>

#include "kernel/kernel_files.hpp"

namespace gatecrash::kernel {
namespace {

using Symbols = std::vector<std::pair<std::string, std::uint64_t>>;

/// Returns symbols as a kernel of `layout` has them: per-CPU ones first where they are absolute.
Symbols symbols_of(Layout layout) {
    Symbols symbols;
    if (layout == Layout::linux_5_10 || layout == Layout::linux_6_4)
        symbols = {{"Airq_stat", 0x1440}, {"Acpu_tss_rw", 0x6000}};
    symbols.insert(symbols.end(),
                   {{"T_text", kernel_text}, {"T_stext", kernel_text}, {"Tdo_syscall_64", kernel_text + 0x123}});
    for (unsigned i = 0; i < 700; ++i) symbols.emplace_back(fmt::format("tdo_{}", i), kernel_text + 0x1000 + 16 * i);
    symbols.emplace_back("B" + std::string(300, 'x'), kernel_text + 0x1234567);
    return symbols;
}

class Kallsyms : public testing::TestWithParam<Layout> {
  protected:
    [[nodiscard]] static std::vector<KernelSymbol> read(const std::string& segment) {
        return read_kallsyms(bytes_of(segment), vm::Virtual{kernel_text});
    }
};

TEST_P(Kallsyms, AreDecodedToTheLastSymbol) {
    const auto symbols = symbols_of(GetParam());
    const auto found = read(kallsyms(symbols, GetParam()));
    ASSERT_EQ(found.size(), symbols.size());
    for (std::size_t i = 0; i < found.size(); ++i) {
        EXPECT_EQ(found[i].type + found[i].name, symbols[i].first);
        EXPECT_EQ(number(found[i].address), symbols[i].second) << found[i].name;
    }
}

TEST_P(Kallsyms, AreRefusedIfAnyPartDisagrees) {
    const auto good = kallsyms(symbols_of(GetParam()), GetParam());
    // A name, a marker and a token, each found by its content.
    const auto name = good.find("T_text"), token = good.find(std::string("a\0b\0c\0", 6));
    ASSERT_NE(name, std::string::npos);
    ASSERT_NE(token, std::string::npos);
    for (const auto at : {name - 1, token + 1}) {
        auto bad = good;
        bad[at] = static_cast<char>(bad[at] + 1);
        EXPECT_THAT(read(bad), testing::IsEmpty()) << at;
    }
}

TEST_P(Kallsyms, AreNotThereIfTheSegmentIsCutOff) {
    const auto good = kallsyms(symbols_of(GetParam()), GetParam());
    for (std::size_t size = 0; size < good.size() - 4096 - 16; size += 509) {
        EXPECT_THAT(read(good.substr(0, size)), testing::IsEmpty()) << size;
    }
}

std::string name_of(const testing::TestParamInfo<Layout>& info) {
    constexpr std::array names{"Linux5_10", "Linux6_4", "Linux6_15", "Linux7_2"};
    return names.at(static_cast<std::size_t>(info.param));
}

INSTANTIATE_TEST_SUITE_P(Of, Kallsyms,
                         testing::Values(Layout::linux_5_10, Layout::linux_6_4, Layout::linux_6_15, Layout::linux_7_2),
                         name_of);

}  // namespace
}  // namespace gatecrash::kernel
