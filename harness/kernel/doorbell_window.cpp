#include "kernel/doorbell_window.hpp"

#include <fmt/format.h>

#include "gatecrash/workload.h"
#include "kernel/end_memory.hpp"

namespace gatecrash::kernel {

std::optional<vm::Event> DoorbellWindow::begin() {
    auto& guest = kernel_.guest;
    auto regs = guest.cpu().regs();
    regs.rax = workload_.number;
    guest.cpu().set_regs(regs);
    const auto stop = guest.run_patiently();
    const auto* const rang = std::get_if<Rang>(&stop);
    const auto port = rang == nullptr ? 0 : rang->port;
    if (port == GATECRASH_DOORBELL_SKIP) throw SkippedWorkload(programs_words());
    std::optional<vm::Event> opening;
    if (port == GATECRASH_DOORBELL_BEGIN_IRQ) opening = vm::Event::irq();
    if (port == GATECRASH_DOORBELL_BEGIN_NMI) opening = vm::Event::nmi();
    if (std::holds_alternative<Leaving>(stop)) {
        throw ImageError(fmt::format(
            "{}: already before the window, the kernel leaves the protected code at {}, where no annotation "
            "allows it (I18): `gatecrash check` with the vmlinux.o shows the path",
            workload_.name, kernel_.symbols.name_of(guest.rip())));
    }
    if (!opening && port != GATECRASH_DOORBELL_BEGIN) {
        throw ImageError(fmt::format("{}: the init program must ring BEGIN after NEXT, and the kernel {} at {}:\n{}",
                                     workload_.name, describe(stop), kernel_.symbols.name_of(guest.rip()),
                                     guest.log(20)));
    }
    guest.leave_doorbell();
    return opening;
}

bool DoorbellWindow::is_end(const Stop& stop) const { return stop == Stop{Rang{GATECRASH_DOORBELL_END}}; }

/// Lets the init program use the kernel after the window.
Stop DoorbellWindow::run_on() {
    kernel_.guest.leave_doorbell();
    return kernel_.guest.run_patiently();
}

std::optional<sweep::Violation> DoorbellWindow::judge(const Stop& stop) const {
    if (stop == Stop{Rang{GATECRASH_DOORBELL_ALIVE}}) return std::nullopt;
    if (stop == Stop{Rang{GATECRASH_DOORBELL_WRONG}})
        return sweep::Violation{sweep::Invariant::round_trip, "the program says: " + programs_words()};
    return sweep::Violation{sweep::Invariant::no_unexpected_vector,
                            fmt::format("after the window, the kernel {} at {}", describe(stop),
                                        kernel_.symbols.name_of(kernel_.guest.rip()))};
}

std::unique_ptr<EndMemory> DoorbellWindow::end_memory(const WindowRun& run) const {
    return std::make_unique<EndMemory>(kernel_, run, workload_.ignored_memory);
}

/// Returns the string that the program gives with its doorbell.
std::string DoorbellWindow::programs_words() const {
    constexpr std::size_t longest = 200;
    std::string words(longest, '\0');
    auto& guest = kernel_.guest;
    words.resize(guest.read(vm::Virtual{guest.cpu().regs().rbx}, std::as_writable_bytes(std::span(words))));
    return words.c_str();
}

}  // namespace gatecrash::kernel
