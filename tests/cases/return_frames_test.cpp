// Tests that user code cannot distinguish SYSRET from IRET. Returns through random frames, once by the SYSCALL exit of
// the reference entry, and once by IRET. Then the test leaves out each condition of the exit once, and must find a
// difference.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <random>
#include <span>
#include <sstream>
#include <string>
#include <vector>

#include "qualify/measurements.hpp"
#include "qualify/qualify.hpp"
#include "support/kvm_system.hpp"
#include "support/test_guest.hpp"
#include "sweep/window.hpp"
#include "vm/boot/guest_code.hpp"
#include "vm/guest.hpp"
#include "vm/run_patiently.hpp"
#include "vm/stepping/stepper.hpp"

namespace gatecrash::cases {
namespace {

using vm::Guest;
using vm::Virtual;

constexpr std::uint64_t non_canonical = std::uint64_t{1} << 47, kernel_address = ~std::uint64_t{0xfff},
                        unmapped = 0x10000;
constexpr std::uint64_t rflags_df = 0x400, rflags_nt = 0x4000, rflags_ac = 0x40000, rflags_arithmetic = 0x8d5,
                        rflags_fixed = 2;
constexpr std::uint64_t espfix_bits = 0xffff0000;
constexpr std::size_t code_size = 256;
constexpr std::size_t gprs = 15;  // all but RSP, at the start of abi::Frame

/// Generates frames that SYSCALL built and a debugger, or a return from a signal, edited, and the user code that they
/// return to. The output is deterministic for a seed.
class Generator {
  public:
    explicit Generator(std::uint64_t seed) : random_(seed) {}

    /// Returns a frame in which each field, by itself, fits SYSRET three times out of four.
    abi::Frame frame(Virtual code) {
        abi::Frame frame{};
        std::array<std::uint64_t, gprs> registers{};
        for (auto& value : registers) value = random_();
        std::memcpy(&frame, registers.data(), sizeof registers);
        frame.rip = usually() ? number(code) + one_of({0, 0, 0, code_size})
                              : one_of({non_canonical, kernel_address, unmapped, 0});
        frame.cs = usually() ? GATECRASH_USER_CS
                             : one_of({GATECRASH_LDT_CODE, GATECRASH_USER32_CS, GATECRASH_LDT_CODE_ABSENT, null});
        frame.ss = usually() ? GATECRASH_USER_SS
                             : one_of({GATECRASH_LDT_DATA, GATECRASH_LDT_DATA16, GATECRASH_LDT_DATA_ABSENT, null});
        frame.rsp = usually() ? GATECRASH_USER_STACK + GATECRASH_STACK_SIZE / 2 : random_();
        // The reference has a view of the espfix stack for only one value of these bits.
        if (frame.ss == GATECRASH_LDT_DATA16)
            frame.rsp = (frame.rsp & ~espfix_bits) | (GATECRASH_USER_STACK & espfix_bits);
        frame.rflags = rflags_fixed | vm::rflags_if | (random_() & rflags_arithmetic);
        if (!usually()) frame.rflags |= random_() & (vm::rflags_rf | vm::rflags_tf);
        if (!usually()) frame.rflags |= random_() & (rflags_df | rflags_nt | rflags_ac);
        if (usually()) frame.rcx = frame.rip;
        if (usually()) frame.r11 = frame.rflags;
        return frame;
    }

    /// Returns up to seven instructions that mix flags, selectors and all registers but RSP, and then jump to the end
    /// of `code_size` bytes.
    std::vector<std::byte> code() {
        vm::Code c(code_size);
        for (auto left = random_() % 8; left > 0; --left) add_instruction(c);
        constexpr std::size_t jump_length = 5;
        c.db(0xe9);
        c.dd(static_cast<std::uint32_t>(code_size - c.getSize() - (jump_length - 1)));
        const auto bytes = std::as_bytes(std::span(c.getCode(), c.getSize()));
        return {bytes.begin(), bytes.end()};
    }

  private:
    static constexpr std::uint64_t null = 3;

    bool usually() { return random_() % 4 != 0; }
    std::uint64_t one_of(std::initializer_list<std::uint64_t> values) {
        return values.begin()[random_() % values.size()];
    }

    void add_instruction(vm::Code& c) {
        const auto reg = [&] {
            const auto index = static_cast<int>(random_() % gprs);
            return Xbyak::Reg64(index + (index >= Xbyak::Operand::RSP ? 1 : 0));
        };
        const auto a = reg(), b = reg();
        switch (random_() % 7) {
            case 0:
                return c.add(a, b);
            case 1:
                return c.xor_(a, b);
            case 2:
                return c.adc(a, b);
            case 3:
                return c.rcl(a, 7);
            case 4:
                return c.mov(a, b);
            case 5:
                return c.mov(a.cvt32(), c.ss);
            default:
                c.pushfq();
                return c.pop(a);
        }
    }

    std::mt19937_64 random_;
};

/// The effects of a return that user code, or a reader of the log, can notice.
struct Return {
    vm::Outcome outcome;
    kvm_regs regs{};
    kvm_sregs sregs{};
    std::vector<std::byte> log, stack;
};

/// Describes how two returns differ; empty if they do not.
std::string difference(const Return& a, const Return& b) {
    std::ostringstream out;
    out << std::hex;
    if (!(a.outcome == b.outcome)) out << " the end";
    if (std::memcmp(&a.regs, &b.regs, sizeof a.regs) != 0)
        out << " registers (RIP " << a.regs.rip << ' ' << b.regs.rip << ')';
    if (std::memcmp(&a.sregs, &b.sregs, sizeof a.sregs) != 0) out << " special registers";
    if (a.log != b.log) out << " the log, from byte " << std::ranges::mismatch(a.log, b.log).in1 - a.log.begin();
    if (a.stack != b.stack) out << " the stack";
    return out.str();
}

/// A guest that has reached the end of its system call.
class ReturningCode {
  public:
    explicit ReturningCode(const std::string& name) : guest_(kvm_system(), test_guest("return-frames/" + name)) {
        EXPECT_EQ(vm::run_patiently(guest_), vm::Outcome{vm::Doorbell{GATECRASH_PORT_BEGIN}});
        const auto stepper = vm::make_trap_flag_stepper(guest_);
        stepper->enter();
        while (guest_.rip() != symbol("syscall_exit")) {
            if (stepper->step().end) throw std::logic_error("never reaches syscall_exit\n" + guest_.dump());
        }
        stepper->leave();
        at_exit_ = guest_.snapshot();
    }

    [[nodiscard]] Virtual code() const { return symbol("generated_code"); }
    void write_code(std::span<const std::byte> bytes) { write(code(), bytes); }

    Return by_exit(const abi::Frame& frame) { return go(frame, symbol("syscall_exit")); }
    Return by_iret(const abi::Frame& frame) { return go(frame, symbol("return_to_user")); }

  private:
    [[nodiscard]] Virtual symbol(const std::string& name) const { return guest_.image().symbols.find(name).value(); }

    void write(Virtual to, std::span<const std::byte> bytes) {
        if (!guest_.memory().write(to, bytes)) throw std::logic_error("not mapped");
    }

    std::vector<std::byte> read(Virtual from, std::size_t size) {
        std::vector<std::byte> bytes(size);
        if (!guest_.memory().read(from, bytes)) throw std::logic_error("not mapped");
        return bytes;
    }

    Return go(const abi::Frame& frame, Virtual from) {
        guest_.restore(at_exit_);
        auto regs = guest_.cpu().regs();
        write(Virtual{regs.rsp}, std::as_bytes(std::span(&frame, 1)));
        regs.rip = number(from);
        guest_.cpu().set_regs(regs);
        Return result{vm::run_patiently(guest_), {}, {}, {}, {}};
        result.regs = guest_.cpu().regs();
        result.sregs = guest_.cpu().sregs();
        result.log = read(Virtual{guest_.image().descriptor.log}, sizeof(abi::Log));
        result.stack = read(Virtual{GATECRASH_USER_STACK}, GATECRASH_STACK_SIZE);
        return result;
    }

    Guest guest_;
    vm::Snapshot at_exit_;
};

std::string describe(const abi::Frame& f) {
    std::ostringstream out;
    out << std::hex << "rip " << f.rip << " cs " << f.cs << " rflags " << f.rflags << " rsp " << f.rsp << " ss " << f.ss
        << " rcx " << f.rcx << " r11 " << f.r11;
    return out.str();
}

/// A frame for which the exit and an IRET differ.
struct Told {
    std::size_t frames;  ///< the number of frames up to this one
    abi::Frame frame;
    std::string by;
};

std::optional<Told> first_told(const std::string& guest_name, std::size_t frames) {
    constexpr std::uint64_t seed = 20150324;
    ReturningCode guest(guest_name);
    Generator generator(seed);
    for (std::size_t i = 1; i <= frames; ++i) {
        const auto frame = generator.frame(guest.code());
        guest.write_code(generator.code());
        // The first use of a page causes an exit, which moves the trap of TF on some machines (behaviour tf-over-exit).
        // So this first run touches all pages.
        if ((frame.rflags & vm::rflags_tf) != 0) (void)guest.by_iret(frame);
        const auto by_iret = guest.by_iret(frame);
        EXPECT_EQ(by_iret.outcome, vm::Outcome{vm::Doorbell{GATECRASH_PORT_END}}) << describe(frame);
        if (auto by = difference(guest.by_exit(frame), by_iret); !by.empty()) return Told{i, frame, std::move(by)};
    }
    return std::nullopt;
}

TEST(ReturnFrames, OfTheReferenceLookLikeThoseOfIret) {
    const auto told = first_told("reference", 4000);
    EXPECT_FALSE(told) << "by frame " << told->frames << ": " << describe(told->frame) << ", by" << told->by;
}

/// A guest that lacks a condition, and a predicate for frames that need the condition.
struct Missed {
    const char* guest;
    bool (*needs)(const abi::Frame&);
    std::optional<vm::Behaviour> behaviour{};  ///< a machine without it shows no difference
};

void PrintTo(const Missed& missed, std::ostream* out) { *out << missed.guest; }

class MissedConditions : public testing::TestWithParam<Missed> {};

TEST_P(MissedConditions, AreFoundWithinTwoHundredFrames) {
    const auto behaviour = GetParam().behaviour;
    const auto told = first_told(GetParam().guest, 200);
    ASSERT_EQ(told.has_value(), !behaviour || qualify::measure(kvm_system(), *behaviour).ok);
    if (!told) return;
    EXPECT_TRUE(GetParam().needs(told->frame)) << describe(told->frame);
    RecordProperty("frames", static_cast<int>(told->frames));
}

/// AMD's SYSRET accepts any RIP, and the fault after it is the user's, like the fault that the fixup of an IRET
/// reports.
TEST(ReturnFrames, ThatAreNotCanonicalDifferWhereSysretFaultsOnThem) {
    qualify::Bench bench(kvm_system());
    const qualify::Answer fault_of_kernel{
        qualify::Delivery{GATECRASH_VECTOR_GP, at(qualify::Mark::sysret), {.cpl = 0}}};
    const bool is_fault_of_kernel = qualify::sysret_non_canonical(bench) == fault_of_kernel;
    const auto told = first_told("any-rip", 200);
    ASSERT_EQ(told.has_value(), is_fault_of_kernel);
    if (told) {
        EXPECT_EQ(told->frame.rip, non_canonical);
    }
}

INSTANTIATE_TEST_SUITE_P(
    Of, MissedConditions,
    testing::Values(Missed{"any-rcx", [](const abi::Frame& f) { return f.rcx != f.rip; }},
                    Missed{"any-r11", [](const abi::Frame& f) { return f.r11 != f.rflags; }},
                    Missed{"with-rf", [](const abi::Frame& f) { return (f.rflags & vm::rflags_rf) != 0; }},
                    Missed{"with-tf", [](const abi::Frame& f) { return (f.rflags & vm::rflags_tf) != 0; },
                           vm::Behaviour::tf_over_sysret},
                    Missed{"any-cs", [](const abi::Frame& f) { return f.cs != GATECRASH_USER_CS; }},
                    Missed{"any-ss", [](const abi::Frame& f) { return f.ss != GATECRASH_USER_SS; }}),
    [](const auto& info) {
        std::string name = info.param.guest;
        std::erase(name, '-');
        return name;
    });

}  // namespace
}  // namespace gatecrash::cases
