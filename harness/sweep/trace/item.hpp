// The items of a trace, of a guest or of a kernel. Places are names such as "entry_nmi+0x4".
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "gatecrash/address.hpp"
#include "sweep/check/invariant.hpp"
#include "vm/disassembly.hpp"

namespace gatecrash::sweep {

/// The beginning of a window.
struct TraceStart {
    std::string name;  ///< of the guest; empty for a kernel
    static constexpr std::string_view data_segment = "DS";

    std::string_view letter;  ///< what the letters k and u are about: "GS base", "FS base", or `data_segment`
};

struct TracedLanding {
    std::string event, place;
    bool is_latched;              ///< the CPU cannot deliver it yet
    bool is_of_workload = false;  ///< the window begins with it; it is in no schedule
    std::string kernel_stack{};   ///< the stack that RSP is on, at CPL 0
};

/// One instruction, and the CPU's state before it. All iterations of a REP are one.
struct TracedInstruction {
    std::uint64_t number;  ///< from 0
    vm::Virtual address;
    std::string place;
    std::vector<std::string> labels;  ///< every name of the address, if there are several
    unsigned cpl;
    std::string stack;
    bool masks_nmis, has_latched_nmi, has_interrupts_on;
    bool has_users_base, has_users_tables;  ///< otherwise the kernel's: see TraceStart::letter
    std::string text;                       ///< its disassembly
    std::vector<std::string> operands;      ///< the places in memory that its registers point to
    std::string changed{};                  ///< " REGISTER=VALUE" for each register that it changed
    std::uint64_t iterations = 0;           ///< of a REP
};

/// One word of a return frame.
struct FrameWord {
    std::string name;  ///< "RIP", or "EIP" in a 32-bit frame
    std::uint64_t address, value;
    std::string about;  ///< explains the value; may be empty

    bool operator==(const FrameWord&) const = default;
};
/// Lowest address first, which is the order of an IRET.
using FrameWords = std::vector<FrameWord>;
/// Returns "0x400098 (user_window)".
[[nodiscard]] std::string describe(const FrameWord& word);
/// Returns the place that the frame returns to.
[[nodiscard]] std::string back_to(const FrameWords& words);

/// The CPU delivers a vector, and pushes a frame.
struct TracedDelivery {
    unsigned vector;
    std::string to;
    std::size_t frame;  ///< its number, from 1
    std::uint64_t address;
    std::string stack;
    FrameWords words;
    std::optional<std::uint64_t> error_code;
    std::string more;  ///< further state, with a comma before each part
};

/// An IRET.
struct TracedReturn {
    enum class Of : std::uint8_t { pushed, changed, copy, again, made };

    std::string place;  ///< of the IRET
    /// A frame as it was pushed there, one that was changed, a copy, one that was popped before, or another one.
    Of of;
    std::size_t frame;  ///< number of the frame that was pushed; 0 if none was
    std::uint64_t address;
    FrameWords words;
    FrameWords pushed;  ///< what the CPU pushed; empty if it pushed none
    bool faults;        ///< then the frame is not popped
    bool unmasks_nmis = false;
};

/// Something wrote to a frame that waits for its IRET.
struct TracedFrameChange {
    std::string actor;
    std::size_t frame;
    std::uint64_t address;
    FrameWords before, after;  ///< the words that differ
};

/// Returns "RIP was 0x400098 (user_window), and is 0x0; ..." for all words.
[[nodiscard]] std::string describe_words(const TracedFrameChange& change);

struct TracedViolation {
    Violation violation;
};

struct TraceEnd {
    std::string how;
};

using TraceItem = std::variant<TraceStart, TracedLanding, TracedInstruction, TracedDelivery, TracedReturn,
                               TracedFrameChange, TracedViolation, TraceEnd>;

/// Returns the lines of an item, separated by newlines. docs/how-to/debug-a-finding.md explains them.
[[nodiscard]] std::string to_string(const TraceItem& item);

/// Receives a trace. One without a function receives none, and then nothing is traced.
struct TraceSink {
    std::function<void(const TraceItem&)> receive{};
    vm::Syntax syntax = vm::Syntax::intel;  ///< of TracedInstruction::text

    explicit operator bool() const { return receive != nullptr; }
    void operator()(const TraceItem& item) const { receive(item); }
};

}  // namespace gatecrash::sweep
