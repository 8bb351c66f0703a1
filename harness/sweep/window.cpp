#include "sweep/window.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "vm/run_patiently.hpp"

namespace gatecrash::sweep {

using vm::Guest;
using vm::Virtual;

std::vector<abi::LogRecord> records_since(Guest& guest, const Window& window) {
    const auto head = std::min<std::uint64_t>(log_head(guest), GATECRASH_LOG_CAPACITY);
    std::vector<abi::LogRecord> records(head - std::min(head, window.log_head));
    const auto at =
        guest.image().descriptor.log + offsetof(abi::Log, records) + window.log_head * sizeof(abi::LogRecord);
    (void)guest.memory().read(Virtual{at}, std::as_writable_bytes(std::span(records)));
    return records;
}

std::uint64_t log_head(Guest& guest) {
    return guest.memory().read<std::uint64_t>(Virtual{guest.image().descriptor.log}).value_or(0);
}

std::set<std::uint32_t> vectors_since(Guest& guest, const Window& window) {
    std::set<std::uint32_t> vectors;
    for (const auto& record : records_since(guest, window)) vectors.insert(record.vector);
    return vectors;
}

std::optional<Window> next_window(Guest& guest) {
    const auto outcome = vm::run_patiently(guest);
    const auto* doorbell = std::get_if<vm::Doorbell>(&outcome);
    if (doorbell != nullptr && doorbell->port == GATECRASH_PORT_DONE) return std::nullopt;
    const auto port = doorbell == nullptr ? 0 : doorbell->port;
    const bool nmi = port == GATECRASH_PORT_BEGIN_NMI;
    const bool round_trip = port == GATECRASH_PORT_BEGIN_ROUND_TRIP;
    if (!nmi && !round_trip && port != GATECRASH_PORT_BEGIN) {
        throw vm::ImageError(fmt::format(
            "{0}: outside its windows the guest ended with: {1}. It must ring the doorbell BEGIN or DONE there; "
            "`gatecrash replay --trace {0}` shows how it got there.\n{2}",
            guest.image().name, describe(outcome), guest.dump()));
    }
    Window window;
    window.begin = guest.snapshot();
    if (nmi) window.opening = vm::Event::nmi();
    window.round_trip = round_trip;
    window.log_head = log_head(guest);
    for (const auto& [vector, most] : guest.pairs_at("nesting_limits")) {
        window.nesting_limits[static_cast<std::uint32_t>(vector)] = most;
    }
    const auto refuse = [&](const char* why) {
        throw vm::ImageError(fmt::format("{}: at BEGIN {}\n{}", guest.image().name, why, guest.dump()));
    };
    if (window.log_head > GATECRASH_LOG_CAPACITY) refuse("the log ring is overwritten: its head is beyond its end.");
    if (guest.has_own_page_tables() || !guest.page_tables_intact()) {
        refuse(
            "the guest does not use the page tables that it was booted with, but the harness reads memory through "
            "those.");
    }
    return window;
}

void open_window(Guest& guest, const Window& window) {
    guest.restore(window.begin);
    if (window.opening) guest.land(*window.opening);
}

void check_end(Guest& guest, const vm::Outcome& outcome) {
    const auto* doorbell = std::get_if<vm::Doorbell>(&outcome);
    if (doorbell == nullptr || doorbell->port == GATECRASH_PORT_END || doorbell->port == GATECRASH_PORT_FATAL) return;
    throw vm::ImageError(fmt::format("{}: the workload rings {} before {}, inside a window: it must ring END first",
                                     guest.image().name, describe(outcome),
                                     guest.image().symbols.name_of(guest.rip())));
}

}  // namespace gatecrash::sweep
