// Tests guests that misbehave. Each one costs a single verdict, with a message that says what the guest did. It never
// causes a hang, a crash, an error of the harness, or a wrong `holds`.
#include <gmock/gmock.h>

#include <cstring>
#include <functional>

#include "qualify/qualify.hpp"
#include "support/swept_guest.hpp"
#include "vm/vendor.hpp"

namespace gatecrash::sweep {
namespace {

using testing::AnyOf;
using testing::HasSubstr;
using testing::IsEmpty;
using vm::Code;
using vm::Event;
using vm::GuestCode;
using vm::StepperKind;
using vm::Vendor;
using Xbyak::Label;

constexpr std::uint64_t task_stack_low = GuestCode::kernel_stack - GATECRASH_PAGE + GATECRASH_CANARY_SIZE;
constexpr std::uint64_t task_stack_high = GuestCode::kernel_stack - GATECRASH_CANARY_SIZE;
constexpr std::uint64_t nmi_stack_high = GuestCode::stack(GATECRASH_IST_NMI) - GATECRASH_CANARY_SIZE;
/// Where take_own_page_tables() maps guest-physical 0 to 2 MiB.
constexpr std::uint64_t own_mapping = GATECRASH_KERNEL_BASE;

/// Where GuestCode has its tables.
constexpr std::uint64_t gdt_address = GuestCode::kernel_text + 4 * GATECRASH_PAGE;
constexpr std::uint64_t idt_address = gdt_address + GATECRASH_PAGE;

constexpr std::uint32_t msr_efer = 0xc0000080, msr_lstar = 0xc0000082;

using Emit = GuestBuilder::Emit;

/// The place where a guest misbehaves. In its window, the run without events shows it; in its NMI handler, only a
/// schedule does. `user` is a window at CPL 3, and the rest is outside of the window.
enum class Place : std::uint8_t { window, handler, user, before, behind };

/// Adds a stub for each exception but #DE and NMI. It logs vector, error code and return frame in a FATAL record of its
/// own.
void add_fatal_stubs(GuestBuilder& guest) {
    constexpr std::uint32_t with_error_code = 0x00227d00;  // vectors 8, 10 to 14, 17 and 21
    auto& k = guest.code.kernel;
    Label fatal;
    for (std::uint8_t vector = 1; vector < GATECRASH_FIRST_IRQ; ++vector) {
        if (vector == GATECRASH_VECTOR_NMI) continue;
        Label stub;
        k.L(stub);
        if ((with_error_code >> vector & 1) == 0) k.push(0);
        k.push(vector);
        k.jmp(fatal, Code::T_NEAR);
        guest.code.handle(vector, stub);
    }
    k.L(fatal);
    k.mov(k.rax, GuestCode::log);
    k.mov(k.rcx, k.ptr[k.rax]);
    k.inc(k.qword[k.rax]);
    k.shl(k.rcx, 6);
    k.lea(k.rax, k.ptr[k.rax + k.rcx + offsetof(abi::Log, records)]);
    k.mov(k.dword[k.rax], GATECRASH_LOG_FATAL);
    k.mov(k.ptr[k.rax + offsetof(abi::LogRecord, frame)], k.rsp);
    k.pop(k.rcx);
    k.mov(k.dword[k.rax + offsetof(abi::LogRecord, vector)], k.ecx);
    for (const auto field :
         {offsetof(abi::LogRecord, error), offsetof(abi::LogRecord, rip), offsetof(abi::LogRecord, cs),
          offsetof(abi::LogRecord, rflags), offsetof(abi::LogRecord, rsp), offsetof(abi::LogRecord, ss)}) {
        k.pop(k.rcx);
        k.mov(k.ptr[k.rax + field], k.rcx);
    }
    k.doorbell(GATECRASH_PORT_FATAL);
}

vm::Segment& segment_at(vm::Image& image, std::uint64_t address) {
    return *std::find_if(image.segments.begin(), image.segments.end(),
                         [&](const auto& s) { return s.contains(vm::Virtual{address}); });
}

/// Shortens the stacks of the task and of NMIs by a canary at each end.
void make_canaries(vm::Image& image) {
    constexpr std::size_t ist1_in_tss = 0x24;
    auto& tables = segment_at(image, image.descriptor.tss);
    const auto ist1 = image.descriptor.tss + ist1_in_tss - number(tables.address);
    std::memcpy(tables.bytes.data() + ist1, &nmi_stack_high, sizeof nmi_stack_high);
    image.descriptor.boot_stack = task_stack_high;
    constexpr auto length = GATECRASH_PAGE - 2 * GATECRASH_CANARY_SIZE;
    image.stacks = {{"task", task_stack_high - length, task_stack_high},
                    {"nmi", nmi_stack_high - length, nmi_stack_high}};
    constexpr std::uint64_t canary = GATECRASH_CANARY;
    for (const auto& stack : image.stacks) {
        auto& bytes = segment_at(image, stack.low).bytes;
        for (std::size_t at = 0; at < GATECRASH_CANARY_SIZE; at += sizeof canary) {
            std::memcpy(bytes.data() + at, &canary, sizeof canary);
            std::memcpy(bytes.data() + bytes.size() - GATECRASH_CANARY_SIZE + at, &canary, sizeof canary);
        }
    }
}

/// Returns a guest with a window of two NOPs, a handler for NMIs, and canaries at both ends of its stacks. For each
/// exception it has a stub that logs it as FATAL; only the handler of #DE returns. `body` stands where `place` says.
SweptGuest hostile(const Emit& body, Place place) {
    GuestBuilder guest;
    guest.handler("nmi", GATECRASH_VECTOR_NMI, GATECRASH_IST_NMI, place == Place::handler ? body : nullptr);
    guest.bare_handler("divide", 0, 0, [](Code& k) { k.iretq(); });
    add_fatal_stubs(guest);
    guest.start();
    auto& k = guest.code.kernel;
    k.push(1);
    auto& code = place == Place::user ? guest.code.user : k;
    if (place == Place::user) guest.code.enter_user();
    if (place == Place::before) body(k);
    code.doorbell(GATECRASH_PORT_BEGIN);
    code.nop();
    if (place == Place::window || place == Place::user) body(code);
    code.nop();
    code.doorbell(GATECRASH_PORT_END);
    if (place == Place::behind) body(k);
    if (place == Place::user) code.doorbell(GATECRASH_PORT_DONE);
    auto built = guest.build("hostile");
    make_canaries(built.image);
    return built;
}

SweepOptions with_nmi(StepperKind stepper) {
    SweepOptions options;
    options.events = {Event::nmi()};
    options.stepper = stepper;
    return options;
}

// --- misbehaviour ------------------------------------------------------------------------------------------------

void store(Code& k, std::uint64_t address, std::uint32_t value) {
    k.mov(k.rax, address);
    k.mov(k.dword[k.rax], value);
}

void go_to(Code& k, std::uint64_t address) {
    k.mov(k.rax, address);
    k.jmp(k.rax);
}

void read_cr(Code& k, int number) { k.bytes({0x0f, 0x20, 0xc0 | (number << 3)}); }   // mov rax, cr
void write_cr(Code& k, int number) { k.bytes({0x0f, 0x22, 0xc0 | (number << 3)}); }  // mov cr, rax
void write_dr(Code& k, int number) { k.bytes({0x0f, 0x23, 0xc0 | (number << 3)}); }  // mov dr, rax

void clear_cr_bit(Code& k, int number, unsigned bit) {
    read_cr(k, number);
    k.btr(k.rax, bit);
    write_cr(k, number);
}

void flip_msr_bit(Code& k, std::uint32_t msr, unsigned bit) {
    k.mov(k.ecx, msr);
    k.rdmsr();
    k.btc(k.eax, bit);
    k.wrmsr();
}

/// Wraps `body` so that RAX, RCX and RDX keep their values.
Emit quietly(const Emit& body) {
    return [body](Code& k) {
        for (const auto& reg : {k.rax, k.rcx, k.rdx}) k.push(reg);
        body(k);
        for (const auto& reg : {k.rdx, k.rcx, k.rax}) k.pop(reg);
    };
}

/// Emits LIDT (3) or LGDT (2) of a table at `base`.
void load_table(Code& k, int which, std::uint64_t base, std::uint32_t limit) {
    k.mov(k.rax, base);
    k.push(k.rax);
    k.sub(k.rsp, 2);
    k.mov(k.word[k.rsp], limit);
    k.bytes({0x0f, 0x01, 0x04 | (which << 3), 0x24});  // [rsp]
    k.add(k.rsp, 10);
}

/// Page tables in the guest's data: one page is PML4 and PDPT, the next a PD that maps 0 to 2 MiB with all rights. The
/// old CR3 is in RBX.
void take_own_page_tables(Code& k) {
    constexpr std::uint32_t rights = 0x67, large = 0x80;
    constexpr std::uint64_t physical = GATECRASH_DATA;
    store(k, GuestCode::data + 511 * 8, physical | rights);
    store(k, GuestCode::data + 510 * 8, (physical + GATECRASH_PAGE) | rights);
    store(k, GuestCode::data + GATECRASH_PAGE, rights | large);
    read_cr(k, 3);
    k.mov(k.rbx, k.rax);
    k.mov(k.eax, physical);
    write_cr(k, 3);
}

void write_to_page_tables(Code& k) {
    take_own_page_tables(k);
    k.mov(k.rax, own_mapping);
    k.mov(k.qword[k.rax + k.rbx], 0x7fffffff);
    k.mov(k.rax, k.rbx);
}

void set_tf(Code& k) {
    k.pushfq();
    k.or_(k.dword[k.rsp], 0x100);
    k.popfq();
    k.nop();
    k.nop();
}

void break_on_data(Code& k) {
    k.mov(k.rax, GuestCode::data);
    write_dr(k, 0);
    k.mov(k.eax, 0xd0402);  // DR0: writes of four bytes
    write_dr(k, 7);
    store(k, GuestCode::data, 1);
}

void loop(Code& k, const Emit& body) {
    Label again;
    k.L(again);
    body(k);
    k.jmp(again);
}

/// VMCALL or VMMCALL.
void hypercall(Code& k, Vendor vendor) { k.bytes({0x0f, 0x01, vendor == Vendor::intel ? 0xc1 : 0xd9}); }

struct Hostile {
    const char* name;
    Emit body;
    Invariant invariant;
    const char* message;
    std::vector<Place> places = {Place::window, Place::handler};
    std::optional<std::pair<Invariant, const char*>> on_intel{};  ///< the result on Intel, if KVM differs there
};

const std::vector<Place> anywhere{Place::window, Place::handler, Place::user};
const std::vector<Place> only_handler{Place::handler};
const std::vector<Place> only_user{Place::user};

const Hostile hostile_guests[]{
    // These guests never end.
    {"ALoop", [](Code& k) { loop(k, [](Code& c) { c.inc(c.al); }); }, Invariant::progress, "never ends", anywhere},
    {"ALoopThatCounts", [](Code& k) { loop(k, [](Code& c) { c.inc(c.rbx); }); }, Invariant::progress, "never ends",
     only_handler},
    {"AJumpToItself", [](Code& k) { loop(k, [](Code&) {}); }, Invariant::progress, "never ends", anywhere},
    {"ALoopOfPause", [](Code& k) { loop(k, [](Code& c) { c.pause(); }); }, Invariant::progress, "never ends", anywhere},
    {"ALoopOfMwait",
     [](Code& k) {
         k.mov(k.rax, GuestCode::data);
         k.xor_(k.ecx, k.ecx);
         k.xor_(k.edx, k.edx);
         loop(k, [](Code& c) { c.bytes({0x0f, 0x01, 0xc8, 0x0f, 0x01, 0xc9}); });
     },
     Invariant::progress, "never ends"},
    {"ALoopOfFaults",
     [](Code& k) {
         k.xor_(k.ecx, k.ecx);
         k.div(k.ecx);
     },
     Invariant::progress, "never ends", anywhere},
    {"ALoopOfWbinvd", [](Code& k) { loop(k, [](Code& c) { c.wbinvd(); }); }, Invariant::progress, "never ends"},
    {"AHalt", [](Code& k) { k.hlt(); }, Invariant::progress, "halts at"},

    // These guests shut the CPU down.
    {"AnIdtWithoutEntries",
     [](Code& k) {
         load_table(k, 3, 0, 0);
         k.int3();
     },
     Invariant::no_unexpected_vector, "triple fault"},
    {"AnIdtThatIsNotMapped",
     [](Code& k) {
         load_table(k, 3, 0x123000, 0xfff);
         k.int3();
     },
     Invariant::no_unexpected_vector, "triple fault"},
    {"AnIdtOfRubbish",
     [](Code& k) {
         load_table(k, 3, GuestCode::data, 0xfff);
         k.int3();
     },
     Invariant::no_unexpected_vector, "triple fault"},
    {"AGdtOfRubbish",
     [](Code& k) {
         load_table(k, 2, GuestCode::data, 0x7f);
         k.int3();
     },
     Invariant::no_unexpected_vector, "triple fault"},
    {"AStackThatIsNotCanonical",
     [](Code& k) {
         k.mov(k.rsp, 0x8000000000000000);
         k.push(k.rax);
     },
     Invariant::no_unexpected_vector, "triple fault"},
    {"AStackInReadOnlyMemory",
     [](Code& k) {
         k.mov(k.rsp, GuestCode::kernel_text + GATECRASH_PAGE);
         k.push(k.rax);
     },
     Invariant::no_unexpected_vector, "triple fault"},
    // On hardware a triple fault. On `amd` nested paging tries the walk for ever; on `intel` KVM takes the fault for
    // that of an instruction, which it cannot read.
    {"ACr3OutsideMemory",
     [](Code& k) {
         k.mov(k.eax, 0x7ffff000);
         write_cr(k, 3);
     },
     Invariant::progress,
     "never ends",
     {Place::window},
     std::pair{Invariant::no_unexpected_vector, "KVM stopped with an emulation error"}},
    {"ACr3OfRubbish",
     [](Code& k) {
         k.mov(k.eax, GATECRASH_TEXT);
         write_cr(k, 3);
     },
     Invariant::progress, "never ends", only_handler},
    {"NoExecuteProtectionDisabled", [](Code& k) { flip_msr_bit(k, msr_efer, 11); }, Invariant::no_unexpected_vector,
     "triple fault"},

    // These guests take an exception.
    {"PagingOff", [](Code& k) { clear_cr_bit(k, 0, 31); }, Invariant::no_unexpected_vector, "vector 13"},
    {"ProtectionOff", [](Code& k) { clear_cr_bit(k, 0, 0); }, Invariant::no_unexpected_vector, "vector 13"},
    {"PaeOff", [](Code& k) { clear_cr_bit(k, 4, 5); }, Invariant::no_unexpected_vector, "vector 13"},
    {"LongModeOff", [](Code& k) { flip_msr_bit(k, msr_efer, 8); }, Invariant::no_unexpected_vector, "vector 13"},
    {"AnUnknownMsr",
     [](Code& k) {
         k.mov(k.ecx, 0x12345678);
         k.rdmsr();
     },
     Invariant::no_unexpected_vector, "vector 13"},
    {"ANonCanonicalJump", [](Code& k) { go_to(k, 0x8000000000000000); }, Invariant::no_unexpected_vector, "vector 13",
     anywhere},
    {"AJumpIntoNothing", [](Code& k) { go_to(k, 0x12345000); }, Invariant::no_unexpected_vector, "vector 14", anywhere},
    {"AJumpBelowAllSymbols", [](Code& k) { go_to(k, 0x1000); }, Invariant::no_unexpected_vector, "vector 14", anywhere},
    {"AJumpIntoData", [](Code& k) { go_to(k, GuestCode::data); }, Invariant::no_unexpected_vector, "vector 14"},
    {"AJumpIntoTheUsersStack", [](Code& k) { go_to(k, GATECRASH_USER_STACK); }, Invariant::no_unexpected_vector,
     "vector 14", anywhere},
    {"AJumpIntoTheHarness", [](Code& k) { go_to(k, 0xffffffffc0000000); }, Invariant::no_unexpected_vector, "vector 14",
     only_user},
    {"Rsm",
     [](Code& k) {
         k.bytes({0x0f, 0xaa});
     },
     Invariant::no_unexpected_vector, "vector 6", anywhere},
    {"Xsetbv",
     [](Code& k) {
         k.xor_(k.ecx, k.ecx);
         k.bytes({0x0f, 0x01, 0xd1});
     },
     Invariant::no_unexpected_vector, "vector 6"},
    {"AHypercallOfAnotherVendor",
     [](Code& k) { hypercall(k, vm::cpu_vendor() == Vendor::amd ? Vendor::intel : Vendor::amd); },
     Invariant::no_unexpected_vector, "vector 6"},
    {"Hlt", [](Code& k) { k.hlt(); }, Invariant::no_unexpected_vector, "vector 13", only_user},
    {"Cli", [](Code& k) { k.cli(); }, Invariant::no_unexpected_vector, "vector 13", only_user},
    {"APort", [](Code& k) { k.out_(0x80, k.al); }, Invariant::no_unexpected_vector, "vector 13", only_user},

    // These guests use a device that does not exist.
    {"AWrongPort", [](Code& k) { k.out_(0x80, k.al); }, Invariant::no_unexpected_vector, "port 0x80"},
    {"AWidePort", [](Code& k) { k.out_(0x80, k.eax); }, Invariant::no_unexpected_vector, "port 0x80"},
    {"ADoorbellThatIsRead", [](Code& k) { k.in_(k.al, GATECRASH_PORT_END); }, Invariant::no_unexpected_vector,
     "port 0xd2", anywhere},
    {"ADoorbellRungByAString",
     [](Code& k) {
         k.mov(k.edx, GATECRASH_PORT_END);
         k.mov(k.rsi, GuestCode::data);
         k.mov(k.ecx, 100);
         k.rep();
         k.outsb();
     },
     Invariant::no_unexpected_vector, "port 0xd2"},
    {"ADoorbellRungForever",
     [](Code& k) {
         k.mov(k.edx, GATECRASH_PORT_END);
         k.mov(k.rsi, GuestCode::data);
         k.mov(k.rcx, 0x7fffffffffffffff);
         k.rep();
         k.outsb();
     },
     Invariant::no_unexpected_vector, "port 0xd2"},
    {"ADoorbellReadByAString",
     [](Code& k) {
         k.mov(k.edx, GATECRASH_PORT_END);
         k.mov(k.rdi, GuestCode::data);
         k.mov(k.ecx, 100);
         k.rep();
         k.bytes({0x6c});  // insb
     },
     Invariant::no_unexpected_vector, "port 0xd2"},
    {"ADeviceThatIsRead",
     [](Code& k) {
         take_own_page_tables(k);
         k.mov(k.rax, own_mapping + 0x100001);
         k.mov(k.dx, k.ptr[k.rax]);
     },
     Invariant::no_unexpected_vector, "absent memory at guest-physical 0x100001"},
    {"ADeviceReadAcrossAPage",
     [](Code& k) {
         take_own_page_tables(k);
         k.mov(k.rax, own_mapping + 0x100ffd);
         k.mov(k.rdx, k.ptr[k.rax]);
     },
     Invariant::no_unexpected_vector, "absent memory at guest-physical 0x100ffd"},
    {"ADeviceWrittenByAString",
     [](Code& k) {
         take_own_page_tables(k);
         k.mov(k.rdi, own_mapping + 0x100ffd);
         k.mov(k.rcx, 0x7fffffff);
         k.rep();
         k.stosq();
     },
     Invariant::read_only_tables, "absent memory at guest-physical 0x100ffd"},
    {"CodeInADevice",
     [](Code& k) {
         take_own_page_tables(k);
         go_to(k, own_mapping + 0x100000);
     },
     Invariant::no_unexpected_vector, "absent memory"},

    // These guests write to forbidden memory.
    {"AWriteToText", [](Code& k) { store(k, GuestCode::kernel_text, 7); }, Invariant::read_only_tables, "vector 14"},
    {"AWriteToTheIdt", [](Code& k) { store(k, idt_address, 7); }, Invariant::read_only_tables, "vector 14"},
    {"AWriteToUserText", [](Code& k) { store(k, GuestCode::user_text, 7); }, Invariant::read_only_tables, "vector 14",
     anywhere},
    {"AWriteToTextWithoutWriteProtection",
     [](Code& k) {
         clear_cr_bit(k, 0, 16);
         store(k, GuestCode::kernel_text, 7);
     },
     Invariant::read_only_tables, "write to read-only"},
    {"AWriteToTextThroughItsOwnPageTables",
     [](Code& k) {
         take_own_page_tables(k);
         store(k, GuestCode::kernel_text, 7);
     },
     Invariant::read_only_tables, "write to read-only"},
    {"AWriteToThePageTables", write_to_page_tables, Invariant::page_tables, "page tables", {Place::window}},
    // These guests damage the page tables, a stack or the log.
    {"AWriteToThePageTables", write_to_page_tables, Invariant::page_tables, "with CR3 0x40000, not", {Place::handler}},
    {"ACanaryAtTheBottom", [](Code& k) { store(k, task_stack_low - 8, 7); }, Invariant::stack,
     "canary at the bottom of stack task"},
    {"ACanaryAtTheTop", [](Code& k) { store(k, task_stack_high, 7); }, Invariant::stack,
     "canary at the top of stack task"},
    {"AFloodOfTheLog",
     [](Code& k) {
         k.mov(k.rdi, GuestCode::log + offsetof(abi::Log, records));
         k.mov(k.ecx, 63 * 8);
         k.mov(k.eax, GATECRASH_LOG_FULL);
         k.rep();
         k.stosq();
         store(k, GuestCode::log, GATECRASH_LOG_CAPACITY);
     },
     Invariant::progress,
     "over and over",
     {Place::window}},
    {"AFloodOfTheLogBeyondItsEnd",
     [](Code& k) {
         k.mov(k.rdi, GuestCode::log);
         loop(k, [](Code& c) { c.stosq(); });
     },
     Invariant::stack, "log ring is overwritten"},
    {"ALogOfRubbish",
     [](Code& k) {
         k.mov(k.rax, GuestCode::log);
         k.or_(k.qword[k.rax], -1);
     },
     Invariant::stack, "log ring is overwritten"},
    {"ALogThatForgets", [](Code& k) { store(k, GuestCode::log, 0); }, Invariant::stack, "", only_handler},

    // These guests do not restore the state of the CPU.
    {"AnotherLstar", quietly([](Code& k) { flip_msr_bit(k, msr_lstar, 4); }), Invariant::round_trip, "LSTAR",
     only_handler},
    {"SyscallDisabled", quietly([](Code& k) { flip_msr_bit(k, msr_efer, 0); }), Invariant::round_trip, "EFER",
     only_handler},
    {"WriteProtectionOff", quietly([](Code& k) { clear_cr_bit(k, 0, 16); }), Invariant::round_trip, "CR0",
     only_handler},
    {"MachineChecksOff", quietly([](Code& k) { clear_cr_bit(k, 4, 6); }), Invariant::round_trip, "CR4", only_handler},
    {"AnotherCr8", quietly([](Code& k) {
         k.mov(k.eax, 3);
         k.bytes({0x44, 0x0f, 0x22, 0xc0});  // mov cr8, rax
     }),
     Invariant::round_trip, "CR8", only_handler},
    {"AnotherIdt", quietly([](Code& k) { load_table(k, 3, idt_address, 0x1ff); }), Invariant::round_trip, "IDT",
     only_handler},
    {"AnotherGdt", quietly([](Code& k) { load_table(k, 2, gdt_address, 0x47); }), Invariant::round_trip, "GDT",
     only_handler},
    {"ABreakpointLeftArmed", quietly([](Code& k) {
         k.mov(k.eax, 0xd0402);
         write_dr(k, 7);
     }),
     Invariant::round_trip, "DR7", only_handler},
    {"ItsOwnPageTables", take_own_page_tables, Invariant::page_tables, "CR3", only_handler},

    // These guests ring the wrong doorbell. Without an event, that is a workload without END: see HostileWorkload.
    {"AWindowInsideAWindow", [](Code& k) { k.doorbell(GATECRASH_PORT_BEGIN); }, Invariant::round_trip,
     "left its window by doorbell BEGIN", only_handler},
    {"DoneInsideAWindow", [](Code& k) { k.doorbell(GATECRASH_PORT_DONE); }, Invariant::round_trip,
     "left its window by doorbell DONE", only_handler},
    {"FatalWithoutAReason", [](Code& k) { k.doorbell(GATECRASH_PORT_FATAL); }, Invariant::no_unexpected_vector,
     "logged no reason", anywhere},
};

using Given = std::pair<Hostile, Place>;
class HostileGuests : public testing::TestWithParam<Given> {};

TEST_P(HostileGuests, CostOneVerdict) {
    const auto& [given, place] = GetParam();
    const auto code = hostile(given.body, place);
    const auto result = code.sweep(with_nmi(StepperKind::trap_flag));
    ASSERT_FALSE(result.findings.empty()) << "holds";
    const auto& finding = result.findings.front();
    const bool otherwise = given.on_intel && vm::cpu_vendor() == vm::Vendor::intel;
    const auto [invariant, message] = otherwise ? *given.on_intel : std::pair{given.invariant, given.message};
    EXPECT_EQ(finding.violation.invariant, invariant);
    EXPECT_THAT(finding.violation.message, HasSubstr(message));
    const auto replayed = code.replay(parse_schedule(to_string(finding.schedule)), StepperKind::stop_bytes);
    ASSERT_FALSE(replayed.violations.empty());
    EXPECT_EQ(replayed.violations.front().invariant, invariant);
    EXPECT_THAT(replayed.violations.front().message, HasSubstr(message));
}

TEST(HostileWorkload, ThatLeavesEndOutIsRefused) {
    for (const auto place : {Place::window, Place::user}) {
        for (const auto port : {GATECRASH_PORT_BEGIN, GATECRASH_PORT_DONE}) {
            const auto code = hostile([port](Code& k) { k.doorbell(port); }, place);
            EXPECT_THROW((void)code.sweep(with_nmi(StepperKind::trap_flag)), vm::ImageError);
            EXPECT_THROW((void)code.replay(parse_schedule("hostile"), StepperKind::trap_flag), vm::ImageError);
        }
    }
}

std::vector<Given> all_hostile_guests() {
    std::vector<Given> all;
    for (const auto& guest : hostile_guests) {
        for (const auto place : guest.places) all.emplace_back(guest, place);
    }
    return all;
}

std::string name_of(const testing::TestParamInfo<Given>& info) {
    constexpr std::array places{"InTheWindow", "InTheHandler", "AtCpl3"};
    return std::string(info.param.first.name) + places.at(static_cast<std::size_t>(info.param.second));
}

INSTANTIATE_TEST_SUITE_P(Explore, HostileGuests, testing::ValuesIn(all_hostile_guests()), name_of);

/// The first finding's message, or the refusal.
std::string verdict_of(const SweptGuest& code, StepperKind stepper) {
    try {
        const auto result = code.sweep(with_nmi(stepper));
        return result.findings.empty() ? "holds" : result.findings.front().violation.message;
    } catch (const vm::ImageError& error) {
        return error.what();
    }
}

/// Guests that the harness must refuse, since their run without events is no valid window.
const struct Unusable {
    const char* name;
    Place place;
    Emit body;
    const char* message;
} unusable_guests[]{
    {"NeverRingsBegin", Place::before, [](Code& k) { k.doorbell(GATECRASH_PORT_DONE); }, "without any window"},
    {"RingsEndFirst", Place::before, [](Code& k) { k.doorbell(GATECRASH_PORT_END); }, "ended with: doorbell END"},
    {"RingsEndTwice", Place::behind, [](Code& k) { k.doorbell(GATECRASH_PORT_END); }, "ended with: doorbell END"},
    {"NeverRingsDone", Place::behind, [](Code& k) { loop(k, [](Code&) {}); }, "ended with: still running"},
    {"LoopsBeforeBegin", Place::before, [](Code& k) { loop(k, [](Code& c) { c.inc(c.rbx); }); },
     "ended with: still running"},
    {"HaltsBeforeBegin", Place::before, [](Code& k) { k.hlt(); }, "ended with: HLT"},
    {"TripleFaultsBeforeBegin", Place::before,
     [](Code& k) {
         load_table(k, 3, 0, 0);
         k.int3();
     },
     "ended with: triple fault"},
    {"GivesUpBeforeBegin", Place::before, [](Code& k) { k.ud2(); }, "ended with: doorbell FATAL"},
    {"RunsDevicesBeforeBegin", Place::before,
     [](Code& k) {
         take_own_page_tables(k);
         go_to(k, own_mapping + 0x100000);
     },
     "ended with: KVM stopped with an emulation error"},
    {"BeginsOnItsOwnPageTables", Place::before, take_own_page_tables,
     "does not use the page tables that it was booted with"},
    {"BeginsWithALogOfRubbish", Place::before, [](Code& k) { store(k, GuestCode::log, 64); },
     "the log ring is overwritten"},
};

TEST(UnusableGuests, AreRefusedWithTheReason) {
    for (const auto& unusable : unusable_guests) {
        const auto code = hostile(unusable.body, unusable.place);
        const auto verdict = verdict_of(code, StepperKind::trap_flag);
        EXPECT_THAT(verdict, HasSubstr(unusable.message)) << unusable.name;
        EXPECT_THAT(verdict, AnyOf(HasSubstr("without any window"), HasSubstr("\nvCPU of hostile:\n  rip ")));
    }
}

/// Both steppers find a #DB of the guest's own TF. KVM hides it from the stepper that uses TF, so the rest of that
/// examination runs freely.
TEST(DebuggingGuests, AreExaminedByBothSteppers) {
    for (const auto place : {Place::window, Place::user}) {
        const auto code = hostile(set_tf, place);
        for (const auto stepper : {StepperKind::trap_flag, StepperKind::stop_bytes}) {
            const auto result = code.sweep(with_nmi(stepper));
            ASSERT_FALSE(result.findings.empty());
            EXPECT_EQ(result.findings.front().violation.invariant, Invariant::no_unexpected_vector);
            EXPECT_THAT(result.findings.front().violation.message, HasSubstr("vector 1 "));
        }
    }
}

/// Only stop bytes can step a design that uses TF and handles its #DB. The refusal says so.
TEST(DebuggingGuests, ThatHandleTheirOwnTrapsNeedStopBytes) {
    GuestCode code;
    auto& k = code.kernel;
    Label start, debug;
    k.jmp(start, Code::T_NEAR);
    k.L(debug);
    k.and_(k.qword[k.rsp + 16], ~static_cast<std::int32_t>(vm::rflags_tf));
    k.iretq();
    k.L(start);
    k.doorbell(GATECRASH_PORT_BEGIN);
    set_tf(k);
    k.nop();
    k.nop();
    k.doorbell(GATECRASH_PORT_END);
    k.doorbell(GATECRASH_PORT_DONE);
    code.handle(GATECRASH_VECTOR_DB, debug, GATECRASH_IST_DB);
    const auto image = code.build("traps");
    SweepOptions options;
    options.stepper = StepperKind::trap_flag;
    vm::Guest guest(kvm_system(), image);
    try {
        (void)sweep(guest, options);
        ADD_FAILURE() << "not refused";
    } catch (const vm::ImageError& error) {
        EXPECT_THAT(error.what(), HasSubstr("use --stepper stop-bytes"));
    }
    options.stepper = StepperKind::stop_bytes;
    vm::Guest another(kvm_system(), image);
    EXPECT_THAT(sweep(another, options).findings, IsEmpty());
}

/// QEMU loses breakpoints at an exit. On machines that keep them, their #DBs belong to the guest, even those that KVM
/// takes while it steps with TF.
TEST(DebuggingGuests, HaveTheirOwnDbsOrAreRefused) {
    const bool keeps = qualify::measure(kvm_system(), vm::Behaviour::breakpoint_from_outside).ok;
    for (const auto stepper : {StepperKind::trap_flag, StepperKind::stop_bytes}) {
        const auto code = hostile(break_on_data, Place::window);
        const auto verdict = verdict_of(code, stepper);
        if (keeps) {
            EXPECT_THAT(verdict, HasSubstr("vector 1 "));
        } else {
            EXPECT_THAT(verdict, AnyOf(HasSubstr("breakpoints of its own"), HasSubstr("vector 1 ")));
        }
    }
}

TEST(HostileSchedules, ReplayWhereThereIsNoSymbol) {
    // The event lands where the jump into nothing went.
    const auto code = hostile([](Code& k) { go_to(k, 0x1000); }, Place::window);
    Boundary nowhere;
    nowhere.index = 3;  // after NOP, MOV and JMP
    const auto replayed = code.replay({"hostile", {{Event::nmi(), nowhere}}}, StepperKind::trap_flag);
    ASSERT_FALSE(replayed.violations.empty());
    EXPECT_THAT(replayed.violations.front().message, HasSubstr("vector 14"));
}

/// Code that is unusual but harmless.
const struct Harmless {
    const char* name;
    Emit body;
} harmless_guests[]{
    {"CachesFlushed", [](Code& k) { k.wbinvd(); }},
    {"AddressesFlushed",
     [](Code& k) {
         k.bytes({0x0f, 0x01, 0x38});
     }},  // invlpg [rax]
    {"APause", [](Code& k) { k.pause(); }},
    {"PriorityRaisedAndLowered", quietly([](Code& k) {
         k.mov(k.eax, 1);
         k.bytes({0x44, 0x0f, 0x22, 0xc0});  // mov cr8, rax
         k.xor_(k.eax, k.eax);
         k.bytes({0x44, 0x0f, 0x22, 0xc0});
     })},
    {"ItsOwnIdtForAWhile", quietly([](Code& k) {
         load_table(k, 3, idt_address, 0x1ff);
         k.nop();
         load_table(k, 3, idt_address, 0xfff);
     })},
    {"AHypercall", quietly([](Code& k) { hypercall(k, vm::cpu_vendor()); })},
};

TEST(HarmlessGuests, Hold) {
    for (const auto& harmless : harmless_guests) {
        for (const auto place : {Place::window, Place::handler}) {
            for (const auto stepper : {StepperKind::trap_flag, StepperKind::stop_bytes}) {
                const auto result = hostile(harmless.body, place).sweep(with_nmi(stepper));
                EXPECT_THAT(result.findings, IsEmpty())
                    << harmless.name << ": " << result.findings.front().violation.message;
                EXPECT_EQ(result.depth, 1U);
            }
        }
    }
}

}  // namespace
}  // namespace gatecrash::sweep
