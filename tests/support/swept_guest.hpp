// Builds small guests for tests that sweep and replay.
#pragma once

#include <deque>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "support/handler_body.hpp"
#include "support/kvm_system.hpp"
#include "sweep/replay.hpp"
#include "sweep/sweep.hpp"
#include "vm/boot/guest_code.hpp"

namespace gatecrash::sweep {

/// A guest for sweeps. Each sweep and each replay boots it anew.
struct SweptGuest {
    vm::Image image;

    [[nodiscard]] SweepResult sweep(const SweepOptions& options, const kvm::System& system = kvm_system()) const {
        vm::Guest guest(system, image);
        return sweep::sweep(guest, options);
    }
    [[nodiscard]] ReplayResult replay(const Schedule& schedule, vm::StepperKind stepper) const {
        vm::Guest guest(kvm_system(), image);
        return sweep::replay(guest, schedule, stepper);
    }
};

/// Builds a guest with handlers that log as the runtime's do, windows, symbols and named stacks. Handlers come first,
/// then the code that start() begins:
///
///     GuestBuilder guest;
///     guest.handler("nmi", GATECRASH_VECTOR_NMI, GATECRASH_IST_NMI, [](Code& k) { k.inc(k.rbx); });
///     guest.start();
///     guest.window("window", [](Code& k) { k.nop(); });
///     EXPECT_EQ(guest.build("planted").sweep(options).findings.size(), 2U);
class GuestBuilder {
  public:
    using Emit = std::function<void(vm::Code&)>;

    GuestBuilder() {
        symbol("kernel");
        code.kernel.jmp(start_, vm::Code::T_NEAR);
    }

    vm::GuestCode code;

    /// Places a symbol at the end of the kernel's code so far.
    void symbol(const std::string& name) { code.kernel.L(symbols_.emplace_back(name, Xbyak::Label()).second); }

    /// Adds a handler that executes `body` between its two log records, and IRETQ. `ist` is 0 for no stack of its own.
    void handler(const std::string& name, std::uint8_t vector, unsigned ist, const Emit& body = {}) {
        bare_handler(name, vector, ist, [&](vm::Code& k) { emit_handler(k, vector, body); });
    }
    /// Adds a handler that logs nothing. `body` does everything, including the IRETQ.
    void bare_handler(const std::string& name, std::uint8_t vector, unsigned ist, const Emit& body) {
        symbol(name);
        code.handle(vector, symbols_.back().second, ist);
        body(code.kernel);
    }

    /// Begins the code that the guest boots into.
    void start() {
        code.kernel.L(start_);
        symbol("start");
        code.load_segments();
    }
    /// Adds a window, whose first instruction has the symbol `name`.
    void window(const std::string& name, const Emit& body, std::uint8_t begin = GATECRASH_PORT_BEGIN) {
        code.kernel.doorbell(begin);
        symbol(name);
        body(code.kernel);
        code.kernel.doorbell(GATECRASH_PORT_END);
    }

    /// Adds the doorbell DONE, and returns the guest.
    [[nodiscard]] SweptGuest build(const std::string& name) {
        code.kernel.doorbell(GATECRASH_PORT_DONE);
        SweptGuest guest{code.build(name)};
        std::vector<vm::Symbol> symbols{{"user", vm::Virtual{vm::GuestCode::user_text}}};
        for (const auto& [symbol, label] : symbols_)
            symbols.push_back({symbol, vm::Virtual{code.kernel_address(label)}});
        guest.image.symbols = vm::SymbolTable(symbols);
        constexpr auto nmi = vm::GuestCode::stack(GATECRASH_IST_NMI);
        guest.image.stacks = {{"task", vm::GuestCode::kernel_stack - GATECRASH_PAGE, vm::GuestCode::kernel_stack},
                              {"nmi", nmi - GATECRASH_PAGE, nmi}};
        return guest;
    }

  private:
    Xbyak::Label start_;
    std::deque<std::pair<std::string, Xbyak::Label>> symbols_;
};

}  // namespace gatecrash::sweep
