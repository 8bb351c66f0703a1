#include "kernel/saved_kernel.hpp"

#include <gmock/gmock.h>
#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <vector>

#include "posix/file.hpp"

namespace gatecrash::kernel {
namespace {

namespace fs = std::filesystem;
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
    const auto memory = std::make_shared<std::vector<std::byte>>(8 * vm::page_size);
    memory->at(3 * vm::page_size + 5) = std::byte{0x5a};
    kernel.memory = *memory;
    kernel.owner = memory;
    return kernel;
}

class SavedKernelFile : public testing::Test {
  protected:
    SavedKernelFile() { write_kernel(kernel_, file_); }
    void TearDown() override { fs::remove_all(folder_); }

    void expect_refused() const {
        try {
            const KernelFile file(file_);
            ADD_FAILURE() << "the file is accepted";
        } catch (const ImageError& error) {
            EXPECT_THAT(error.what(), HasSubstr("cannot be read"));
            EXPECT_THAT(error.what(), HasSubstr("Delete it"));
        }
    }

    std::string template_ = testing::TempDir() + "/saved-XXXXXX";
    fs::path folder_ = ::mkdtemp(template_.data());
    fs::path file_ = folder_ / "kernel";
    SavedKernel kernel_ = example();
};

TEST_F(SavedKernelFile, IsReadAsItWasWritten) {
    const KernelFile read(file_);
    EXPECT_EQ(read.head().version, kernel_.head.version);
    EXPECT_EQ(read.head().workloads, kernel_.head.workloads);
    EXPECT_EQ(read.head().facts, kernel_.head.facts);
    const auto symbols = read.symbols();
    ASSERT_EQ(symbols.size(), 2U);
    EXPECT_EQ(symbols[1].name, "irq_stat");
    EXPECT_EQ(symbols[1].type, 'd');
    ASSERT_EQ(read.cpuid().size(), 2U);
    EXPECT_EQ(read.cpuid()[1].function, 7U);
    EXPECT_EQ(read.cpu().regs.rip, 0x401000U);
    EXPECT_EQ(read.devices().local_apic.regs[0x20], 1);
    EXPECT_TRUE(std::ranges::equal(read.map_memory().bytes(), kernel_.memory));
}

TEST_F(SavedKernelFile, MapsMemoryThatKeepsItsWritesToItself) {
    const KernelFile read(file_);
    const auto memory = read.map_memory(), other = read.map_memory();
    memory.data()[7] = std::byte{1};
    EXPECT_EQ(other.data()[7], std::byte{0});
    EXPECT_TRUE(std::ranges::equal(KernelFile(file_).map_memory().bytes(), kernel_.memory));
}

TEST_F(SavedKernelFile, ThatIsCutOffIsRefused) {
    const auto size = fs::file_size(file_);
    for (const auto part : {size - 1, size - vm::page_size, size / 2, std::uintmax_t{40}, std::uintmax_t{0}}) {
        SCOPED_TRACE(part);
        fs::resize_file(file_, part);
        expect_refused();
    }
    fs::remove(file_);
    expect_refused();
}

TEST_F(SavedKernelFile, OfAnotherVersionIsRefused) {
    auto content = posix::read_file(file_);
    content[17] = '0';
    posix::write_file(file_, content);
    expect_refused();
}

}  // namespace
}  // namespace gatecrash::kernel
