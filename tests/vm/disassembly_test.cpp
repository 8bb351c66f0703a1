#include "vm/disassembly.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace gatecrash::vm {
namespace {

constexpr Virtual code_address{0xffffffff80010000};

std::string text(std::vector<int> values, Syntax syntax, const NameAddress& name = {}) {
    std::vector<std::byte> code;
    for (const int value : values) code.push_back(static_cast<std::byte>(value));
    return disassemble(code, code_address, CodeSize::bits64, syntax, name);
}

TEST(Disassembly, HasTwoSyntaxes) {
    const std::vector load{0x48, 0x8b, 0x44, 0x24, 0x10};  // MOV RAX, [RSP+0x10]
    EXPECT_EQ(text(load, Syntax::intel), "mov rax, [rsp+0x10]");
    EXPECT_EQ(text(load, Syntax::att), "mov 0x10(%rsp), %rax");
    const std::vector immediate{0xb9, 0x01, 0x01, 0x00, 0xc0};  // MOV ECX, 0xc0000101
    EXPECT_EQ(text(immediate, Syntax::intel), "mov ecx, 0xc0000101");
    EXPECT_EQ(text(immediate, Syntax::att), "mov $0xc0000101, %ecx");
    EXPECT_EQ(text({0x06}, Syntax::att), "(bad)");
}

TEST(Disassembly, NamesAddresses) {
    const NameAddress name = [](const NamedAddress& at) {
        return std::string(at.is_per_cpu                                        ? "per_cpu"
                           : at.address == Virtual{number(code_address) + 0x12} ? "target"
                                                                                : "");
    };
    EXPECT_EQ(text({0xeb, 0x10}, Syntax::intel, name), "jmp target");
    EXPECT_EQ(text({0xe8, 0x0d, 0, 0, 0}, Syntax::att, name), "call target");
    EXPECT_EQ(text({0x48, 0x8b, 0x05, 0x0b, 0, 0, 0}, Syntax::intel, name), "mov rax, [target]") << "RIP-relative";
    EXPECT_EQ(text({0x65, 0x48, 0x8b, 0x24, 0x25, 0x10, 0, 0, 0}, Syntax::intel, name), "mov rsp, gs:[per_cpu]");
    EXPECT_EQ(text({0x65, 0x48, 0x8b, 0x24, 0x25, 0x10, 0, 0, 0}, Syntax::att, name), "mov %gs:per_cpu, %rsp");
}

TEST(Disassembly, HasTheNumberOfAnAddressWithoutAName) {
    const NameAddress none = [](const NamedAddress&) { return std::string(); };
    EXPECT_EQ(text({0xeb, 0x10}, Syntax::intel, none), "jmp 0xffffffff80010012");
    EXPECT_EQ(text({0xeb, 0x10}, Syntax::att), "jmp 0xffffffff80010012");
}

}  // namespace
}  // namespace gatecrash::vm
