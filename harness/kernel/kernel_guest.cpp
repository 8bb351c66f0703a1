#include "kernel/kernel_guest.hpp"

#include <fmt/format.h>

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <string_view>
#include <utility>
#include <variant>

#include "kernel/guest_cpu.hpp"
#include "kernel/page_walk.hpp"
#include "kvm/error.hpp"
#include "posix/file.hpp"
#include "vm/watchdog.hpp"

namespace gatecrash::kernel {
namespace {

// I/O ports of a PC.
constexpr std::uint16_t keyboard = 0x64, cmos_data = 0x71, serial_data = 0x3f8, serial_line_status = 0x3fd;
constexpr std::uint8_t reset_cpu = 0xfe;  ///< a command of the keyboard controller

/// KVM needs three pages that the guest does not use. Every PC emulator gives it these.
constexpr std::uint64_t unused_pages = 0xfffbd000;

posix::FileDescriptor memory_of(std::uint64_t size) {
    auto file = posix::memory_file("gatecrash-kernel");
    if (::ftruncate(file.get(), static_cast<off_t>(size)) != 0) throw kvm::Error("memory for the kernel", errno);
    return file;
}

kvm::Vm make_vm(const kvm::System& system, std::span<std::byte> memory) {
    auto vm = system.create_vm(kvm::WrittenPages::log);
    vm.set_tss_address(unused_pages);
    vm.create_interrupt_controllers();
    vm.create_timer();
    vm.set_memory_slot(0, 0, memory, kvm::Access::read_write);
    return vm;
}

std::uint32_t read_port(std::uint16_t port) {
    switch (port) {
        case serial_line_status:
            return 0x60;  // the transmitter is empty
        case cmos_data:
            return 0;  // the clock is not being updated
        default:
            return 0xffffffff;  // no device
    }
}

}  // namespace

KernelGuest::KernelGuest(const kvm::System& system, const BootImage& image, const BootInput& input,
                         std::uint64_t memory_size)
    : memory_file_(memory_of(memory_size)),
      memory_(kvm::Mapping::shared_file(memory_file_.get(), memory_size)),
      vm_(make_vm(system, memory_.bytes())),
      cpu_(vm_.create_vcpu()) {
    load_kernel(image, input, memory_.bytes());
    cpu_.set_cpuid(kernel_cpuid(system.supported_cpuid()));
    cpu_.set_sregs(entry_sregs(cpu_.sregs()));
    cpu_.set_regs(entry_regs(image));
}

void KernelGuest::fail(const std::string& what) {
    constexpr std::size_t shown = 2000;
    const auto log = std::string_view(serial_).substr(serial_.size() - std::min(serial_.size(), shown));
    throw BootError(fmt::format("the kernel {}. RIP is {:#x}. The end of its log:\n{}", what, cpu_.regs().rip,
                                log.empty() ? "(empty: boot with earlyprintk=ttyS0,keep)" : log));
}

KernelState KernelGuest::save() {
    if (!memory_states_) {
        // KVM logs written pages only from here on, so that the thousands of pages that booting wrote do not count.
        vm_.set_memory_slot(0, 0, memory_.bytes(), kvm::Access::logged);
        memory_states_.emplace(vm_, 0, memory_.bytes());
    }
    return {read_cpu(vm_, cpu_), memory_states_->save()};
}

void KernelGuest::restore(const KernelState& state) {
    memory_states_.value().restore(state.pages);
    write_cpu(vm_, cpu_, state.cpu);
}

std::byte* KernelGuest::find(vm::Virtual address) {
    constexpr std::uint64_t five_levels = 1 << 12;  // CR4.LA57
    const auto& sregs = cpu_.sregs();
    const auto physical = walk(memory_.bytes(), sregs.cr3, (sregs.cr4 & five_levels) != 0, address);
    return physical && number(*physical) < memory_.size() ? memory_.data() + number(*physical) : nullptr;
}

std::size_t KernelGuest::read(vm::Virtual address, std::span<std::byte> to) {
    constexpr std::uint64_t page_size = MemoryStates::page_size;
    std::size_t done = 0;
    while (done < to.size()) {
        const vm::Virtual at{number(address) + done};
        const auto* const from = find(at);
        if (from == nullptr) break;
        const auto size = std::min<std::uint64_t>(to.size() - done, page_size - number(at) % page_size);
        std::memcpy(to.data() + done, from, size);
        done += size;
    }
    return done;
}

std::optional<std::uint64_t> KernelGuest::word_at(vm::Virtual address) {
    std::uint64_t word = 0;
    if (read(address, std::as_writable_bytes(std::span(&word, 1))) != sizeof word) return {};
    return word;
}

void KernelGuest::write(vm::Virtual address, std::uint64_t word) {
    const auto bytes = std::as_bytes(std::span(&word, 1));
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        auto* const to = find(vm::Virtual{number(address) + i});
        if (to == nullptr) throw std::out_of_range(fmt::format("nothing is mapped at {:#x}", number(address) + i));
        *to = bytes[i];
    }
}

std::uint16_t KernelGuest::run_to_doorbell(std::uint16_t first, std::uint16_t last, unsigned seconds) {
    vm::Watchdog watchdog(cpu_);
    // KVM can lose a tick that was raised while its line was masked. Writing the registers makes KVM look again.
    using namespace std::chrono_literals;
    constexpr auto tick = 1500us;
    watchdog.set_tick(tick);
    for (auto begin = std::chrono::steady_clock::now();;) {
        watchdog.begin_run();
        const auto exit = cpu_.run();
        watchdog.end_run();
        if (const auto* io = std::get_if<kvm::IoExit>(&exit)) {
            if (!io->is_out) cpu_.answer(read_port(io->port));
            if (io->is_out && io->port == serial_data) serial_ += static_cast<char>(io->value);
            if (io->is_out && io->port == keyboard && io->value == reset_cpu) fail("reset the CPU");
            constexpr unsigned user = 3;
            if (io->is_out && io->port >= first && io->port <= last && (cpu_.sregs().cs.selector & user) == user) {
                cpu_.complete_exit();
                return io->port;
            }
        } else if (std::holds_alternative<kvm::InterruptedExit>(exit)) {
            if (std::chrono::steady_clock::now() - begin > std::chrono::seconds(seconds))
                fail(fmt::format("rang no doorbell in {} seconds", seconds));
            cpu_.set_regs(kvm_regs(cpu_.regs()));
        } else if (std::holds_alternative<kvm::MmioExit>(exit)) {
            continue;  // no device: it reads all ones
        } else {
            fail("stopped with " + kvm::describe(exit));
        }
    }
}

}  // namespace gatecrash::kernel
