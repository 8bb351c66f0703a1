#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "sweep/trace/item.hpp"

namespace gatecrash::sweep {

/// How the frames of a trace read and name what is in memory. Addresses are virtual.
struct FrameReader {
    std::uint64_t word_size;                                                  ///< bytes: 8, or 4 in legacy mode
    std::function<std::optional<std::uint64_t>(std::uint64_t address)> word;  ///< empty where no memory is mapped
    std::function<std::string(std::uint64_t code)> name;                      ///< of a place in code
    std::function<std::string(std::uint64_t rsp)> stack;
};

/// Follows the return frames of a traced run, for people: which one is pushed, written to, and popped. FrameTracker
/// decides what is wrong with that.
class TraceFrames {
  public:
    explicit TraceFrames(FrameReader read) : read_(std::move(read)) {}

    /// A delivery has just pushed a frame at `address`. Returns its number and its words.
    std::pair<std::size_t, FrameWords> push(std::uint64_t address);
    /// An IRET at `place` is about to pop what is at `address`.
    void before_return(std::string place, std::uint64_t address);
    /// Returns what that IRET did. `faults`: it raised an exception, and popped nothing. Empty if the latest step was
    /// no IRET.
    [[nodiscard]] std::optional<TracedReturn> after_return(bool faults);
    /// Forgets that IRET: it did not execute.
    void forget_return() { return_.reset(); }
    /// Returns what the latest step changed in frames that wait for their IRET, in the newest eight of them. `actor`
    /// names that step.
    [[nodiscard]] std::vector<TracedFrameChange> changes(const std::string& actor);
    /// Gives up the frames that no IRET need pop any more. In user code these are all of them. Otherwise it is one
    /// whose interrupted code goes on at `rip` with `rsp`.
    void give_up_finished(bool is_user, std::uint64_t rip, std::uint64_t rsp);

  private:
    struct Frame {
        /// A context that went on without an IRET has given its frame up, or its nested self runs at the same place.
        enum class State : std::uint8_t { live, given_up, popped };

        std::size_t number;
        std::uint64_t address;
        FrameWords pushed, now;
        State state = State::live;
    };
    struct Return {
        std::string place;
        std::uint64_t address;
        FrameWords words;
    };

    [[nodiscard]] FrameWords words_at(std::uint64_t address) const;
    [[nodiscard]] std::string about(std::string_view name, std::uint64_t value, bool is_vm86) const;
    /// Sets FrameWord::about of each word of a frame.
    void explain(FrameWords& words) const;
    /// Finds the frame that an IRET pops, and what that is to it. Null if no delivery pushed it.
    [[nodiscard]] std::pair<Frame*, TracedReturn::Of> find(const Return& popped);

    FrameReader read_;
    std::size_t pushed_ = 0;
    std::vector<Frame> frames_;  ///< oldest first
    std::optional<Return> return_;
};

}  // namespace gatecrash::sweep
