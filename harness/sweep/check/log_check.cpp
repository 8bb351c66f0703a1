#include "sweep/check/log_check.hpp"

#include "vm/vectors.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "vm/guest.hpp"

namespace gatecrash::sweep {
namespace {

using abi::LogRecord;

/// Describes an invariant that a handler body itself found broken.
struct Rule {
    Invariant invariant;
    const char* format;  ///< describes the value that the body found
};

constexpr std::array rules{
    Rule{Invariant::kernel_gs, "runs with GS base {:#x}, not the kernel's"},
    Rule{Invariant::page_tables, "runs with CR3 {:#x}, not the kernel's"},
    Rule{Invariant::stack, "gets its frame at {:#x}, which is not where it belongs"},
    Rule{Invariant::event_conservation, "finds that {:#x} of the events that it expects were handled"},
    Rule{Invariant::nmi_mask, "runs inside an NMI's body (state {:#x}), and its IRET unmasks NMIs"},
    Rule{Invariant::progress, "runs again at {:#x}, although its IRET was to let that instruction pass"},
    Rule{Invariant::no_unexpected_vector, "has no cause (status {:#x})"},
    Rule{Invariant::fault_origin, "gets error code {:#x} as if it were the kernel's fault"},
    Rule{Invariant::context_tracking, "finds the kernel in context {}"},
    Rule{Invariant::flags, "begins with RFLAGS {:#x}"},
    Rule{Invariant::fault_registers, "finds {:#x}, which belongs to another event"},
    Rule{Invariant::leak, "shows the user the kernel's data {:#x}"},
    Rule{Invariant::exit_work, "is followed by a return to user code with work {:#x} still to do"},
    Rule{Invariant::interrupt_stacks, "finds {:#x} in its IST entry"},
};

/// Replaces the rule about the GS base in a 32-bit kernel, whose per-CPU data is a segment.
constexpr Rule kernel_fs{Invariant::kernel_gs, "runs with FS {:#x}, not the kernel's"};

const Rule* find_rule(std::uint32_t kind, bool is_64_bit) {
    if (!is_64_bit && kind == GATECRASH_LOG_BROKEN + static_cast<std::uint32_t>(kernel_fs.invariant)) return &kernel_fs;
    const auto found = std::ranges::find_if(rules, [&](const Rule& rule) {
        return kind == GATECRASH_LOG_BROKEN + static_cast<std::uint32_t>(rule.invariant);
    });
    return found == rules.end() ? nullptr : &*found;
}

class LogChecker {
  public:
    LogChecker(const LogExpectation& expected, const vm::Image& image) : expected_(expected), image_(image) {}

    void take(const LogRecord& record, std::uint64_t number) {
        if (!continues(record)) number_ = number;
        last_ = record;
        switch (record.kind) {
            case GATECRASH_LOG_ENTER:
                check_stack(record);
                enter(record);
                break;
            case GATECRASH_LOG_LEAVE:
                leave(record);
                break;
            case GATECRASH_LOG_FATAL:
                check_stack(record);
                add_unexpected(record);
                break;
            case GATECRASH_LOG_FULL:
                add(Invariant::progress,
                    fmt::format("handlers run over and over: {} log records without an END", GATECRASH_LOG_CAPACITY));
                break;
            default:
                if (const auto* rule = find_rule(record.kind, image_.is_64_bit())) return add_broken(*rule, record);
                add(Invariant::stack,
                    fmt::format("a log record has the unknown kind {}: the log ring is overwritten", record.kind));
        }
    }

    void check_conservation(std::span<const LogRecord> records, std::uint64_t first) {
        number_.reset();
        for (auto landed = expected_.landed.begin(); landed != expected_.landed.end(); ++landed) {
            const auto vector = landed->event.vector;
            const bool seen = std::any_of(expected_.landed.begin(), landed,
                                          [&](const auto& earlier) { return earlier.event.vector == vector; });
            if (!seen) check_conservation_of(vector, records, first);
        }
    }

    RunFindings result() { return {std::move(violations_), std::move(bodies_at_once_)}; }

  private:
    /// True if the record belongs to the same moment as the last one: a body writes several records when it begins.
    [[nodiscard]] bool continues(const LogRecord& record) const {
        const auto begins = [](const LogRecord& r) {
            return r.kind == GATECRASH_LOG_ENTER || r.kind >= GATECRASH_LOG_BROKEN;
        };
        return begins(record) && begins(last_) && record.vector == last_.vector && record.frame == last_.frame;
    }

    void add(Invariant invariant, std::string message) {
        violations_.push_back({{invariant, std::move(message)}, number_});
    }

    void add_broken(const Rule& rule, const LogRecord& record) {
        add(rule.invariant, fmt::format("the body of {} that interrupted {} {}", name_of_vector(record.vector),
                                        at(record.rip), fmt::format(fmt::runtime(rule.format), record.error)));
    }

    /// Checks that a handler does not run on the user's stack. Whoever chooses the user's RSP would choose what the
    /// kernel overwrites.
    void check_stack(const LogRecord& record) {
        if (!image_.is_user(vm::Virtual{record.frame})) return;
        add(Invariant::stack,
            fmt::format("the handler of vector {} (error code {:#x}), raised at {}, CPL {}, runs on the user's stack: "
                        "its frame is at {:#x}",
                        record.vector, record.error, at(record.rip), record.cs & 3, record.frame));
    }

    void add_unexpected(const LogRecord& record) {
        add(is_write_to_read_only(record) ? Invariant::read_only_tables : Invariant::no_unexpected_vector,
            fmt::format("vector {} (error code {:#x}) was raised at {}, CPL {}, stack {}", record.vector, record.error,
                        at(record.rip), record.cs & 3, image_.stack_of(record.rsp)));
    }

    std::string at(std::uint64_t address) const { return image_.symbols.name_of(vm::Virtual{address}); }

    static std::string name_of_vector(std::uint32_t vector) {
        return vector == GATECRASH_VECTOR_SYSCALL ? "SYSCALL" : fmt::format("vector {}", vector);
    }

    /// True for a #PF that a write to a present page caused (SDM volume 3, 4.7).
    static bool is_write_to_read_only(const LogRecord& record) {
        return record.vector == GATECRASH_VECTOR_PF && (record.error & 3) == 3;
    }

    std::uint64_t end_of(const LogRecord& record) const {
        if (image_.is_64_bit()) return record.frame + sizeof(abi::Frame);
        const bool from_user = (record.cs & 3) == 3 || (record.rflags & vm::rflags_vm) != 0;
        return record.frame + (from_user ? sizeof(abi::Frame32) : offsetof(abi::Frame32, esp));
    }

    [[nodiscard]] bool overlaps(const LogRecord& one, const LogRecord& other) const {
        return one.frame < end_of(other) && other.frame < end_of(one);
    }

    void enter(const LogRecord& record) {
        for (const auto& live : live_) {
            if (overlaps(record, live)) {
                add(Invariant::stack,
                    fmt::format("the frame of vector {} that interrupted {} lies on the live frame of vector {} that "
                                "interrupted {}",
                                record.vector, at(record.rip), live.vector, at(live.rip)));
            }
        }
        check_nesting(record);
        const bool landed = std::any_of(expected_.landed.begin(), expected_.landed.end(),
                                        [&](const auto& l) { return l.event.vector == record.vector; });
        if (!landed && !expected_.vectors.contains(record.vector)) add_unexpected(record);
        live_.push_back(record);
    }

    [[nodiscard]] std::optional<std::uint64_t> nesting_limit(std::uint32_t vector) const {
        if (const auto said = expected_.nesting_limits.find(vector); said != expected_.nesting_limits.end())
            return said->second;
        return vector == GATECRASH_VECTOR_NMI ? std::optional<std::uint64_t>(1) : std::nullopt;
    }

    void check_nesting(const LogRecord& record) {
        // Does not count a body whose frame this one overwrites: that body is lost, and enter() has reported it.
        const auto inside = std::ranges::count_if(
            live_, [&](const LogRecord& live) { return live.vector == record.vector && !overlaps(record, live); });
        const auto running = static_cast<std::uint64_t>(inside) + 1;
        if (running == 1) return;  // a limit is at least 1
        auto& most = bodies_at_once_[record.vector];
        most = std::max(most, running);
        const auto limit = nesting_limit(record.vector);
        if (!limit || running <= *limit) return;
        if (record.vector == GATECRASH_VECTOR_NMI && *limit == 1) {
            add(Invariant::event_conservation, "the NMI's body was entered while it was running");
        } else {
            add(Invariant::event_conservation,
                fmt::format(
                    "the body of vector {} that interrupted {} is entered inside itself: {} run at once, and the "
                    "guest allows {} (nesting_limits)",
                    record.vector, at(record.rip), running, *limit));
        }
    }

    void leave(const LogRecord& record) {
        const auto entered = std::find_if(live_.rbegin(), live_.rend(), [&](const auto& live) {
            return live.frame == record.frame && live.vector == record.vector;
        });
        if (entered == live_.rend()) {
            add(Invariant::stack,
                fmt::format("the body of vector {} ends on a frame on which no body began", record.vector));
            return;
        }
        // No IRET can return to a CS of 0, so a design may use it as a mark, as the nesting flag does. A design that
        // forgets to remove the mark does not get far.
        // A handler may clear IF in the frame of kernel code, so that no interrupt nests any deeper.
        const std::uint64_t free_flags = (record.cs & 3) == 0 ? vm::rflags_if : 0;
        const bool same = entered->rip == record.rip && ((entered->rflags ^ record.rflags) & ~free_flags) == 0 &&
                          entered->rsp == record.rsp && entered->ss == record.ss &&
                          (entered->cs == record.cs || record.cs == 0);
        if (!same) {
            add(Invariant::stack,
                fmt::format("the return frame of vector {} changed while its body ran: it led to {}, and now to {}",
                            record.vector, at(entered->rip), at(record.rip)));
        }
        live_.erase(std::prev(entered.base()));
    }

    /// True if a watchpoint of the schedule makes the CPU raise this vector too, as often as its bytes are accessed.
    bool is_watched(std::uint8_t vector) const {
        return std::ranges::any_of(expected_.landed, [&](const LandedEvent& landed) {
            return vm::arms_watchpoint(landed.event) && landed.event.vector == vector;
        });
    }

    /// Checks that a body starts after each delivery: its own, or a later one if the design lets one run serve two
    /// events. There must not be more starts than deliveries.
    void check_conservation_of(std::uint8_t vector, std::span<const LogRecord> records, std::uint64_t first) {
        std::uint64_t starts = 0, behind_last = 0, landed = 0, last = 0;
        for (const auto& l : expected_.landed) {
            if (l.event.vector != vector || vm::arms_watchpoint(l.event)) continue;
            ++landed;
            last = std::max(last, l.log_head);
        }
        for (std::uint64_t i = 0; i < records.size(); ++i) {
            if (records[i].kind != GATECRASH_LOG_ENTER || records[i].vector != vector) continue;
            ++starts;
            if (first + i >= last) ++behind_last;
        }
        if (expected_.vectors.contains(vector) && vector != GATECRASH_VECTOR_NMI)
            return;  // the guest takes it anyway, so it cannot be counted
        if (landed == 0) return;
        if (behind_last == 0) {
            add(Invariant::event_conservation,
                fmt::format("vector {} was delivered {} times and its body ran {} times, never after the last", vector,
                            landed, starts));
        } else if ((starts > landed && !is_watched(vector)) || (starts < landed && vm::is_exception(vector))) {
            add(Invariant::event_conservation,
                fmt::format("vector {} was delivered {} times, but its body ran {} times", vector, landed, starts));
        }
    }

    const LogExpectation& expected_;
    const vm::Image& image_;
    std::vector<LogRecord> live_;
    std::optional<std::uint64_t> number_;  ///< number of the first record of the current moment
    LogRecord last_{};
    std::vector<RunViolation> violations_;
    std::map<std::uint32_t, std::uint64_t> bodies_at_once_;
};

/// True if the record is complete. A handler reserves a record in the ring before it writes it. RFLAGS, one of the last
/// fields, is never 0.
bool is_complete(const LogRecord& record) { return record.kind != 0 && record.frame != 0 && record.rflags != 0; }

}  // namespace

RunFindings check_log(std::span<const LogRecord> records, std::uint64_t first, bool ended,
                      const LogExpectation& expected, const vm::Image& image) {
    LogChecker checker(expected, image);
    for (std::size_t i = 0; i < records.size(); ++i) {
        if (ended || is_complete(records[i])) checker.take(records[i], first + i);
    }
    if (ended) checker.check_conservation(records, first);
    return checker.result();
}

}  // namespace gatecrash::sweep
