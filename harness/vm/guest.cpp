#include "vm/guest.hpp"

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "kvm/error.hpp"
#include "vm/state/msr.hpp"
#include "vm/vendor.hpp"
#include "vm/watchdog.hpp"

namespace gatecrash::vm {
namespace {

constexpr std::uint64_t cr0_pe = 1, cr0_mp = 2, cr0_et = 0x10, cr0_ne = 0x20, cr0_wp = 0x10000, cr0_pg = 0x80000000;
constexpr std::uint64_t cr4_pae = 0x20, cr4_mce = 0x40;
constexpr std::uint64_t efer_sce = 1, efer_lme = 0x100, efer_lma = 0x400, efer_nxe = 0x800;
/// MCG_STATUS (SDM volume 3, 15.3.1.2), and where it is in an MsrSet.
constexpr std::uint64_t mcg_status_ripv = 1, mcg_status_mcip = 4;
constexpr std::size_t mcg_status_place = 8, mc0_status_place = 9;
static_assert(Guest::saved_msrs[mcg_status_place] == 0x17a && Guest::saved_msrs[mc0_status_place] == 0x401);
/// Bits of DR6 (SDM volume 3, 17.2.3).
constexpr std::uint64_t dr6_b0 = 1, dr6_bs = 0x4000;
/// #VC's error code for a page whose VALIDATED bit is clear (APM volume 2, 15.36.10).
constexpr std::uint32_t vc_page_not_validated = 0x404;
/// Types of a 64-bit TSS's descriptor.
constexpr std::uint8_t available_tss = 9, busy_tss = 11;
/// Where in the harness's pages its own code is, and an IRET's frame. What is in front of that is for steppers.
constexpr std::size_t harness_code_offset = page_size + page_size / 2, harness_frame_offset = harness_code_offset + 64;

kvm_segment flat_segment(std::uint16_t selector, bool code, bool is_64_bit) {
    kvm_segment segment{};
    segment.selector = selector;
    segment.limit = 0xffffffff;
    segment.type = code ? 11 : 3;  // execute/read or read/write, accessed
    segment.present = 1;
    segment.dpl = selector & 3U;
    segment.db = code && is_64_bit ? 0 : 1;
    segment.s = 1;
    segment.l = code && is_64_bit ? 1 : 0;
    segment.g = 1;
    return segment;
}

/// KVM emulates an instruction if it has to do without the CPU: only because it uses memory outside writable slots.
/// What it cannot emulate, and an event that it cannot push there, is an internal error (api.rst,
/// KVM_EXIT_INTERNAL_ERROR).
bool is_guests_doing(const kvm::InternalErrorExit& error) {
    return error.suberror == KVM_INTERNAL_ERROR_EMULATION || error.suberror == KVM_INTERNAL_ERROR_DELIVERY_EV;
}

/// Whether `opcode` is anywhere in executable memory, at whatever alignment: text is read-only, so a guest without it
/// never executes that. With `reg`, only if a ModRM byte with that `reg` field follows.
bool has_opcode(const Image& image, std::initializer_list<std::uint8_t> opcode, std::optional<unsigned> reg = {}) {
    const auto same = [](std::byte a, std::uint8_t b) { return std::to_integer<std::uint8_t>(a) == b; };
    for (const auto& segment : image.segments) {
        if (!segment.executable) continue;
        const auto end = segment.bytes.end();
        for (auto at = segment.bytes.begin();; ++at) {
            at = std::search(at, end, opcode.begin(), opcode.end(), same);
            if (at == end) break;
            const auto modrm = at + static_cast<std::ptrdiff_t>(opcode.size());
            if (!reg || (modrm != end && (std::to_integer<unsigned>(*modrm) >> 3 & 7) == *reg)) return true;
        }
    }
    return false;
}

}  // namespace

bool can_deliver(const kvm_regs& regs, const kvm_vcpu_events& events, Event event) {
    switch (event.kind) {
        case Event::Kind::nmi:
            return events.interrupt.shadow == 0 && events.nmi.masked == 0;
        case Event::Kind::irq:
            return events.interrupt.shadow == 0 && (regs.rflags & rflags_if) != 0;
        case Event::Kind::watch:
            return true;
        case Event::Kind::db:
            return events.interrupt.shadow == 0 && events.exception.injected == 0 &&
                   (event.is_trap() || (regs.rflags & rflags_rf) == 0);
        default:
            return events.exception.injected == 0;
    }
}

Guest::Guest(const kvm::System& system, Image image)
    : Guest(std::make_unique<VirtualMachine>(system), nullptr, std::move(image)) {}

Guest::Guest(VirtualMachine& virtual_machine, Image image) : Guest(nullptr, &virtual_machine, std::move(image)) {}

Guest::Guest(std::unique_ptr<VirtualMachine> own, VirtualMachine* others, Image image)
    : image_((check_image(image), std::move(image))),
      memory_(image_),
      own_(std::move(own)),
      vm_(own_ ? own_->vm() : others->vm()),
      cpu_(own_ ? own_->cpu() : others->cpu()) {
    if (others != nullptr) others->reset();
    try {
        memory_.attach(vm_);
        memory_.watch(cpu_);
        abilities_ = abilities_of(image_);
        read_symbols();
        reset_debug_registers_ = cpu_.debug_registers();
        set_up_cpu();
        watchdog_ = std::make_unique<Watchdog>(cpu_);
    } catch (...) {
        if (!own_) detach();  // before the memory goes
        throw;
    }
}

void Guest::read_symbols() {
    breakpoints_refused_ = pairs_at("breakpoints_refused");
    watchpoints_refused_ = pairs_at("watchpoints_refused");
    ve_information_ = image_.symbols.find("ve_information");
    interrupts_in_service_ = image_.symbols.find("interrupts_in_service");
}

std::vector<Guest::Pair> Guest::pairs_at(const std::string& symbol) const {
    using Words = std::array<std::uint64_t, 2>;
    const auto table = image_.symbols.find(symbol);
    std::vector<Pair> pairs;
    for (auto at = table ? number(*table) : 0; table; at += sizeof(Words)) {
        const auto words = memory_.read<Words>(Virtual{at});
        if (!words || (*words)[1] == 0) break;
        pairs.emplace_back((*words)[0], (*words)[1]);
    }
    return pairs;
}

Guest::~Guest() {
    try {
        disarm_breakpoints();
        unmask_nmis();
        if (own_) return;
        // The next guest must not meet anything of this one.
        if (has_stale_trap_) drop_stale_trap();
        if (unfinished_out_) cpu_.complete_exit();
    } catch (const std::exception&) {  // a KVM that fails has said so before
    }
    if (!own_) detach();
}

void Guest::detach() noexcept {
    try {
        memory_.detach(vm_);
    } catch (const std::exception&) {
    }
}

/// QEMU exchanges DR7 at VMRUN and #VMEXIT, but not the breakpoints that go with it. One that a guest leaves armed
/// stays behind for whatever runs next on that CPU, and QEMU 7.2 crashes when that writes DR7. So it is taken away by
/// an instruction of a guest, with its type (the upper half of DR7) left as it is.
void Guest::disarm_breakpoints() {
    constexpr std::uint64_t enabled = 0xff;
    const auto debug = debug_registers();
    if ((debug.dr7 & enabled) == 0) return;
    kvm_regs regs{};
    regs.rax = debug.dr7 & ~enabled;
    execute(std::array{std::byte{0x0f}, std::byte{0x23}, std::byte{0xf8}}, regs);  // mov dr7, rax
}

/// Bochs 2.7 masks NMIs when it enters a guest whose state says so, and does not unmask them when it enters one whose
/// state says that they are not: whatever runs next on that CPU would begin with NMIs masked (behaviour
/// nmi-mask-over-entry). Only an IRET of a guest's unmasks them there.
void Guest::unmask_nmis() {
    if (cpu_.events().nmi.masked == 0) return;
    constexpr std::array iretq{std::byte{0x48}, std::byte{0xcf}};
    const auto code = std::span(iretq).subspan(image_.is_64_bit() ? 0 : 1);
    const std::array<std::uint64_t, 5> frame{number(harness_code()) + code.size(), GATECRASH_KERNEL_CS, 2, 0, 0};
    for (std::size_t i = 0; i < frame.size(); ++i) {
        std::memcpy(memory_.harness_pages().data() + harness_frame_offset + i * image_.word_size, &frame.at(i),
                    image_.word_size);
    }
    kvm_regs regs{};
    regs.rsp = number(image_.harness_address()) + harness_frame_offset;
    execute(code, regs);
}

/// An instruction that exits by itself, executed with TF set: Bochs 2.7 has its trap come in front of whatever is
/// executed next. A step of the harness's own takes it away.
void Guest::drop_stale_trap() {
    has_stale_trap_ = false;
    const auto regs = cpu_.regs();
    const auto sregs = cpu_.sregs();
    const auto events = cpu_.events();
    constexpr int max_traps = 4;  // in front of an instruction
    constexpr std::byte nop{0x90};
    prepare(std::span(&nop, 1), {});
    for (int i = 0; i < max_traps && rip() == harness_code(); ++i) {
        cpu_.set_guest_debug(KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP);
        run_prepared();
    }
    cpu_.set_guest_debug(0);
    cpu_.set_regs(regs);
    set_sregs(sregs);
    cpu_.set_events(events);
}

/// Has the guest's CPU execute `code`, which is the harness's, and nothing of the guest.
void Guest::execute(std::span<const std::byte> code, const kvm_regs& regs) {
    if (has_stale_trap_) drop_stale_trap();
    prepare(code, regs);
    run_prepared();
}

/// To its end, be that HLT or a step. The watchdog, or a signal of the host's, may have meant the run before.
void Guest::run_prepared() {
    for (int patience = 100; patience > 0; --patience) {
        cpu_.clear_immediate_exit();
        if (!std::holds_alternative<kvm::InterruptedExit>(cpu_.run())) return;
    }
    throw MachineFault("the harness's own code is interrupted again and again\n" + dump());
}

Virtual Guest::harness_code() const { return Virtual{number(image_.harness_address()) + harness_code_offset}; }

/// Makes `code` the next to execute, with nothing due.
void Guest::prepare(std::span<const std::byte> code, kvm_regs regs) {
    const auto place = memory_.harness_pages().subspan(harness_code_offset);
    *std::copy(code.begin(), code.end(), place.begin()) = std::byte{0xf4};  // hlt
    memory_.repair_page_tables();
    regs.rip = number(harness_code());
    regs.rflags = 2;
    cpu_.set_guest_debug(0);
    cpu_.set_regs(regs);
    set_sregs(boot_sregs_);
    auto events = cpu_.events();
    events.exception = {};
    events.interrupt = {};
    events.nmi = {};
    events.flags |= KVM_VCPUEVENT_VALID_NMI_PENDING | KVM_VCPUEVENT_VALID_SHADOW;
    cpu_.set_events(events);
}

void Guest::boot_again(Image image, const Snapshot& booted) {
    restore(booted);
    flush_msrs();
    cpu_.set_debug_registers(reset_debug_registers_);
    for (const auto& segment : image.segments) {
        if (segment.writable || segment.bytes.empty()) continue;  // restored, or what another segment has
        auto bytes = segment.bytes;
        bytes.resize(segment.size);
        if (!memory_.write(segment.address, bytes)) throw std::invalid_argument(image.name + ": other segments");
    }
    image_ = std::move(image);
    decoded_.clear();
    abilities_ = abilities_of(image_);
    read_symbols();
    forget_msrs();
}

Guest::Abilities Guest::abilities_of(const Image& image) {
    return {.uses_debug_registers = has_opcode(image, {0x0f, 0x21}) || has_opcode(image, {0x0f, 0x23}),
            .writes_dr7 = has_opcode(image, {0x0f, 0x23}, 7),
            .leaves_page_tables = has_opcode(image, {0x0f, 0x22}),
            .writes_msrs = has_opcode(image, {0x0f, 0x30}),
            .swaps_gs = has_opcode(image, {0x0f, 0x01, 0xf8}),
            .changes_task_register = !image.is_64_bit() || has_opcode(image, {0x0f, 0x00}, 3)};
}

void Guest::set_up_cpu() {
    is_amd_ = cpu_vendor() == Vendor::amd;
    const auto& abi = image_.descriptor;
    auto sregs = cpu_.sregs();
    sregs.cr0 = cr0_pe | cr0_mp | cr0_et | cr0_ne | cr0_wp | cr0_pg;
    sregs.cr3 = number(memory_.page_table_root());
    sregs.cr4 = cr4_pae | cr4_mce;
    const bool is_64_bit = image_.is_64_bit();
    sregs.efer = is_64_bit ? efer_sce | efer_lme | efer_lma | efer_nxe : efer_nxe;
    sregs.cs = flat_segment(GATECRASH_KERNEL_CS, true, is_64_bit);
    sregs.ss = sregs.ds = sregs.es = flat_segment(GATECRASH_KERNEL_SS, false, is_64_bit);
    sregs.fs = sregs.gs = flat_segment(0, false, is_64_bit);
    sregs.fs.unusable = sregs.gs.unusable = is_64_bit ? 0 : 1;
    sregs.gdt.base = abi.gdt;
    sregs.gdt.limit = static_cast<std::uint16_t>(abi.gdt_limit);
    sregs.idt.base = abi.idt;
    sregs.idt.limit = static_cast<std::uint16_t>(abi.idt_limit);
    // TR is loaded here and not by LTR: that would write the busy bit into the GDT, which is read-only.
    sregs.tr = {};
    sregs.tr.base = abi.tss;
    sregs.tr.limit = static_cast<std::uint32_t>(abi.tss_limit);
    sregs.tr.selector = GATECRASH_TSS;
    sregs.tr.present = 1;
    sregs.ldt = {};
    sregs.ldt.unusable = 1;
    set_sregs(sregs);
    boot_sregs_ = sregs;

    kvm_regs regs{};
    regs.rip = number(image_.entry);
    regs.rsp = abi.boot_stack;
    regs.rflags = 2;
    cpu_.set_regs(regs);
}

std::array<std::byte, Instruction::max_length> Guest::text_at(Virtual address) const {
    std::array<std::byte, Instruction::max_length> bytes{};
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        const Virtual where{number(address) + i};
        const auto* segment = image_.segment_at(where);
        if (segment == nullptr) break;
        const auto offset = number(where) - number(segment->address);
        if (offset < segment->bytes.size()) bytes.at(i) = segment->bytes[offset];
    }
    return bytes;
}

std::optional<Instruction> Guest::next_instruction() {
    const auto address = rip();
    const auto decode_here = [&](CodeSize size) {
        const auto* segment = image_.segment_at(address);
        const bool is_code = segment != nullptr && segment->executable;
        return is_code ? decode(text_at(address), address, size) : std::nullopt;
    };
    const auto size = code_size(cpu_.sregs().cs);
    if (size != (image_.is_64_bit() ? CodeSize::bits64 : CodeSize::bits32)) return decode_here(size);
    const auto [entry, is_new] = decoded_.try_emplace(number(address));
    if (is_new) entry->second = decode_here(size);
    return entry->second;
}

Virtual Guest::stack_pointer() {
    const auto rsp = cpu_.regs().rsp;
    if (image_.is_64_bit()) return Virtual{rsp};
    const auto& ss = cpu_.sregs().ss;
    const std::uint64_t mask = ss.db != 0 ? 0xffffffff : 0xffff;
    return Virtual{(ss.base + (rsp & mask)) & 0xffffffff};
}

bool Guest::delivery_due() {
    const auto& events = cpu_.events();
    return (events.nmi.pending != 0 && can_deliver(Event::nmi())) || (latched_irq_ && can_deliver(Event::irq())) ||
           events.nmi.injected != 0 || events.interrupt.injected != 0 || events.exception.injected != 0;
}

bool Guest::can_land(Event event, const kvm_regs& regs, const kvm_sregs& sregs, const kvm_vcpu_events& events,
                     const MsrSet& msrs, std::uint64_t dr7) const {
    if (event.is_interrupt()) return true;
    if (event.kind == Event::Kind::watch) {
        return vm::can_deliver(regs, events, Event::irq()) && can_watch(*event.address, dr7);
    }
    if (!vm::can_deliver(regs, events, event)) return false;
    if (event.kind == Event::Kind::db && !can_break(regs.rip, dr7)) return false;
    if (event.kind == Event::Kind::mc) return (msrs[mcg_status_place] & mcg_status_mcip) == 0;
    if (event.is_trap()) return meets_watchpoint(*event.address, regs, sregs);
    return !event.address || fault_at(*event.address, regs, sregs).has_value();
}

bool Guest::is_held_back(Event event, const PageSet* saved) const {
    const auto read = [&](Virtual address, std::span<std::byte> to) {
        return saved == nullptr ? memory_.read(address, to) : memory_.read_saved(*saved, address, to);
    };
    if (event.kind == Event::Kind::ve && ve_information_) {
        constexpr std::uint64_t in_use_offset = 4;
        std::uint32_t in_use = 0;
        return read(Virtual{number(*ve_information_) + in_use_offset}, std::as_writable_bytes(std::span(&in_use, 1))) &&
               in_use != 0;
    }
    if (event.kind != Event::Kind::irq || !interrupts_in_service_) return false;
    // The upper four bits of a vector are its priority (SDM volume 3, 10.8.3.1).
    std::array<std::uint16_t, GATECRASH_VECTORS / 16> in_service{};
    const bool known = read(*interrupts_in_service_, std::as_writable_bytes(std::span(in_service)));
    return known && std::any_of(in_service.begin() + event.vector / 16, in_service.end(),
                                [](std::uint16_t vectors) { return vectors != 0; });
}

/// A guest that writes DR7 has breakpoints while that enables any, be it by LE or GE alone, which do nothing
/// else (SDM volume 3, 17.2.4).
bool Guest::has_breakpoints_on(std::uint64_t dr7) const {
    constexpr std::uint64_t enables = 0x3ff;
    return !abilities_.writes_dr7 || (dr7 & enables) != 0;
}

bool Guest::is_in(std::span<const Pair> ranges, std::uint64_t address) {
    return std::ranges::any_of(ranges,
                               [&](const auto& range) { return address >= range.first && address < range.second; });
}

bool Guest::can_break(std::uint64_t rip, std::uint64_t dr7) const {
    return has_breakpoints_on(dr7) && !is_in(breakpoints_refused_, rip);
}

bool Guest::can_watch(std::uint64_t address, std::uint64_t dr7) const {
    constexpr std::uint64_t enables_of_dr0 = 3;
    return has_breakpoints_on(dr7) && (dr7 & enables_of_dr0) == 0 && !is_in(watchpoints_refused_, address) &&
           memory_.translate(Virtual{address}).has_value();
}

/// IRET and loads of segments are not asked: an instruction that faults does not trap, and whether these do is not
/// known before.
bool Guest::meets_watchpoint(std::uint64_t address, const kvm_regs& regs, const kvm_sregs& sregs) const {
    const Virtual rip{regs.rip};
    const auto text = text_at(rip);
    const auto instruction = decode(text, rip, code_size(sregs.cs));
    if (!instruction || instruction->kind == Kind::iret || instruction->kind == Kind::load_ss) return false;
    if (!memory_.translate(Virtual{address})) return false;
    return std::ranges::any_of(memory_accesses(text, rip, regs, sregs), [&](const MemoryAccess& access) {
        return address >= access.address && address - access.address < access.size;
    });
}

std::optional<MemoryAccess> Guest::fault_at(std::uint64_t address, const kvm_regs& regs, const kvm_sregs& sregs) const {
    const auto page = page_of(Virtual{address});
    for (auto access : memory_accesses(text_at(Virtual{regs.rip}), Virtual{regs.rip}, regs, sregs)) {
        const auto first = page_of(Virtual{access.address});
        const auto last = page_of(Virtual{access.address + std::max<std::uint64_t>(access.size, 1) - 1});
        if (page != first && page != last) continue;
        if (page != first) access.address = number(page);
        return access;
    }
    return std::nullopt;
}

void Guest::land(Event event) {
    switch (event.kind) {
        case Event::Kind::nmi:
            return raise_nmi();
        case Event::Kind::irq:
            latched_irq_ = event.vector;
            return;
        case Event::Kind::db:
            if (!event.is_trap()) return raise_breakpoint();
            has_trap_ = true;
            return;
        case Event::Kind::watch:
            return arm_watchpoint(*event.address);
        case Event::Kind::mc:
            return raise_machine_check();
        case Event::Kind::pf:
            return raise_page_fault(event.address);
        case Event::Kind::ve:
            fill_in_ve_information();
            return raise_fault(event.vector, std::nullopt);
        case Event::Kind::hv:
            return inject(event.vector, std::nullopt);
        case Event::Kind::vc:
            return raise_fault(event.vector, vc_page_not_validated);
    }
}

/// What KVM_NMI does, without its ioctl: these registers go in with the next KVM_RUN. KVM counts up to two while NMIs
/// are unmasked; a CPU latches one (SDM volume 3, 6.7.1).
void Guest::raise_nmi() {
    auto events = cpu_.events();
    if (events.nmi.pending != 0) return;
    events.nmi.pending = 1;
    events.flags |= KVM_VCPUEVENT_VALID_NMI_PENDING;
    cpu_.set_events(events);
}

/// Of the debug registers only DR6 tells of it, as if the breakpoint were gone again: armed, it would come back behind
/// the handler's IRET unless that sets RF.
void Guest::raise_breakpoint() { raise_debug_exception(dr6_b0); }

void Guest::raise_debug_exception(std::uint64_t dr6_bits) {
    if (abilities_.uses_debug_registers) {
        auto registers = cpu_.debug_registers();
        registers.dr6 |= dr6_bits;
        cpu_.set_debug_registers(registers);
    }
    inject(GATECRASH_VECTOR_DB, std::nullopt);
}

/// One byte, for reads and writes (SDM volume 3, 17.2.4).
kvm_debugregs Guest::armed(kvm_debugregs before, std::uint64_t address) {
    constexpr std::uint64_t l0 = 1, reads_and_writes = 3 << 16, type_and_length = 0xf << 16;
    before.db[0] = address;
    before.dr7 = (before.dr7 & ~type_and_length) | reads_and_writes | l0;
    return before;
}

void Guest::arm_watchpoint(std::uint64_t address) {
    expect_watchpoints();
    cpu_.set_debug_registers(armed(cpu_.debug_registers(), address));
}

/// The bits of DR6 (B0 to B3) of those that DR7 enables.
std::uint64_t Guest::breakpoints_met(const kvm::DebugExit& exit) {
    constexpr std::uint64_t any = 0xf;
    if ((exit.dr6 & any) == 0) return 0;
    const auto dr7 = debug_registers().dr7;
    std::uint64_t met = 0;
    for (unsigned i = 0; i < 4; ++i) {
        const bool enabled = (dr7 >> 2 * i & 3) != 0;
        if (enabled) met |= exit.dr6 & 1U << i;
    }
    return met;
}

void Guest::give_back_breakpoint(const kvm::DebugExit& exit) {
    if (const auto met = breakpoints_met(exit); met != 0) raise_debug_exception(met);
}

void Guest::spring_trap() {
    has_trap_ = false;
    raise_breakpoint();
}

void Guest::raise_machine_check() {
    constexpr std::uint64_t valid = std::uint64_t{1} << 63, uncorrected = std::uint64_t{1} << 61,
                            enabled = std::uint64_t{1} << 60,
                            overwritten = std::uint64_t{1} << 62;  // MCi_STATUS (SDM volume 3, 15.3.2.2)
    kvm_x86_mce error{};
    error.status = valid | uncorrected | enabled;
    error.mcg_status = mcg_status_mcip | mcg_status_ripv;
    auto values = msrs();
    const bool shuts_down = (cpu_.sregs().cr4 & cr4_mce) == 0 || (values[mcg_status_place] & mcg_status_mcip) != 0;
    if (shuts_down) {
        flush_msrs();
        cpu_.machine_check(error);
        forget_msrs();
        return;
    }
    // Does the same as KVM_X86_SET_MCE, without its ioctls.
    if ((values[mc0_status_place] & valid) != 0) error.status |= overwritten;
    values[mcg_status_place] = error.mcg_status;
    values[mc0_status_place] = error.status;
    set_msrs(values);
    inject(GATECRASH_VECTOR_MC, std::nullopt);
}

void Guest::raise_page_fault(std::optional<std::uint64_t> address) {
    constexpr std::uint32_t write = 2, user = 4, fetch = 16;  // the error code's bits (SDM volume 3, 4.7)
    const auto regs = cpu_.regs();
    auto sregs = cpu_.sregs();
    std::uint32_t error_code = cpl() == 3 ? user : 0;
    if (address) {
        const auto access = fault_at(*address, regs, sregs);
        if (access && access->is_write) error_code |= write;
        sregs.cr2 = access ? access->address : *address;
    } else {
        error_code |= fetch;
        sregs.cr2 = regs.rip;
    }
    set_sregs(sregs);
    raise_fault(GATECRASH_VECTOR_PF, error_code);
}

void Guest::raise_fault(std::uint8_t vector, std::optional<std::uint32_t> error_code) {
    auto regs = cpu_.regs();
    regs.rflags |= rflags_rf;  // a fault pushes it set (SDM volume 3, 17.3.1.1)
    cpu_.set_regs(regs);
    inject(vector, error_code);
}

/// For the fetch of the next instruction (SDM volume 3, 25.5.7.2).
void Guest::fill_in_ve_information() {
    if (!ve_information_) return;
    struct {
        std::uint32_t exit_reason = 48, in_use = 0xffffffff;  // an EPT violation
        std::uint64_t exit_qualification = 4, linear_address = 0, physical_address = 0, eptp_index = 0;
    } information;
    const auto rip = cpu_.regs().rip;
    information.linear_address = rip;
    information.physical_address = number(memory_.translate(Virtual{rip}).value_or(Physical{}));
    if (!memory_.write(*ve_information_, std::as_bytes(std::span(&information, 1)))) {
        throw MachineFault("what this guest calls ve_information is not mapped");
    }
}

void Guest::inject(std::uint8_t vector, std::optional<std::uint32_t> error_code) {
    auto events = cpu_.events();
    events.exception.injected = 1;
    events.exception.nr = vector;
    events.exception.has_error_code = error_code ? 1 : 0;
    events.exception.error_code = error_code.value_or(0);
    cpu_.set_events(events);
}

/// What a local APIC does when the CPU takes an interrupt from it, for a guest that looks.
void Guest::put_in_service(std::uint8_t vector) {
    if (!interrupts_in_service_) return;
    const Virtual byte{number(*interrupts_in_service_) + vector / 8};
    const auto before = memory_.read<std::uint8_t>(byte).value_or(0);
    const auto now = static_cast<std::uint8_t>(before | 1U << vector % 8);
    if (!memory_.write(byte, std::as_bytes(std::span(&now, 1)))) {
        throw MachineFault("what this guest calls interrupts_in_service is not mapped");
    }
}

kvm::Exit Guest::run_once(bool irq_window) {
    if (has_stale_trap_ && !cpu_.is_stepping()) drop_stale_trap();
    if (latched_irq_) {
        auto events = cpu_.events();
        // KVM delivers it at once, before an NMI and whatever IF says. So it is injected only when it is the next
        // event.
        const bool nmi_first = events.nmi.injected != 0 || (events.nmi.pending != 0 && can_deliver(Event::nmi()));
        if (!nmi_first && events.exception.injected == 0 && can_deliver(Event::irq())) {
            const auto vector = *std::exchange(latched_irq_, std::nullopt);
            // Does the same as KVM_INTERRUPT, without its ioctl: KVM_RUN takes these registers in.
            events.interrupt.injected = 1;
            events.interrupt.nr = vector;
            events.interrupt.soft = 0;
            cpu_.set_events(events);
            put_in_service(vector);
        }
    }
    forget_unfinished_out();
    flush_msrs();
    is_memory_saved_ = false;
    msrs_known_ = false;
    watchdog_->begin_run();
    auto exit = cpu_.run(irq_window && latched_irq_.has_value());
    watchdog_->end_run();
    // KVM for AMD then resets the vCPU with its MSRs (Linux, shutdown_interception()).
    if (std::holds_alternative<kvm::ShutdownExit>(exit)) forget_msrs();
    // An instruction that KVM emulates ends by a debug exit, too, if it is stepped.
    has_stale_trap_ =
        cpu_.is_stepping() || ((cpu_.regs().rflags & rflags_tf) != 0 && !std::holds_alternative<kvm::DebugExit>(exit));
    const auto* error = std::get_if<kvm::InternalErrorExit>(&exit);
    if (std::holds_alternative<kvm::FailEntryExit>(exit) || (error != nullptr && !is_guests_doing(*error)) ||
        std::holds_alternative<kvm::OtherExit>(exit)) {
        throw MachineFault(kvm::describe(exit) + "\n" + dump());
    }
    return exit;
}

std::optional<Outcome> Guest::outcome_of(const kvm::Exit& exit) {
    if (const auto* io = std::get_if<kvm::IoExit>(&exit)) {
        const bool doorbell = finish_out(*io) && io->port >= GATECRASH_PORT_FIRST && io->port <= GATECRASH_PORT_LAST;
        if (!doorbell) return BadPort{io->port};
        if ((cpu_.regs().rflags & rflags_tf) != 0) raise_debug_exception(dr6_bs);
        return Doorbell{io->port};
    }
    if (const auto* mmio = std::get_if<kvm::MmioExit>(&exit)) {
        cpu_.complete_exit();
        return BadAccess{Physical{mmio->address}, mmio->is_write};
    }
    if (std::holds_alternative<kvm::HltExit>(exit)) return Halted{};
    if (std::holds_alternative<kvm::InternalErrorExit>(exit)) return BadUse{};
    if (std::holds_alternative<kvm::ShutdownExit>(exit)) return TripleFault{};
    if (std::holds_alternative<kvm::InterruptedExit>(exit) && watchdog_->fired()) return StillRunning{};
    return std::nullopt;
}

/// KVM moves RIP behind an OUT only when it runs the next time, and not if RIP is another by then (Linux 45def77ebf79,
/// "KVM: x86: update %rip after emulating IO"). So a plain OUT is finished by setting RIP, which costs nothing, and by
/// ending a shadow that it was in, as KVM would; what KVM's emulator executes (string instructions) it also has to
/// finish. True for a plain OUT of AL.
bool Guest::finish_out(const kvm::IoExit& io) {
    const auto instruction = next_instruction();
    if (!io.is_out || !instruction || instruction->kind != Kind::out) {
        cpu_.complete_exit();
        return false;
    }
    auto regs = cpu_.regs();
    unfinished_out_ = regs.rip;
    regs.rip += instruction->length;
    regs.rflags &= ~rflags_rf;  // it is for one instruction, which is done
    cpu_.set_regs(regs);
    end_shadow();
    return io.size == 1;
}

/// Behind an executed instruction there is none but its own. Without this KVM's own is left over: QEMU's VMRUN keeps
/// the shadow of the STI in front of it, and an OUT that is the first instruction to be executed then exits with that.
/// It is the first only if an interrupt of the host came right there: at some one of a thousand doorbells on a busy
/// host.
void Guest::end_shadow() {
    auto events = cpu_.events();
    if (events.interrupt.shadow == 0) return;
    events.interrupt.shadow = 0;
    events.flags |= KVM_VCPUEVENT_VALID_SHADOW;
    cpu_.set_events(events);
}

kvm_debugregs Guest::debug_registers() {
    return abilities_.uses_debug_registers ? cpu_.debug_registers() : reset_debug_registers_;
}

/// Should RIP be that of the OUT again, KVM would take it for the one to finish, and skip it.
void Guest::forget_unfinished_out() {
    const auto address = std::exchange(unfinished_out_, std::nullopt);
    const auto regs = cpu_.regs();
    if (address != regs.rip) return;
    const auto events = cpu_.events();
    cpu_.complete_exit();
    cpu_.set_regs(regs);
    cpu_.set_events(events);
}

Outcome Guest::run() {
    for (;;) {
        const auto exit = run_once(true);
        if (auto outcome = outcome_of(exit)) return *outcome;
        if (std::holds_alternative<kvm::DebugExit>(exit)) {
            throw MachineFault("a debug exit from a free run: " + kvm::describe(exit) + "\n" + dump());
        }
    }
}

const MsrSet& Guest::msrs() {
    if (!msrs_) {
        msrs_.emplace();
        get_msrs(saved_msrs.size());
    } else if (!msrs_known_ && abilities_.writes_msrs) {
        get_msrs(saved_msrs.size());
    } else if (!msrs_known_ && abilities_.swaps_gs) {
        get_msrs(1);  // KERNEL_GS_BASE
    }
    msrs_known_ = true;
    return *msrs_;
}

void Guest::get_msrs(std::size_t count) {
    std::array<kvm_msr_entry, saved_msrs.size()> entries{};
    for (std::size_t i = 0; i < count; ++i) entries.at(i).index = saved_msrs.at(i);
    cpu_.get_msrs(std::span(entries).first(count));
    // AMD's SYSENTER is for 32 bits. A guest that writes 64 may read them back, but KVM, asked to write them, keeps 32.
    const auto kept = [&](const kvm_msr_entry& entry) {
        const bool is_half = is_amd_ && (entry.index == msr_sysenter_esp || entry.index == msr_sysenter_eip);
        return is_half ? entry.data & 0xffffffff : entry.data;
    };
    for (std::size_t i = 0; i < count; ++i) msrs_->at(i) = msrs_of_kvm_.at(i) = kept(entries.at(i));
}

void Guest::set_msrs(const MsrSet& values) {
    (void)msrs();  // flush_msrs() needs to know what KVM has
    msrs_ = values;
}

void Guest::forget_msrs() {
    msrs_.reset();
    msrs_known_ = false;
}

void Guest::flush_msrs() {
    if (!msrs_known_ || *msrs_ == msrs_of_kvm_) return;
    std::array<kvm_msr_entry, saved_msrs.size()> entries{};
    std::size_t count = 0;
    for (std::size_t i = 0; i < entries.size(); ++i) {
        if (msrs_->at(i) == msrs_of_kvm_.at(i)) continue;
        entries.at(count).index = saved_msrs.at(i);
        entries.at(count++).data = msrs_->at(i);
    }
    cpu_.set_msrs(std::span(entries).first(count));
    msrs_of_kvm_ = *msrs_;
}

void Guest::expect_runs_of(std::chrono::microseconds usual) {
    using std::chrono::microseconds;
    // Three ticks are many times the duration of a run on an idle host. Shorter ticks would cost more thread switches.
    constexpr microseconds shortest(2000), longest(7000);
    watchdog_->set_tick(std::clamp(usual * 4, shortest, longest));
}

Snapshot Guest::snapshot(const Snapshot* base) {
    const bool same_pages = base != nullptr && is_memory_saved_ && base->number == last_snapshot_ &&
                            writes_at_snapshot_ == memory_.writes();
    Snapshot snapshot{cpu_.regs(),
                      cpu_.sregs(),
                      cpu_.events(),
                      debug_registers(),
                      msrs(),
                      latched_irq_,
                      same_pages ? base->pages : memory_.save(base == nullptr ? nullptr : &base->pages),
                      ++last_snapshot_};
    is_memory_saved_ = true;
    writes_at_snapshot_ = memory_.writes();
    snapshot.sregs.idt = guest_idt();
    snapshot.sregs.tr.type = busy_tss;
    return snapshot;
}

void Guest::restore(const Snapshot& snapshot) {
    disarm_breakpoints();
    if (snapshot.events.nmi.masked == 0) unmask_nmis();
    memory_.restore(snapshot.pages);
    is_memory_saved_ = false;
    set_msrs(snapshot.msrs);
    if (abilities_.uses_debug_registers) cpu_.set_debug_registers(snapshot.debug_registers);
    set_sregs(snapshot.sregs);
    cpu_.set_regs(snapshot.regs);
    auto events = snapshot.events;
    events.flags = cpu_.events().flags | KVM_VCPUEVENT_VALID_NMI_PENDING | KVM_VCPUEVENT_VALID_SHADOW;
    cpu_.set_events(events);
    latched_irq_ = snapshot.latched_irq;
    has_trap_ = false;
    overridden_idt_.reset();
}

void Guest::set_sregs(kvm_sregs sregs) {
    // Intel's VM entry wants a busy TSS (SDM volume 3, 26.3.1.2). AMD's does not look, and KVM reports "busy" whatever
    // was set; but QEMU's check of the I/O bitmap refuses a TSS that is busy, and then user code has no doorbell.
    // KVM for AMD always reports "busy". If the guest cannot have changed TR, its type is still what was set last.
    auto same = sregs;
    same.tr.type = cpu_.sregs().tr.type;
    if (!abilities_.changes_task_register && std::memcmp(&same, &cpu_.sregs(), sizeof same) == 0) return;
    sregs.tr.type = is_amd_ ? available_tss : busy_tss;
    cpu_.set_sregs(sregs);
}

kvm_dtable Guest::guest_idt() { return overridden_idt_.value_or(cpu_.sregs().idt); }

void Guest::override_idt(kvm_dtable idt) {
    auto sregs = cpu_.sregs();
    if (!overridden_idt_ || sregs.idt.base != idt.base) overridden_idt_ = sregs.idt;
    sregs.idt = idt;
    set_sregs(sregs);
}

void Guest::restore_idt() {
    if (!overridden_idt_) return;
    auto sregs = cpu_.sregs();
    sregs.idt = *std::exchange(overridden_idt_, std::nullopt);
    set_sregs(sregs);
}

}  // namespace gatecrash::vm
