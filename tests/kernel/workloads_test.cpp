// Executes the workloads of the init program at /linux-init, in the kernel at /kernel.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "gatecrash/workload.h"
#include "kernel/boot_files.hpp"
#include "kernel/kernel_guest.hpp"
#include "kernel/symbols.hpp"
#include "support/kvm_system.hpp"
#include "vm/vendor.hpp"

namespace gatecrash::kernel {
namespace {

constexpr unsigned seconds = 300;  // enough for a boot on a very busy host

bool is_begin(int port) {
    return port == GATECRASH_DOORBELL_BEGIN || port == GATECRASH_DOORBELL_BEGIN_IRQ ||
           port == GATECRASH_DOORBELL_BEGIN_NMI;
}

/// Has a kernel whose init program waits for a workload.
class Workloads : public testing::Test {
  protected:
    Workloads() : guest_(kvm_system(), image_, {command_line, initramfs("/linux-init")}, memory_size) {
        EXPECT_EQ(run_on(), GATECRASH_DOORBELL_OPEN);
        auto regs = guest_.cpu().regs();
        constexpr std::uint64_t io_privilege_level_3 = 3 << 12;
        regs.rflags |= io_privilege_level_3;
        guest_.cpu().set_regs(regs);
        EXPECT_EQ(run_on(), GATECRASH_DOORBELL_NEXT);
        next_ = guest_.save();
        auto devices = *next_.devices;
        silence_interrupts(devices);
        next_.devices = std::make_shared<DeviceState>(devices);
        guest_.restore(next_);
        for (std::uint64_t i = 0; i < next_.cpu.regs.rcx; ++i) {
            const auto row = next_.cpu.regs.rbx + i * sizeof(gatecrash_workload);
            names_.push_back(string_at(guest_.word_at(vm::Virtual{row}).value_or(0)));
        }
    }

    int run_on() { return guest_.run_to_doorbell(seconds); }

    std::string string_at(std::uint64_t address) {
        std::array<char, 200> text{};
        guest_.read(vm::Virtual{address}, std::as_writable_bytes(std::span(text).first(text.size() - 1)));
        return text.data();
    }

    /// Runs from the doorbell NEXT to the beginning of a workload's window, and returns the doorbell that it rang.
    int begin(std::size_t workload) {
        auto regs = guest_.cpu().regs();
        regs.rax = workload;
        guest_.cpu().set_regs(regs);
        const auto port = run_on();
        if (port == GATECRASH_DOORBELL_BEGIN_IRQ) raise_interrupt();
        if (port == GATECRASH_DOORBELL_BEGIN_NMI) guest_.cpu().nmi();
        return port;
    }

    /// Raises the interrupt by which CPUs ask each other to reschedule.
    void raise_interrupt() {
        constexpr std::size_t irr = 0x200, vector = 0xfd;  // SDM volume 3, 11.4.1
        auto apic = guest_.cpu().local_apic();
        apic.regs[irr + vector / 32 * 16 + vector % 32 / 8] |= static_cast<char>(1 << vector % 8);
        guest_.cpu().set_local_apic(apic);
    }

    /// Runs to the end of the window. Returns false if the kernel gets to `stop` before.
    bool ends_before(vm::Virtual stop) {
        constexpr std::uint64_t length = 2, out = 0xf4e7;  // outl %eax, $0xf4
        constexpr std::uint16_t out_port = 0xf4;
        constexpr std::uint64_t mask = (std::uint64_t{1} << 8 * length) - 1;
        const auto original = guest_.word_at(stop).value();
        guest_.write(stop, (original & ~mask) | out);
        bool has_stopped = false, has_ended = false;
        while (!has_stopped && !has_ended) {
            const auto exit = guest_.run_once();
            const auto* const io = std::get_if<kvm::IoExit>(&exit);
            has_stopped = io != nullptr && io->is_out && io->port == out_port;
            if (has_stopped) guest_.cpu().complete_exit();
            const auto end = guest_.stop_of(exit);
            has_ended = end && *end != Stop{StillRuns{}};  // the host may be busy
            if (has_ended && *end != Stop{Rang{GATECRASH_DOORBELL_END}}) ADD_FAILURE() << describe(*end);
        }
        guest_.write(stop, original);
        return has_ended;
    }

    /// Returns the address of the first of these names that the kernel has.
    vm::Virtual find(const std::vector<std::string>& names) {
        for (const auto& name : names)
            if (const auto found = symbols_.find(name)) return *found;
        ADD_FAILURE() << "the kernel has none of " << testing::PrintToString(names);
        return {};
    }

    BootImage image_ = kernel_image();
    vm::SymbolTable symbols_ = symbol_table(own_symbols(image_));
    KernelGuest guest_;
    KernelState next_;  ///< at the doorbell NEXT
    std::vector<std::string> names_;
};

TEST_F(Workloads, ExecuteAnyNumberOfTimes) {
    EXPECT_GE(names_.size(), 20U);
    std::set<std::string> skipped;
    for (const auto* const round : {"first", "second", "third"}) {
        for (std::size_t i = 0; i < names_.size(); ++i) {
            SCOPED_TRACE(fmt::format("{}, {} time", names_[i], round));
            const auto port = begin(i);
            if (port == GATECRASH_DOORBELL_SKIP) {
                skipped.insert(names_[i]);
                EXPECT_THAT(string_at(guest_.cpu().regs().rbx), testing::HasSubstr("it needs"));
                guest_.restore(next_);
                continue;
            }
            ASSERT_TRUE(is_begin(port)) << port;
            ASSERT_EQ(run_on(), GATECRASH_DOORBELL_END);
            const auto alive = run_on();
            ASSERT_EQ(alive, GATECRASH_DOORBELL_ALIVE) << string_at(guest_.cpu().regs().rbx);
            ASSERT_EQ(run_on(), GATECRASH_DOORBELL_NEXT);
        }
    }
    // A CPU has one of the first two in 32-bit code. The last one depends on how the kernel was configured.
    const auto either = testing::Conditional(vm::cpu_vendor() == vm::Vendor::amd, testing::Contains("sysenter"),
                                             testing::Contains("syscall32"));
    EXPECT_THAT(skipped, either);
    skipped.erase("espfix");
    EXPECT_EQ(skipped.size(), 1U) << testing::PrintToString(skipped);
}

TEST_F(Workloads, RunTheSameWayFromASavedState) {
    for (std::size_t i = 0; i < names_.size(); ++i) {
        SCOPED_TRACE(names_[i]);
        std::vector<KernelState> ends;
        while (ends.size() < 2) {
            guest_.restore(next_);
            if (begin(i) == GATECRASH_DOORBELL_SKIP) break;
            EXPECT_EQ(run_on(), GATECRASH_DOORBELL_END);
            ends.push_back(guest_.save());
        }
        if (ends.empty()) continue;
        EXPECT_TRUE(ends[0].cpu.same_as(ends[1].cpu));
        EXPECT_TRUE(same_pages(ends[0], ends[1]));
    }
}

/// Lists places of the kernel that a workload goes to. Where names have changed, a place has several.
struct Way {
    const char* workload;
    std::vector<std::vector<std::string>> places;
};
const std::vector<std::string> sysret{"entry_SYSRETQ_unsafe_stack"}, iret{"native_irq_return_iret"},
    page_fault{"asm_exc_page_fault"}, system_call{"entry_SYSCALL_64"}, signal_delivery{"arch_do_signal_or_restart"},
    signal_return{"__x64_sys_rt_sigreturn", "__do_sys_rt_sigreturn"};
const std::array ways{
    Way{"getpid", {system_call, sysret}},
    Way{"yield", {system_call, {"schedule"}, sysret}},
    Way{"exit-work", {system_call, {"task_work_run"}, sysret}},
    Way{"fault-in-kernel", {system_call, page_fault, {"handle_mm_fault"}, sysret}},
    Way{"efault", {system_call, page_fault, {"fixup_exception"}, sysret}},
    Way{"signal", {system_call, signal_delivery, iret, signal_return, sysret}},
    Way{"sigreturn", {system_call, signal_return, iret}},
    Way{"bad-iret", {signal_return, iret, {"fixup_bad_iret"}, {"asm_exc_general_protection"}, signal_delivery}},
    Way{"page-fault", {page_fault, {"handle_mm_fault"}, iret}},
    Way{"gp", {{"asm_exc_general_protection"}, signal_delivery, signal_return, iret}},
    Way{"bp", {{"asm_exc_int3"}, signal_delivery, signal_return, iret}},
    Way{"de", {{"asm_exc_divide_error"}, signal_delivery, signal_return, iret}},
    Way{"single-step", {{"asm_exc_debug"}, signal_delivery, signal_return, iret}},
    Way{"irq-user", {{"asm_sysvec_reschedule_ipi"}, iret}},
    Way{"nmi-user", {{"asm_exc_nmi"}}},
    Way{"int80", {{"asm_int80_emulation", "entry_INT80_compat"}, iret}},
    Way{"int80-32", {{"asm_int80_emulation", "entry_INT80_compat"}, iret}},
    Way{"sysenter", {{"entry_SYSENTER_compat"}, {"entry_SYSRETL_compat_unsafe_stack"}}},
    Way{"syscall32", {{"entry_SYSCALL_compat"}, {"entry_SYSRETL_compat_unsafe_stack"}}},
    Way{"espfix", {{"native_irq_return_ldt"}}},
};

TEST_F(Workloads, GoTheWayThatTheyAreAbout) {
    for (std::size_t i = 0; i < names_.size(); ++i) {
        const auto* const way = std::ranges::find(ways, names_[i], &Way::workload);
        ASSERT_NE(way, ways.end()) << names_[i];
        guest_.restore(next_);
        if (begin(i) == GATECRASH_DOORBELL_SKIP) continue;
        const auto window = guest_.save();
        for (const auto& names : way->places) {
            EXPECT_FALSE(ends_before(find(names))) << names_[i] << " does not get to " << names.front();
            guest_.restore(window);
        }
        const auto takes = [&](const auto& exit) { return std::ranges::find(way->places, exit) != way->places.end(); };
        for (const auto& either : {sysret, page_fault}) {
            EXPECT_EQ(ends_before(find(either)), !takes(either)) << names_[i] << ", " << either.front();
            guest_.restore(window);
        }
    }
}

}  // namespace
}  // namespace gatecrash::kernel
