// Makes what the tests in a browser need. `make-page DOCUMENT` makes the page of a JSON document. `make-page --trace`
// writes a trace as the program does; in it, a second NMI overwrites the frame of the first.
#include <fmt/format.h>

#include <exception>
#include <string>
#include <string_view>

#include "posix/file.hpp"
#include "report/html_report.hpp"
#include "sweep/trace/item.hpp"

namespace {

namespace sweep = gatecrash::sweep;

struct Flags {
    bool masks_nmis, has_interrupts_on, has_users_base, has_users_tables;
};

void print(const sweep::TraceItem& item) { fmt::print("{}\n", to_string(item)); }

void step(std::uint64_t number, const char* place, Flags flags, const char* text, bool is_user = false) {
    print(sweep::TracedInstruction{.number = number,
                                   .address = gatecrash::vm::Virtual{number},
                                   .place = place,
                                   .labels = {},
                                   .cpl = is_user ? 3U : 0U,
                                   .stack = is_user ? "user" : "nmi",
                                   .masks_nmis = flags.masks_nmis,
                                   .has_latched_nmi = false,
                                   .has_interrupts_on = flags.has_interrupts_on,
                                   .has_users_base = flags.has_users_base,
                                   .has_users_tables = flags.has_users_tables,
                                   .text = text,
                                   .operands = {}});
}

void print_trace() {
    constexpr std::uint64_t frame = 0x1000;
    constexpr Flags user{false, true, true, true}, entry{true, false, true, true}, body{true, false, false, false};
    const sweep::FrameWords pushed{{"RIP", frame, 0x400003, "user_code+0x3"}, {"CS", frame + 8, 0x33, "CPL 3"}};
    const sweep::FrameWords other{{"RIP", frame, 0xffffffff80010010, "nmi_body"}, {"CS", frame + 8, 0x10, "CPL 0"}};
    print(sweep::TraceStart{"nested-nmi/flag-only", "GS base"});
    step(0, "user_code", user, "mov rax, 0x1", true);
    print(sweep::TracedLanding{"nmi", "user_code+0x3", false});
    print(sweep::TracedDelivery{2, "entry_nmi", 1, frame, "nmi", pushed, std::nullopt, ""});
    step(1, "entry_nmi", entry, "push rax");
    step(2, "entry_nmi+0x1", entry, "swapgs");
    step(3, "nmi_body", body, "nop");
    print(sweep::TracedDelivery{2, "entry_nmi", 2, frame, "nmi", other, std::nullopt, ""});
    print(sweep::TracedFrameChange{"the delivery of vector 2 at nmi_body", 1, frame, pushed, other});
    step(4, "entry_nmi", body, "iretq");
    print(sweep::TracedReturn{"entry_nmi", sweep::TracedReturn::Of::pushed, 2, frame, other, other, false, true});
    for (std::uint64_t number = 5; number < 9; ++number) step(number, "nmi_body+0x1", body, "nop");
    step(9, "nmi_exit", entry, "iretq");
    print(sweep::TracedReturn{"nmi_exit", sweep::TracedReturn::Of::changed, 1, frame, other, pushed, false});
    step(10, "user_code+0x7", user, "out 0x10, al", true);
    print(sweep::TracedViolation{{sweep::Invariant::stack, "the frame is lost"}});
    print(sweep::TraceEnd{"rings the doorbell END"});
}

}  // namespace

int main(int argc, char** argv) {
    try {
        if (argc != 2) return 2;
        if (std::string_view(argv[1]) == "--trace") {
            print_trace();
        } else {
            fmt::print("{}", gatecrash::report::html_report(gatecrash::posix::read_file(argv[1])));
        }
        return 0;
    } catch (const std::exception& error) {
        fmt::print(stderr, "make-page: {}\n", error.what());
        return 1;
    }
}
