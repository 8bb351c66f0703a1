#include "vm/quirks/nmi_sink.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <variant>

#include "gatecrash/abi.h"
#include "vm/outcome.hpp"
#include "vm/page.hpp"
#include "vm/quirks/tss_type.hpp"
#include "vm/state/registers.hpp"
#include "vm/vendor.hpp"

namespace gatecrash::vm::quirks {
namespace {

/// No guest has memory here: it is right below the pages that KVM itself uses (Vm::set_tss_address()). Its virtual
/// address is the same.
constexpr std::uint64_t base = 0xfffb8000;
constexpr std::uint32_t slot = 400;

constexpr std::uint64_t present = 1, writable = 2, accessed = 0x20, dirty = 0x40, large = 0x80;
constexpr std::uint16_t code_selector = 8, data_selector = 16;
constexpr std::uint64_t flat_code = 0x00af9b000000ffff, flat_data = 0x00cf93000000ffff;  // both accessed, DPL 0
constexpr std::size_t gate_offset = GATECRASH_VECTOR_NMI * std::size_t{16};

/// Code of the sink: an OUT that stops the CPU, and a handler that only returns.
constexpr std::array out_0{std::byte{0xe6}, std::byte{0}};
constexpr std::array iretq{std::byte{0x48}, std::byte{0xcf}};

}  // namespace

struct alignas(page_size) NmiSink::Memory {
    std::array<std::uint64_t, page_size / 8> level4{}, level3{}, level2{};
    std::array<std::uint64_t, 4> gdt{0, flat_code, flat_data, 0};
    std::array<std::uint16_t, (gate_offset + 16) / 2> idt{};
    std::array<std::byte, 16> stop{}, handler{};
    std::array<std::uint64_t, 64> stack{};

    Memory() {
        constexpr std::uint64_t flags = present | writable | accessed, index = 0x1ff;
        level4.front() = address(level3) | flags;
        level3.at(base >> 30 & index) = address(level2) | flags;
        level2.at(base >> 21 & index) = (base & ~std::uint64_t{0x1fffff}) | flags | dirty | large;
        const auto gate = std::span(idt).subspan(gate_offset / 2);
        gate[0] = static_cast<std::uint16_t>(address(handler));
        gate[1] = code_selector;
        gate[2] = 0x8e00;  // present, an interrupt gate without IST
        gate[3] = static_cast<std::uint16_t>(address(handler) >> 16);
        std::ranges::copy(out_0, stop.begin());
        std::ranges::copy(iretq, handler.begin());
    }

    /// Returns the guest's address of a member.
    [[nodiscard]] std::uint64_t address(const auto& member) const {
        return base + static_cast<std::uint64_t>(reinterpret_cast<const std::byte*>(&member) -
                                                 reinterpret_cast<const std::byte*>(this));
    }

    [[nodiscard]] kvm_sregs sregs(kvm_sregs now) const {
        kvm_segment flat{};
        flat.limit = 0xffffffff;
        flat.present = flat.s = flat.g = 1;
        now.cs = now.ss = flat;
        now.cs.selector = code_selector;
        now.cs.type = 11;  // execute/read, accessed
        now.cs.l = 1;
        now.ss.selector = data_selector;
        now.ss.type = 3;  // read/write, accessed
        now.ss.db = 1;
        now.ds = now.es = now.fs = now.gs = now.ss;
        now.ldt = {};
        now.ldt.unusable = 1;
        now.tr = {};
        now.tr.base = address(stack);
        now.tr.limit = 0x67;
        now.tr.type = tss_type(cpu_vendor());
        now.tr.present = 1;
        now.gdt.base = address(gdt);
        now.gdt.limit = sizeof gdt - 1;
        now.idt.base = address(idt);
        now.idt.limit = sizeof idt - 1;
        now.cr0 = cr0_pe | cr0_mp | cr0_et | cr0_ne | cr0_wp | cr0_pg;
        now.cr3 = address(level4);
        now.cr4 = cr4_pae;
        now.efer = efer_lme | efer_lma;
        return now;
    }
};

NmiSink::NmiSink() = default;
NmiSink::~NmiSink() = default;

void NmiSink::drain(kvm::Vm& vm, kvm::Vcpu& cpu) {
    if (cpu.events().nmi.pending == 0) return;
    auto events = cpu.events();
    events.exception = {};
    events.interrupt = {};
    events.nmi.injected = 0;
    events.nmi.pending = 0;
    events.flags |= KVM_VCPUEVENT_VALID_NMI_PENDING | KVM_VCPUEVENT_VALID_SHADOW;
    cpu.set_events(events);
    cpu.reread_events();
    if (cpu.events().nmi.pending != 0) take(vm, cpu);
}

void NmiSink::take(kvm::Vm& vm, kvm::Vcpu& cpu) {
    if (!memory_) {
        memory_ = std::make_unique<Memory>();
        vm.set_memory_slot(slot, base, std::as_writable_bytes(std::span(memory_.get(), 1)), kvm::Access::read_write);
    }
    kvm_regs regs{};
    regs.rip = memory_->address(memory_->stop);
    regs.rsp = memory_->address(memory_->stack) + sizeof memory_->stack;
    regs.rflags = 2;
    cpu.set_guest_debug(0);
    cpu.set_regs(regs);
    cpu.set_sregs(memory_->sregs(cpu.sregs()));
    auto events = cpu.events();
    events.nmi = {};
    events.flags &= ~std::uint32_t{KVM_VCPUEVENT_VALID_NMI_PENDING};
    cpu.set_events(events);
    // Retries if interrupted, since the watchdog or a signal to this process may have been meant for the run before.
    for (int patience = 100; patience > 0; --patience) {
        cpu.clear_immediate_exit();
        const auto exit = cpu.run();
        if (std::holds_alternative<kvm::IoExit>(exit)) {
            cpu.complete_exit();
            if (cpu.events().nmi.pending == 0) return;
        } else if (!std::holds_alternative<kvm::InterruptedExit>(exit)) {
            throw MachineFault("the CPU does not take a latched NMI, but: " + kvm::describe(exit));
        }
    }
    throw MachineFault("the CPU does not take an NMI that it has latched");
}

}  // namespace gatecrash::vm::quirks
