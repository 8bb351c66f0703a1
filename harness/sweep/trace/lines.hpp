#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "sweep/trace/item.hpp"

namespace gatecrash::sweep {

/// Passes on the beginning and the end of a long trace. From the middle it passes on what happens to the run, such as
/// events and frames, but no instructions.
class TraceLines {
  public:
    using Print = std::function<void(const std::string& lines)>;

    /// `most` items of the beginning are kept, as many of the middle, and as many of the end. 0 keeps all. `print`
    /// receives each item's lines; a line of its own stands for each row of items that are left out.
    TraceLines(std::size_t most, Print print) : most_(most), print_(std::move(print)) {}
    TraceLines(const TraceLines&) = delete;
    TraceLines& operator=(const TraceLines&) = delete;
    ~TraceLines() = default;

    void add(const TraceItem& item) { add(to_string(item), !std::holds_alternative<TracedInstruction>(item)); }
    /// Adds the lines of an item. `happens`: it is no instruction.
    void add(std::string lines, bool happens);
    /// Passes on the end.
    void finish();

  private:
    struct Item {
        std::string lines;
        bool happens;
    };

    void pass(const Item& item);
    void say_left_out();

    std::size_t most_;
    Print print_;
    std::deque<Item> last_;
    std::size_t printed_ = 0;   ///< items of the beginning
    std::size_t happened_ = 0;  ///< items of the middle that were passed on
    std::size_t left_out_ = 0;  ///< instructions and others, since the last line
};

/// Keeps the lines of a trace, for documents: the beginning, the end, and what happens between them.
class KeptTrace {
  public:
    /// Items of each part. A sweep keeps hundreds of traces, and a replay few.
    static constexpr std::size_t most_of_sweep = 150, most_of_replay = 2000;

    explicit KeptTrace(std::size_t most = most_of_sweep)
        : limited_(most, [this](const std::string& lines) { keep(lines); }) {}

    void add(const TraceItem& item) { limited_.add(item); }
    /// Returns the lines since the last call.
    [[nodiscard]] std::vector<std::string> take();

  private:
    std::vector<std::string> lines_;
    TraceLines limited_;

    void keep(std::string_view lines);
};

}  // namespace gatecrash::sweep
