#include "kernel/saved_kernel.hpp"

#include <gmock/gmock.h>

#include <cstring>

namespace gatecrash::kernel {
namespace {

using testing::HasSubstr;

SavedKernel example() {
    SavedKernel kernel;
    kernel.head.version = "6.1.0";
    kernel.head.workloads = {{"getpid", "the system call getpid()"}, {"bp", "INT3"}};
    auto& facts = kernel.head.facts;
    facts.entry_text = {vm::Virtual{0x1000}, vm::Virtual{0x2000}};
    facts.without_breakpoints = {facts.entry_text, {vm::Virtual{0x5000}, vm::Virtual{0x5100}}};
    facts.catchers = vm::Virtual{0x2000};
    facts.failures = {{vm::Virtual{0x7000}, "panic"}};
    facts.per_cpu_offset = vm::Virtual{0x8000};
    facts.nmi_count = vm::Virtual{0x14};
    facts.task_stack = vm::Virtual{0x18};
    facts.irq_stack = vm::Virtual{0x20};
    facts.log = {{vm::Virtual{0x9000}, vm::Virtual{0xa000}}, vm::Virtual{0xb000}, {0, 8, 24}};
    facts.nmi_code = "nmi_handle";
    kernel.symbols = {{'T', "panic", vm::Virtual{0x7000}}, {'d', "irq_stat", vm::Virtual{0x10}}};
    kernel.cpuid.resize(2);
    kernel.cpuid[1].function = 7;
    kernel.cpu.regs.rip = 0x401000;
    kernel.devices.local_apic.regs[0x20] = 1;
    kernel.memory.resize(8 * vm::page_size);
    kernel.memory[3 * vm::page_size + 5] = std::byte{0x5a};
    return kernel;
}

TEST(SavedKernel, IsReadAsItWasWritten) {
    const auto kernel = example();
    const auto read = read_saved_kernel(to_file(kernel));
    EXPECT_EQ(read.head.version, kernel.head.version);
    EXPECT_EQ(read.head.workloads, kernel.head.workloads);
    EXPECT_EQ(read.head.facts, kernel.head.facts);
    ASSERT_EQ(read.symbols.size(), 2U);
    EXPECT_EQ(read.symbols[1].name, "irq_stat");
    EXPECT_EQ(read.symbols[1].type, 'd');
    ASSERT_EQ(read.cpuid.size(), 2U);
    EXPECT_EQ(read.cpuid[1].function, 7U);
    EXPECT_EQ(read.cpu.regs.rip, 0x401000U);
    EXPECT_EQ(read.devices.local_apic.regs[0x20], 1);
    EXPECT_EQ(read.memory, kernel.memory);
}

TEST(SavedKernel, HasAHeadThatCanBeReadAlone) {
    const auto head = read_head(to_file(example()));
    EXPECT_EQ(head.workloads.size(), 2U);
    EXPECT_EQ(head.facts.nmi_code, "nmi_handle");
}

TEST(SavedKernel, ThatIsCutOffIsRefused) {
    const auto file = to_file(example());
    for (const std::size_t size :
         {std::size_t{0}, std::size_t{10}, std::size_t{40}, file.size() / 2, file.size() - 1}) {
        try {
            (void)read_saved_kernel(std::string_view(file).substr(0, size));
            ADD_FAILURE() << size << " bytes are accepted";
        } catch (const ImageError& error) {
            EXPECT_THAT(error.what(), HasSubstr("cannot be read"));
            EXPECT_THAT(error.what(), HasSubstr("Delete it"));
        }
    }
}

TEST(SavedKernel, OfAnotherVersionIsRefused) {
    auto file = to_file(example());
    file[17] = '0';
    EXPECT_THROW((void)read_head(file), ImageError);
}

}  // namespace
}  // namespace gatecrash::kernel
