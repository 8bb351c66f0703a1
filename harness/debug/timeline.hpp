// Moves a debuggee along its run, forwards and backwards.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "debug/debuggee.hpp"

namespace gatecrash::debug {

/// The reason why a move has ended.
enum class Halt : std::uint8_t {
    moved,    ///< as far as it was asked to
    wanted,   ///< at a boundary that the caller wants
    changed,  ///< at a step that changes what the caller watches: after it, or before it on the way back
    begin,    ///< there is nothing before
    end,      ///< the guest cannot continue
};

/// The run of a debuggee from the beginning of its window. It goes back by going to an earlier moment, and making the
/// same steps again. A change that the user makes at a boundary is made again there. Going back before that boundary
/// undoes the change.
class Timeline {
  public:
    /// Says where a move should end.
    struct Wanted {
        std::function<bool()> is_here;  ///< true at a boundary that the caller wants
        /// True if what the caller watches is not as it was at the last call. Called first before any step.
        std::function<bool()> has_changed = [] { return false; };
    };
    using Change = std::function<void(Debuggee&)>;

    /// The debuggee is at the beginning of its run, before arrive().
    explicit Timeline(Debuggee& debuggee);

    [[nodiscard]] Debuggee& debuggee() { return debuggee_; }
    /// Returns the number of steps from the beginning of the run.
    [[nodiscard]] std::uint64_t position() const { return position_; }
    /// Returns how the guest ended, if it did.
    [[nodiscard]] const std::optional<std::string>& end() const { return end_; }
    /// Returns what has landed since the last call, in lines.
    [[nodiscard]] std::string take_news() { return std::exchange(news_, {}); }

    /// Makes up to `most` steps, until one of them reaches or changes what the caller wants. Throws what
    /// Debuggee::Stepping::step() throws. The position is then the last boundary that was reached.
    Halt forward(std::uint64_t most, const Wanted& wanted);
    /// Makes one step back.
    Halt back();

    /// Begins to search backwards for a boundary.
    void begin_search() { search_end_ = position_; }
    /// Searches some steps back for the last boundary that the caller wants, or the last step that changes something,
    /// and goes there. Goes to the beginning if there is none. Returns Halt::moved if the search is not over.
    Halt search(const Wanted& wanted);
    /// Goes to where the search has come to, also after a step of it that threw.
    void end_search() { go_to(search_end_); }

    /// Goes to the last boundary that was reached, after a step of forward() that threw.
    void recover() { go_to(position_); }

    /// Returns how many changes there are.
    [[nodiscard]] std::size_t changes() const;
    /// Makes a change at the present boundary. Throws what `change` throws, and forgets the change then.
    void change(const Change& change);

  private:
    using Moments = std::map<std::uint64_t, std::unique_ptr<Debuggee::Moment>>;

    /// Goes to a position, and undoes what was changed after it.
    void go_to(std::uint64_t position);
    /// Goes to the last moment that is not after `position`, and returns its position.
    std::uint64_t restore(std::uint64_t position);
    void step(Debuggee::Stepping& stepping);
    void arrive();
    void keep_moment();
    void forget_after(std::uint64_t position);

    /// States of a guest's memory are small, but there may be many.
    static constexpr std::size_t most_moments = 512;

    Debuggee& debuggee_;
    std::uint64_t position_ = 0;
    std::optional<std::string> end_;
    std::string news_;
    Moments moments_;
    std::uint64_t interval_ = 64;  ///< steps between moments
    std::map<std::uint64_t, std::vector<Change>> changes_;
    std::uint64_t search_end_ = 0;
};

}  // namespace gatecrash::debug
