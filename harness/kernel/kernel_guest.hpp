// A kernel in a virtual machine of its own.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include "gatecrash/address.hpp"
#include "kernel/boot_entry.hpp"
#include "kernel/boot_image.hpp"
#include "kernel/code_recorder.hpp"
#include "kernel/kernel_facts.hpp"
#include "kernel/kernel_state.hpp"
#include "kernel/memory_states.hpp"
#include "kernel/saved_kernel.hpp"
#include "kvm/mapping.hpp"
#include "kvm/system.hpp"
#include "kvm/vcpu.hpp"
#include "kvm/vm.hpp"
#include "vm/instruction.hpp"
#include "vm/page.hpp"
#include "vm/quirks/new_pages.hpp"
#include "vm/quirks/nmi_sink.hpp"
#include "vm/quirks/stale_page_tables.hpp"
#include "vm/state/registers.hpp"
#include "vm/watchdog.hpp"

namespace gatecrash::kernel {

/// Reports a kernel that did not get as far as its init program. The message has the end of the kernel's log.
class BootError : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

/// A program rang a doorbell. RIP is at its OUT.
struct Rang {
    std::uint16_t port;
    bool operator==(const Rang&) const = default;
};
/// The CPU delivered a vector to a catcher. RIP is the catcher's.
struct Caught {
    std::uint8_t vector;
    bool operator==(const Caught&) const = default;
};
/// The kernel called one of KernelFacts::failures. RIP is that function's.
struct Failing {
    std::string function;
    bool operator==(const Failing&) const = default;
};
/// The kernel is about to leave the protected code, at one of KernelFacts::exits. RIP is there.
struct Leaving {
    bool operator==(const Leaving&) const = default;
};
/// The machine cannot go on, or the kernel has reset it.
struct Ended {
    std::string why;  ///< such as "triple fault"
    bool operator==(const Ended&) const = default;
};
/// Ended::why of a CPU that nothing wakes up any more, and of one that has lost its registers.
inline constexpr std::string_view halted_for_ever = "it halted with interrupts off", triple_fault = "a triple fault";
/// The kernel wrote to its exit port. RIP is at its OUT.
struct Exited {
    std::uint32_t value;
    bool operator==(const Exited&) const = default;
};
/// The CPU arrived at the place of KernelGuest::stop_at().
struct Reached {
    bool operator==(const Reached&) const = default;
};
/// The watchdog interrupted the run, which would have gone on.
struct StillRuns {
    bool operator==(const StillRuns&) const = default;
};
using Stop = std::variant<Rang, Caught, Failing, Leaving, Ended, Exited, Reached, StillRuns>;

/// Describes a stop in words that follow "the kernel", such as "called panic()".
[[nodiscard]] std::string describe(const Stop& stop);

/// The ports with which an image ends and speaks.
struct ImagePorts {
    std::uint16_t serial = 0x3f8;  ///< the first of SerialPort::registers
    std::uint16_t exit = 0xf4;     ///< QEMU's isa-debug-exit

    bool operator==(const ImagePorts&) const = default;
};

/// Runs an unmodified kernel on one vCPU. A kernel cannot do without some devices of a PC. It has the interrupt
/// controllers and the timer, which KVM emulates.
class KernelGuest {
  public:
    /// Loads the kernel into `memory_size` bytes. Throws ImageError, and kvm::Error.
    KernelGuest(const kvm::System& system, const BootImage& image, const BootInput& input, std::uint64_t memory_size);
    /// Makes a guest with the memory and the CPUID of a saved kernel. Its registers are those after reset, until
    /// set_registers(). `saved` must outlive the guest.
    KernelGuest(const kvm::System& system, const KernelFile& saved);

    /// Says where the kernel keeps its log, for messages.
    void set_log(const KernelLog& log) { log_ = log; }
    /// Runs a kernel that boots until a program rings a doorbell, and returns its port. The instruction has completed.
    /// Throws BootError if the kernel panics or resets the CPU, or after `seconds` of host time.
    std::uint16_t run_to_doorbell(unsigned seconds);
    /// Runs until the kernel stops, or for `seconds` of host time. Then the result is StillRuns.
    [[nodiscard]] Stop run_for(unsigned seconds);
    /// Gives an image a serial port, and a port that ends it. If it is set, `sink` receives each byte that it sends.
    void connect(const ImagePorts& ports, std::function<void(char)> sink = {});
    /// Returns what the image has sent through its serial port.
    [[nodiscard]] const std::string& output() const { return console_.value().output; }

    /// Lets run() stop at the doorbells, failures and exits of `facts`, which must outlive the guest. Replaces the
    /// first two bytes of each failure and exit by an OUT, and makes the catchers.
    void watch(const KernelFacts& facts);
    /// Gives back to the failures and exits the code that they had before watch().
    void ignore_failures();
    /// Makes run() stop there again.
    void heed_failures();
    /// Makes the guest note which instructions of `code` it executes, up to the first time that it changes that code. A
    /// part that is not mapped is left out. Call it after the first save().
    void record_code(std::span<const AddressRange> code);
    /// Returns what notes the executed code; null without record_code().
    [[nodiscard]] CodeRecorder* recorder() { return recorder_ ? &*recorder_ : nullptr; }

    /// Runs freely until the kernel stops.
    [[nodiscard]] Stop run();
    /// Runs a kernel that is believed to stop. The load of the host must not decide.
    [[nodiscard]] Stop run_patiently();
    /// Makes one KVM_RUN.
    [[nodiscard]] kvm::Exit run_once();
    /// Returns what an exit means, or nothing if the kernel can go on. Then an access to a port has been answered.
    [[nodiscard]] std::optional<Stop> stop_of(const kvm::Exit& exit);
    /// Lets KVM finish the access of the last exit, which can write memory.
    void complete_exit();
    /// Leaves RIP at the OUT that the guest has stopped at, whatever stands there later.
    void cancel_output();
    /// Makes the guest stop when the CPU executes the code at `address`, which is at `physical`. Replaces two bytes by
    /// an OUT.
    void stop_at(vm::Virtual address, vm::Physical physical);
    /// Gives back its code to the place of stop_at(). If the guest has stopped there, it can go on.
    void leave_stop();
    /// Moves RIP over the OUT of a doorbell.
    void leave_doorbell();
    /// Sets the length of a watchdog's tick. See vm::Watchdog.
    void set_tick(std::chrono::microseconds tick) {
        tick_ = tick;
        watchdog_.set_tick(tick);
    }
    /// True if a run that began then has lasted as long as the watchdog would let one KVM_RUN last. A kernel that uses
    /// a port again and again makes each KVM_RUN short. The time begins anew at each instruction that the recorder
    /// meets.
    [[nodiscard]] bool is_overdue(std::chrono::steady_clock::time_point begin) const;

    /// Says how much save() asks KVM for. The rest is as in an earlier state.
    enum class Save : std::uint8_t { cpu, interrupts, everything };
    /// Returns the state of the guest as it is now. It shares pages with `earlier`, which only Save::everything can do
    /// without. If the guest has not written memory since then, the state has the same pages. The first call begins to
    /// log which pages the guest writes.
    [[nodiscard]] KernelState save(const KernelState* earlier = nullptr, Save what = Save::everything,
                                   bool has_written = true);
    /// Makes the guest what it was at save().
    void restore(const KernelState& state);
    /// Sets all registers of the CPU and of the devices.
    void set_registers(const CpuState& cpu, const std::shared_ptr<const DeviceState>& devices);
    /// Makes the next restore() set all devices. Call it after a run that ended in an unusual way.
    void doubt_devices() { restored_.reset(); }

    [[nodiscard]] CpuState cpu_state();
    // Each of these asks KVM once after a run.
    [[nodiscard]] const vm::Msrs& msrs();
    [[nodiscard]] const InterruptState& interrupts();
    [[nodiscard]] const kvm_fpu& fpu();
    void set_msrs(const vm::Msrs& msrs);
    /// Says that the last run left the MSRs as they were.
    void keep_msrs(const vm::Msrs& msrs) { msrs_ = msrs; }

    [[nodiscard]] MemoryStates& memory_states() { return memory_states_.value(); }

    /// Makes a fixed interrupt arrive, from where KernelFacts::uses_8259 says.
    void interrupt(std::uint8_t vector);

    /// Returns the instruction at a virtual address. Nothing if its bytes are none.
    [[nodiscard]] std::optional<vm::Instruction> instruction_at(vm::Virtual address);
    /// Returns the word of `size` bytes at a virtual address, on the page tables of the vCPU. Nothing if it is not
    /// mapped.
    [[nodiscard]] std::optional<std::uint64_t> word_at(vm::Virtual address, std::size_t size = 8);
    /// Copies the bytes at a virtual address into `to`, up to the first page that is not mapped. Returns how many.
    std::size_t read(vm::Virtual address, std::span<std::byte> to);
    /// Does the same, and shows the code that the kernel has where watch(), stop_at() and record_code() have put their
    /// own.
    std::size_t read_own_code(vm::Virtual address, std::span<std::byte> to);
    /// True if watch() or stop_at() has put code of its own into the `size` bytes at `address`.
    [[nodiscard]] bool has_stop_in(vm::Virtual address, std::size_t size) const;
    /// Writes bytes at a virtual address, whatever the guest's rights are. Throws std::out_of_range if one of them is
    /// not mapped, and writes none then.
    void write(vm::Virtual address, std::span<const std::byte> bytes);
    /// Writes 8 bytes in the same way.
    void write(vm::Virtual address, std::uint64_t word);
    /// Writes bytes in the same way, and lets each later save() have them, as if the guest had written them.
    void patch(vm::Virtual address, std::span<const std::byte> bytes);
    /// Returns the guest-physical address of a virtual one, on the page tables of the vCPU. Nothing if it is not
    /// mapped.
    [[nodiscard]] std::optional<vm::Physical> translate(vm::Virtual address);
    /// Returns the last `lines` lines of the kernel's log, each with a newline. Empty without KernelFacts::log. An
    /// image has no log, so its serial output is taken instead.
    [[nodiscard]] std::string log(std::size_t lines);
    /// Returns the guest-physical memory, from address 0.
    [[nodiscard]] std::span<std::byte> memory() { return memory_.bytes(); }
    [[nodiscard]] kvm::Vcpu& cpu() { return cpu_; }
    [[nodiscard]] kvm::Vm& vm() { return vm_; }
    /// Knows whether runs met pages that KVM had to map, which can change frames on an Intel CPU.
    [[nodiscard]] vm::quirks::NewPages& new_pages() { return new_pages_; }
    /// True if the CPU executes a program, at CPL 3.
    [[nodiscard]] bool is_in_program() { return cpl() == 3; }
    [[nodiscard]] unsigned cpl() {
        const bool is_vm86 = (cpu_.regs().rflags & vm::rflags_vm) != 0;
        return is_vm86 ? 3 : cpu_.sregs().cs.selector & 3U;
    }
    /// Return the linear addresses of the next instruction, and of the top of the stack.
    [[nodiscard]] vm::Virtual rip();
    [[nodiscard]] vm::Virtual stack_pointer();

  private:
    [[nodiscard]] std::byte* find(vm::Virtual address);
    /// Returns the memory of a virtual range, cut at the ends of pages. Throws std::out_of_range if a page is not
    /// mapped.
    [[nodiscard]] std::vector<std::span<std::byte>> find(vm::Virtual address, std::size_t size);
    void write(std::span<const std::span<std::byte>> pieces, std::span<const std::byte> bytes);
    [[nodiscard]] std::uint64_t page_of(const std::byte& byte) {
        return static_cast<std::uint64_t>(&byte - memory_.data()) / vm::page_size;
    }
    /// Returns a copy of the memory. Pages that nobody has written are not copied, unless a saved kernel has run.
    [[nodiscard]] kvm::Mapping copy_of_memory() const;
    [[noreturn]] void fail(const std::string& what);
    [[nodiscard]] bool meets_hidden_code();
    void check_code_segment();
    std::optional<Stop> stop_of_output(const kvm::IoExit& io);
    [[nodiscard]] bool uses_8259() const { return facts_ != nullptr && facts_->uses_8259; }
    [[nodiscard]] std::uint32_t read_port(std::uint16_t port);
    [[nodiscard]] std::span<std::byte> stop_bytes();

    const KernelFile* saved_ = nullptr;
    posix::FileDescriptor memory_file_;  ///< without a saved kernel
    kvm::Mapping memory_;
    vm::quirks::NmiSink nmi_sink_;
    kvm::Vm vm_;
    kvm::Vcpu cpu_;
    vm::Watchdog watchdog_;
    vm::quirks::NewPages new_pages_;
    bool has_nested_paging_ = vm::quirks::has_nested_paging();
    bool may_be_halted_ = false;  ///< the watchdog ended a run, which may have waited in a HLT
    std::chrono::microseconds tick_{7000};
    std::optional<MemoryStates> memory_states_;
    // Before the first save():
    bool has_run_ = false;
    std::set<std::uint64_t> written_by_host_;      ///< numbers of pages
    std::shared_ptr<const DeviceState> restored_;  ///< the devices as the last restore() left them
    // These are in KVM, as far as it is known.
    std::optional<vm::Msrs> msrs_;
    std::optional<InterruptState> interrupts_;
    std::optional<kvm_fpu> fpu_;
    const KernelFacts* facts_ = nullptr;
    std::array<std::byte, catchers_size> code_of_catchers_{};
    /// A failure or an exit. Its memory is found once: a triple fault loses the page tables.
    struct StopCode {
        std::array<std::byte, 2> code;  ///< the code under the OUT
        std::vector<std::span<std::byte>> memory;
    };
    std::map<vm::Virtual, StopCode> stops_;
    std::optional<CodeRecorder> recorder_;
    bool hid_code_ = false;                                  ///< before ignore_failures()
    std::chrono::steady_clock::time_point met_hidden_code_;  ///< the last time
    KernelLog log_;
    std::optional<ImagePorts> ports_;
    std::optional<Console> console_;  ///< set if `ports_` is
    std::function<void(char)> sink_;
    struct StopPlace {
        vm::Virtual address;
        vm::Physical physical;
        std::array<std::byte, 2> code;  ///< the code under the OUT
    };
    std::optional<StopPlace> stop_;
    /// Instructions that were decoded, by their addresses, with their bytes.
    struct Decoded {
        std::array<std::byte, vm::Instruction::max_length> bytes;
        vm::CodeSize size;
        std::optional<vm::Instruction> instruction;
    };
    std::unordered_map<std::uint64_t, Decoded> decoded_;
};

}  // namespace gatecrash::kernel
