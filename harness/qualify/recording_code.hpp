#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "qualify/answer.hpp"
#include "qualify/probe.hpp"
#include "vm/boot/guest_code.hpp"
#include "vm/boot/recorder.hpp"

namespace gatecrash::qualify {

using vm::Record;

/// The handlers that a guest entered, and how it ended.
struct Account {
    std::vector<Record> records;
    vm::Outcome outcome;

    [[nodiscard]] bool ended_well() const { return rang(outcome, GATECRASH_PORT_END); }
    [[nodiscard]] bool uneventful() const { return ended_well() && records.empty(); }
};

/// A GuestCode that records every vector, and whose addresses have names:
///
///     RecordingCode guest;
///     guest.on(GATECRASH_VECTOR_BP);
///     guest.kernel.int3();
///     guest.place(after(Mark::int3));
///     guest.end();
///     return guest.tell(guest.run(bench));  // {Delivery{GATECRASH_VECTOR_BP, after(Mark::int3)}}
class RecordingCode : public vm::GuestCode {
  public:
    using Body = std::function<void(vm::Code&)>;
    using OnBegin = std::function<void(vm::Guest&)>;
    using Detail = std::function<Details(const Record&)>;

    /// The first use of a page causes an exit, and on some machines an exit changes where traps come (fact
    /// tf-over-exit). So the guest begins by using all of its pages. With `fresh` it does not: it finds them unused if
    /// the machine is new.
    enum class Pages { used, fresh };
    explicit RecordingCode(Pages pages = Pages::used) : pages_(pages) {
        if (pages == Pages::used) touch_pages();
    }

    /// In a body: offsets from RSP of the frame that the CPU pushed.
    static constexpr int frame_rip = vm::RecordingHandler::frame_rip, frame_cs = vm::RecordingHandler::frame_cs,
                         frame_rflags = vm::RecordingHandler::frame_rflags;
    /// The address of a page for the guest's own use.
    static constexpr std::uint64_t scratch = data + vm::page_size;
    [[nodiscard]] static std::uint64_t scratch_word(vm::Guest& guest, unsigned index);

    /// Makes a handler that records `vector`, executes `body`, and returns by IRETQ. Any other vector rings FATAL after
    /// the recording.
    void on(std::uint8_t vector, unsigned ist = 0, Body body = {});
    /// Names the address of the next instruction of `kernel`.
    void place(Spot name) { name_address(kernel.here(), name); }
    void user_place(Spot name) { name_address(user.here(), name); }
    /// Adds to `kernel` an OUT that rings END.
    void end() { kernel.doorbell(GATECRASH_PORT_END); }
    using GuestCode::write_msr;
    /// Adds to `kernel` a WRMSR of an address. Clobbers RAX, RCX, RDX.
    void write_msr(std::uint32_t msr, const Xbyak::Label& address);
    /// Adds to `kernel` code that lets SYSENTER arrive at `entry` in the kernel's segments. Clobbers RAX, RCX, RDX.
    void enable_sysenter(const Xbyak::Label& entry);
    /// Adds to `kernel` a MOV to a debug register, which xbyak lacks. Clobbers RAX.
    void set_debug_register(unsigned number, std::uint64_t value);
    void set_debug_register(unsigned number, const Xbyak::Label& label);
    /// Adds to `kernel` code that turns off the breakpoints of the DR7 value `dr7`. The guest must do this itself, and
    /// keep their types. QEMU's VMRUN and #VMEXIT exchange DR7 but not the breakpoints that go with it. So after a
    /// later write of DR7 that gives one another type, QEMU takes a watchpoint for a breakpoint, and crashes.
    void disarm(std::uint64_t dr7) { set_debug_register(7, dr7 & ~std::uint64_t{0xff}); }

    /// Returns a machine with this guest booted. Call it only once for a guest.
    [[nodiscard]] vm::Guest& boot(Bench& bench);
    /// Boots the guest and runs it to its end. Calls `on_begin` at each BEGIN doorbell.
    [[nodiscard]] Account run(Bench& bench, const OnBegin& on_begin = {});
    [[nodiscard]] static Account run(vm::Guest& guest, const OnBegin& on_begin = {});

    /// Returns the deliveries, each with the details that `detail` picks, and how the guest ended if not by END.
    [[nodiscard]] Answer tell(const Account& account, const Detail& detail = {}) const;
    /// Returns the name that the guest gave to an address, or the address if it has none.
    [[nodiscard]] Place place_of(std::uint64_t address) const;

  private:
    struct Name {
        std::uint64_t address;
        Place place;
    };

    void name_address(std::uint64_t address, Place place) { names_.push_back({address, place}); }

    Pages pages_;
    std::vector<vm::RecordingHandler> on_;
    std::vector<Name> names_;
};

constexpr std::uint8_t vector_ud = 6, vector_ss = 12;
using vm::msr_cstar, vm::msr_gs_base, vm::msr_kernel_gs_base, vm::msr_lstar, vm::msr_star;
using vm::msr_sysenter_cs, vm::msr_sysenter_eip, vm::msr_sysenter_esp;

// These functions emit bodies of handlers.
void ring_end(vm::Code& k);
/// Emits what `first_only` emits, which executes only if no other event was recorded before this one.
void the_first_time(vm::Code& k, const std::function<void()>& first_only);
/// Clears TF in the pushed frame, so that #DB does not come again after the next instruction.
void clear_pushed_tf(vm::Code& k);
/// Sets RF in the pushed frame, so that the instruction returned to executes though it has a breakpoint.
void set_pushed_rf(vm::Code& k);

// These functions pick details of a delivery.
/// Returns CPL and the causes in DR6.
[[nodiscard]] Details cause(const Record& record);
/// Returns CPL.
[[nodiscard]] Details privilege(const Record& record);
[[nodiscard]] Details error_code(const Record& record);
/// Returns CS and SS.
[[nodiscard]] Details selectors(const Record& record);

/// Values of DR7 that arm a breakpoint in slot 0 (SDM volume 3, 17.2.4).
constexpr std::uint64_t dr7_execute = 1, dr7_write_of_eight_bytes = 1 | 1 << 16 | 2 << 18,
                        dr7_access_of_two_bytes = 1 | 3 << 16 | 1 << 18,
                        dr7_access_of_eight_bytes = 1 | 3 << 16 | 2 << 18;

/// Makes one KVM_RUN. Makes it again if it was interrupted, unless the watchdog did that.
[[nodiscard]] kvm::Exit run_to_exit(vm::Guest& guest);
/// Runs like Guest::run(), but also limits the number of exits.
[[nodiscard]] vm::Outcome run_bounded(vm::Guest& guest);

}  // namespace gatecrash::qualify
