// How traces look, whatever is traced.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "vm/boot/image.hpp"

namespace gatecrash::sweep {

/// Receives a trace line by line.
using TraceSink = std::function<void(const std::string&)>;

/// Keeps the beginning and the end of a trace, for documents. From the middle it keeps what happens to the run, such as
/// events and frames, but no instructions.
class TraceLines {
  public:
    static constexpr std::size_t most = 150;  ///< lines at the beginning, as many in the middle, and as many at the end

    void add(const std::string& line);
    /// Returns the lines, with one in place of each row of lines that were left out.
    [[nodiscard]] std::vector<std::string> lines() const;

  private:
    void move_to_middle(std::string line);

    std::vector<std::string> first_, middle_;
    std::deque<std::string> last_;
    std::size_t happened_ = 0;  ///< lines of the middle that were kept
    std::size_t left_out_ = 0;  ///< since the last line of the middle
};

/// The columns of a trace before the instruction.
struct TraceColumns {
    std::uint64_t number;  ///< the line's number in the trace
    std::string place;
    unsigned cpl;
    std::string stack;
    bool masks_nmis, has_latched_nmi, has_interrupts_on;
    bool has_users_base, has_users_tables;  ///< otherwise the kernel's
};

/// Returns the line that explains the columns. `base` is the register of per-CPU data, "GS" or "FS".
[[nodiscard]] std::string trace_header(const char* base);
[[nodiscard]] std::string to_string(const TraceColumns& columns);

/// Adds the name of a branch target to a disassembled instruction, as in "jz 0xFFFFFFFF800128AA (nmi_from_kernel)".
[[nodiscard]] std::string with_target(const vm::SymbolTable& symbols, std::string text);

}  // namespace gatecrash::sweep
