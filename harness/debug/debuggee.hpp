// The interface between the debugger's stub and what is debugged.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "debug/registers.hpp"
#include "gatecrash/address.hpp"
#include "gatecrash/event.hpp"

namespace gatecrash::debug {

/// A guest that stands at a boundary of a window. Its run is deterministic: from one moment, the same steps and the
/// same changes lead to the same state.
class Debuggee {
  public:
    /// A moment of the run, to go back to.
    class Moment {
      public:
        Moment() = default;
        Moment(const Moment&) = delete;
        Moment& operator=(const Moment&) = delete;
        virtual ~Moment() = default;
    };
    /// Steps the guest while it exists. Meanwhile nobody else may change the guest. A read of its memory may then show
    /// code that the harness has put there.
    class Stepping {
      public:
        Stepping() = default;
        Stepping(const Stepping&) = delete;
        Stepping& operator=(const Stepping&) = delete;
        virtual ~Stepping() = default;
        /// Goes to the next boundary, as `replay` does. Returns how the guest ended if it did not get there. Throws
        /// vm::MachineFault, and vm::CannotStep.
        [[nodiscard]] virtual std::optional<std::string> step() = 0;
    };

    Debuggee() = default;
    Debuggee(const Debuggee&) = delete;
    Debuggee& operator=(const Debuggee&) = delete;
    virtual ~Debuggee() = default;

    [[nodiscard]] virtual bool is_64_bit() const = 0;
    [[nodiscard]] virtual vm::Virtual rip() = 0;
    /// Returns the address of a symbol; empty if there is none.
    [[nodiscard]] virtual std::optional<vm::Virtual> find(const std::string& symbol) const = 0;
    [[nodiscard]] virtual Registers registers() = 0;
    /// Throws kvm::Error for values that the CPU does not accept.
    virtual void set_registers(const Registers& registers) = 0;
    /// Reads memory at a virtual address, as it is without the harness. Returns how many bytes are mapped.
    [[nodiscard]] virtual std::size_t read(vm::Virtual address, std::span<std::byte> to) = 0;
    /// Writes memory. False, with nothing written, for memory that is not mapped or that the harness must not change.
    [[nodiscard]] virtual bool write(vm::Virtual address, std::span<const std::byte> bytes) = 0;

    [[nodiscard]] virtual std::unique_ptr<Stepping> begin_steps() = 0;
    /// Returns the present moment, before arrive(). It may share memory with `earlier`, which may be null. Null if a
    /// moment cannot be kept here. It can at the beginning of the run.
    [[nodiscard]] virtual std::unique_ptr<Moment> save(const Moment* earlier) = 0;
    /// Goes back to a moment. Call arrive() next.
    virtual void restore(const Moment& moment) = 0;

    /// Lands what the schedule lands at this boundary. Call it once at each boundary. Returns lines that say what
    /// happened, or nothing.
    [[nodiscard]] virtual std::string arrive() = 0;
    /// Lands one more event here. Throws sweep::ScheduleError if no CPU can have it arrive here.
    virtual void land(const std::string& event) = 0;
    /// True if the schedule has events.
    [[nodiscard]] virtual bool lands_events() const = 0;
    /// Returns how many events have landed since the beginning of the run.
    [[nodiscard]] virtual std::size_t landed() const = 0;
    /// Describes the boundary: its name, and what is pending and masked there.
    [[nodiscard]] virtual std::string describe_boundary() = 0;
};

}  // namespace gatecrash::debug
