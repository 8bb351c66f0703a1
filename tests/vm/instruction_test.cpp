#include "vm/disassembly.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace gatecrash::vm {
namespace {

constexpr Virtual here{0xffffffff80010000};

std::vector<std::byte> bytes(std::initializer_list<int> values) {
    std::vector<std::byte> result;
    for (const int value : values) result.push_back(static_cast<std::byte>(value));
    return result;
}

TEST(Instruction, HasAKindAndALength) {
    struct {
        std::vector<std::byte> code;
        Kind kind;
        int length;
    } const table[]{
        {bytes({0x90}), Kind::other, 1},
        {bytes({0x9c}), Kind::push_flags, 1},
        {bytes({0x66, 0x9c}), Kind::push_flags, 2},
        {bytes({0x9d}), Kind::pop_flags, 1},
        {bytes({0x0f, 0x05}), Kind::syscall, 2},
        {bytes({0x48, 0x0f, 0x07}), Kind::sysret, 3},
        {bytes({0x48, 0xcf}), Kind::iret, 2},
        {bytes({0xcf}), Kind::iret, 1},
        {bytes({0xfb}), Kind::set_interrupts, 1},
        {bytes({0x8e, 0xd0}), Kind::load_ss, 2},
        {bytes({0x8e, 0xd8}), Kind::other, 2},  // MOV DS
        {bytes({0xf4}), Kind::halt, 1},
        {bytes({0xf3, 0xa4}), Kind::repeated_string, 2},
        {bytes({0xf3, 0x6c}), Kind::other, 2},  // REP INSB
        {bytes({0xeb, 0xfe}), Kind::branch_to_self, 2},
        {bytes({0xe2, 0xfe}), Kind::branch_to_self, 2},  // LOOP
    };
    for (const auto& row : table) {
        const auto instruction = decode(row.code, here);
        ASSERT_TRUE(instruction) << disassemble(row.code, here);
        EXPECT_EQ(instruction->kind, row.kind) << disassemble(row.code, here);
        EXPECT_EQ(instruction->length, row.length) << disassemble(row.code, here);
    }
}

/// decode() must announce every change, or snapshots would miss it.
TEST(Instruction, SaysWhatItMayChange) {
    struct {
        std::vector<std::byte> code;
        bool memory, msrs, debug_registers;
    } const table[]{
        {bytes({0x90}), false, false, false},                    // NOP
        {bytes({0x48, 0x01, 0xd8}), false, false, false},        // ADD RAX, RBX
        {bytes({0x48, 0x8b, 0x03}), false, false, false},        // MOV RAX, [RBX]
        {bytes({0x5f}), false, false, false},                    // POP RDI
        {bytes({0x0f, 0xba, 0xe0, 0x05}), false, false, false},  // BT EAX, 5
        {bytes({0x74, 0x10}), false, false, false},              // JE
        {bytes({0x48, 0x89, 0x03}), true, false, false},         // MOV [RBX], RAX
        {bytes({0x48, 0xff, 0x03}), true, false, false},         // INC [RBX]
        {bytes({0x48, 0x87, 0x03}), true, false, false},         // XCHG [RBX], RAX
        {bytes({0x0f, 0xab, 0x03}), true, false, false},         // BTS [RBX], EAX
        {bytes({0x8f, 0x03}), true, false, false},               // POP [RBX]
        {bytes({0x57}), true, false, false},                     // PUSH RDI
        {bytes({0x9c}), true, false, false},                     // PUSHFQ
        {bytes({0xe8, 0, 0, 0, 0}), true, false, false},         // CALL
        {bytes({0xf3, 0xab}), true, false, false},               // REP STOSD
        {bytes({0xcd, 0x80}), true, false, false},               // INT writes a frame
        {bytes({0x0f, 0x0b}), true, false, false},               // UD2 writes a frame
        {bytes({0x48, 0xff, 0x2b}), true, false, false},         // JMP FAR [RBX]
        {bytes({0x48, 0xcf}), true, false, false},               // IRETQ sets accessed bits
        {bytes({0x8e, 0xd8}), true, false, false},               // MOV DS sets the accessed bit
        {bytes({0x0f, 0x01, 0xf8}), true, true, false},          // SWAPGS
        {bytes({0x0f, 0x30}), true, true, false},                // WRMSR
        {bytes({0x0f, 0x23, 0xf8}), false, false, true},         // MOV DR7, RAX
        {bytes({0x0f, 0x21, 0xf0}), false, false, false},        // MOV RAX, DR6
    };
    for (const auto& row : table) {
        const auto instruction = decode(row.code, here);
        ASSERT_TRUE(instruction) << disassemble(row.code, here);
        EXPECT_EQ(instruction->writes_memory, row.memory) << disassemble(row.code, here);
        EXPECT_EQ(instruction->changes_msrs, row.msrs) << disassemble(row.code, here);
        EXPECT_EQ(instruction->changes_debug_registers, row.debug_registers) << disassemble(row.code, here);
    }
}

TEST(Instruction, KnowsTheTargetOfADirectBranch) {
    const auto jump = decode(bytes({0xeb, 0x10}), here);
    ASSERT_TRUE(jump);
    EXPECT_EQ(jump->target, Virtual{number(here) + 0x12});
    EXPECT_FALSE(decode(bytes({0xc3}), here)->target);
}

TEST(Instruction, DiffersInCompatibilityMode) {
    struct {
        std::vector<std::byte> code;
        CodeSize size;
        const char* text;
        Kind kind;
    } const table[]{
        {bytes({0x41, 0x9c}), CodeSize::bits64, "pushfq", Kind::push_flags},  // 0x41 is REX here, and INC in other code
        {bytes({0x41, 0x9c}), CodeSize::bits32, "inc ecx", Kind::other},
        {bytes({0x41, 0x9c}), CodeSize::bits16, "inc cx", Kind::other},
        {bytes({0x06}), CodeSize::bits32, "push es", Kind::other},
        {bytes({0x0f, 0x05}), CodeSize::bits32, "syscall", Kind::syscall},
        {bytes({0xe8, 1, 2, 3, 4}), CodeSize::bits16, "call 0x315", Kind::other},
    };
    constexpr Virtual low{0x111};
    for (const auto& row : table) {
        const auto instruction = decode(row.code, low, row.size);
        ASSERT_TRUE(instruction) << row.text;
        EXPECT_EQ(disassemble(row.code, low, row.size).substr(0, std::string(row.text).size()), row.text);
        EXPECT_EQ(instruction->kind, row.kind) << row.text;
    }
    EXPECT_EQ(decode(bytes({0x41, 0x9c}), low, CodeSize::bits32)->length, 1);
}

TEST(Instruction, KnowsWhatTheCodeSegmentSays) {
    kvm_segment cs{};
    EXPECT_EQ(code_size(cs), CodeSize::bits16);
    cs.db = 1;
    EXPECT_EQ(code_size(cs), CodeSize::bits32);
    cs.l = 1;
    EXPECT_EQ(code_size(cs), CodeSize::bits64);
}

TEST(Instruction, RefusesInvalidBytes) {
    EXPECT_FALSE(decode(bytes({0x06}), here));  // PUSH ES does not exist in 64-bit mode
    EXPECT_FALSE(decode({}, here));
    EXPECT_EQ(disassemble(bytes({0x06}), here), "(bad)");
    EXPECT_EQ(disassemble(bytes({0x48, 0xcf}), here), "iretq");
}

}  // namespace
}  // namespace gatecrash::vm
