// Facts about a kernel that a sweep needs.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gatecrash/abi.h"
#include "gatecrash/address.hpp"
#include "kernel/address_range.hpp"
#include "kernel/boot_image.hpp"
#include "kernel/kernel_log.hpp"
#include "kernel/symbols.hpp"

namespace gatecrash::kernel {

/// The places of a kernel that a sweep depends on. Each is found by its symbol.
struct KernelFacts {
    /// The code that the CPU enters from user mode, and by every interrupt and exception.
    AddressRange entry_text;
    /// The addresses of programs, which are none of the kernel's. Linux takes a #DB there for a signal. Empty if a
    /// kernel may have any address.
    AddressRange programs{vm::Virtual{}, vm::Virtual{std::uint64_t{1} << 63}};
    /// The addresses of the kernel's image. No other memory has symbols. Linux has the upper 2 GiB for its image.
    AddressRange image{vm::Virtual{0xffffffff80000000}, vm::Virtual{0xffffffffffffffff}};
    /// Code in which Linux lets no #DB occur: the entry text, and functions that nothing may instrument.
    std::vector<AddressRange> without_breakpoints;
    /// A catcher is an OUT for one vector, and one more for a function that returns. Each begins one byte after the
    /// last one. They stand in padding: on Linux in that after the entry text. KernelStepper lets the gates of the IDT
    /// lead there.
    vm::Virtual catchers{};
    /// Functions that the kernel calls when it panics, oopses or warns, by their addresses.
    std::map<vm::Virtual, std::string> failures;
    /// Calls and jumps that leave the code that nothing may instrument, where no annotation allows it, and their
    /// targets. A saved kernel has none: they are known only if the user names the annotations.
    std::map<vm::Virtual, vm::Virtual> exits;
    vm::Virtual per_cpu_offset{};  ///< the variable with the offset of CPU 0's data, which per-CPU addresses lack
    std::optional<vm::Virtual> nmi_count, irq_count;  ///< per-CPU addresses of 32-bit counters
    /// The vector of the event `irq`. On Linux it is that of the reschedule interrupt, RESCHEDULE_VECTOR of
    /// arch/x86/include/asm/irq_vectors.h: its handler does nothing without work.
    std::uint8_t irq_vector = 0xfd;
    /// Interrupts whose vectors belong to a line of an 8259 come from there. Otherwise all come from the local APIC.
    bool uses_8259 = false;
    /// Several NMIs may be handled as one: see NmiCount.
    bool shares_repeats = true;
    /// Per-CPU addresses of pointers to the top of the current task's stack, and of the stack for interrupts.
    std::optional<vm::Virtual> task_stack, irq_stack;
    std::optional<vm::Virtual> current_task;  ///< per-CPU address of the pointer to the current task
    std::uint32_t task_size = 0;              ///< size of task_struct in bytes
    KernelLog log;
    /// A function that the handler of NMIs calls, in which an exception can occur. Empty if none is known.
    std::string nmi_code;

    bool operator==(const KernelFacts&) const = default;
};

/// The port of catchers and of the OUTs that replace the first bytes of KernelFacts::failures and exits. No PC has a
/// device there. Its number is also the opcode of the OUT. So an OUT begins at each byte of a row of them.
constexpr std::uint16_t stop_port = 0xe6;
inline constexpr std::array out_of_stop{std::byte{0xe6}, static_cast<std::byte>(stop_port)};  ///< the instruction
constexpr std::uint64_t catchers = GATECRASH_VECTORS + 1, catchers_size = catchers + 1;

/// Finds the places in `kernel`. Throws ImageError with the reason and the remedy if a sweep cannot do without one that
/// is missing.
[[nodiscard]] KernelFacts find_facts(const BootImage& kernel, const vm::SymbolTable& symbols);

}  // namespace gatecrash::kernel
