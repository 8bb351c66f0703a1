#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "debug/debuggee.hpp"
#include "debug/landings.hpp"
#include "kernel/kernel_stacks.hpp"
#include "kernel/kernel_stepper.hpp"
#include "kernel/kernel_subject.hpp"
#include "kernel/kernel_window.hpp"
#include "sweep/schedule.hpp"

namespace gatecrash::debug {

/// Debugs a kernel or an image in its window.
class KernelDebuggee : public Debuggee {
  public:
    /// Goes to the beginning of the window of `subject`, which sweeps `kernel`. Throws sweep::ScheduleError for a
    /// symbol that the kernel lacks, and vm::ImageError if the kernel does not get to the window.
    KernelDebuggee(kernel::KernelSubject& subject, const kernel::WaitingKernel& kernel,
                   const sweep::Schedule& schedule);

    [[nodiscard]] bool is_64_bit() const override { return is_64_bit_; }
    [[nodiscard]] vm::Virtual rip() override { return kernel_.guest.rip(); }
    [[nodiscard]] std::optional<vm::Virtual> find(const std::string& symbol) const override {
        return kernel_.symbols.find(symbol);
    }
    [[nodiscard]] Registers registers() override;
    void set_registers(const Registers& registers) override;
    [[nodiscard]] std::size_t read(vm::Virtual address, std::span<std::byte> to) override;
    [[nodiscard]] bool write(vm::Virtual address, std::span<const std::byte> bytes) override;

    [[nodiscard]] std::unique_ptr<Stepping> begin_steps() override;
    [[nodiscard]] std::unique_ptr<Moment> save(const Moment* earlier) override;
    void restore(const Moment& moment) override;

    [[nodiscard]] std::string arrive() override;
    void land(const std::string& event) override;
    [[nodiscard]] bool lands_events() const override { return !progress_.landings.schedule().landings.empty(); }
    [[nodiscard]] std::size_t landed() const override { return progress_.landings.landed(); }
    [[nodiscard]] std::string describe_boundary() override;

  private:
    struct KernelMoment;
    class KernelStepping;
    /// Is the part of a run's state that the guest does not have.
    struct Progress {
        Landings landings;
        std::vector<kernel::Call> calls{};  ///< calls that have not returned, outermost first
        bool handles_db = false;            ///< a #DB has been delivered, and its handler has not returned
        std::optional<vm::Event> waits{};   ///< has landed, and is not delivered yet
    };

    [[nodiscard]] bool is_in_text();
    [[nodiscard]] std::string place();
    void land_here(vm::Event event, bool is_next);

    kernel::KernelSubject& subject_;
    kernel::WaitingKernel kernel_;
    kernel::KernelStacks stacks_;
    Progress progress_;
    bool is_64_bit_;
    bool has_flag_ = false;    ///< the program that is being stepped has set RFLAGS.TF, which registers do not show
    bool is_at_begin_ = true;  ///< no step has been made in the window
};

}  // namespace gatecrash::debug
