// The options that say which kernel is swept.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/option_groups.hpp"
#include "gatecrash/event.hpp"
#include "kernel/poke.hpp"
#include "sweep/schedule.hpp"

namespace gatecrash::cli {

struct KernelOptions {
    std::optional<std::string> kernel;   ///< a bzImage or vmlinux; empty: the one that `./dev` fetched
    std::optional<std::string> symbols;  ///< a vmlinux or System.map; empty: the kernel's own kallsyms
    std::optional<std::string> init;     ///< a static program; empty: gatecrash's own
    std::string cpu;                     ///< how the kernel's CPU differs from the host's: see kernel::parse_cpu()
    std::string append;                  ///< more words for the kernel's command line
    std::uint64_t memory = 0;            ///< bytes
    std::vector<kernel::Poke> pokes;
    std::vector<std::string> ignored_memory;  ///< names of words that are not compared
    std::optional<std::string> annotations;   ///< the vmlinux.o of the kernel's build; empty: I18 is not checked
};

/// Adds --append and --memory, which all kernels have.
void add_boot(OptionList& options);
/// Returns --memory in bytes, and the words for it.
[[nodiscard]] std::uint64_t read_memory(const Values& values);
[[nodiscard]] Words words_of_memory(std::uint64_t memory);

/// Adds the options that only Linux kernels have, and with add_boot(), all options of KernelOptions.
void add_linux_kernel(OptionList& options);
void add_kernel(OptionList& options);
[[nodiscard]] KernelOptions read_kernel(const Values& values);
/// The events that land on a kernel.
struct KernelEvents {
    std::vector<vm::Event> events{vm::Event::nmi()};
    unsigned depth = 1;
    bool in_order = false;
};
/// Adds --events, --depth, --in-order and --no-prune.
void add_events(OptionList& options);
/// Reads the first three of them; empty if none is given.
[[nodiscard]] std::optional<KernelEvents> read_events(const Values& values);

/// Reads the ranges of --window, where `entry` is the entry text and `all` no range at all. Throws
/// sweep::ScheduleError.
[[nodiscard]] std::vector<sweep::SymbolRange> parse_kernel_window(const std::string& text);
/// Throws sweep::ScheduleError if `event` cannot land on a kernel.
void check_kernel_event(const vm::Event& event);

/// Refuses --stepper: a kernel is always stepped with the trap flag.
void refuse_stepper(const CommonOptions& options, const Values& values);

/// Returns the options as words of a command line, except those with their default.
[[nodiscard]] Words words_of(const KernelOptions& options);

}  // namespace gatecrash::cli
