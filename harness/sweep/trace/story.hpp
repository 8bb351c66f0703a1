#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sweep/trace/item.hpp"

namespace gatecrash::sweep {

/// Tells a trace in sentences: which frame each event pushes, what writes to it, and which IRET pops it. It leaves out
/// instructions. An exception that comes and returns without further effect is one sentence, and so are repetitions.
class Story {
  public:
    void add(const TraceItem& item);
    [[nodiscard]] std::vector<std::string> sentences() const;

  private:
    enum class About : std::uint8_t { landing, delivery, quiet, change, other };
    struct Sentence {
        About about;
        std::string text;
        std::size_t frame = 0;       ///< of a delivery or a change
        TracedFrameChange change{};  ///< the first one
        std::string last_actor{};    ///< of a change in several steps
    };

    void tell(const TracedLanding& item);
    void tell(const TracedInstruction& item);
    void tell(const TracedDelivery& item);
    void tell(const TracedReturn& item);
    void tell(const TracedFrameChange& item);
    void tell(const TracedViolation& item);
    void tell(const TraceStart& item);
    void tell(const TraceEnd& item);
    void say(About about, std::string text) { sentences_.push_back({about, std::move(text)}); }
    /// Makes the delivery of `frame` and what followed one sentence, if nothing happened meanwhile. Returns false if
    /// something did.
    bool shorten(std::size_t frame, const std::string& end);
    [[nodiscard]] std::string of_unmasking(const TracedReturn& item) const;

    std::string kernels_data_ = "the base of per-CPU data";  ///< what TracedInstruction::has_users_base is about
    std::vector<Sentence> sentences_;
    std::map<std::size_t, unsigned> live_;  ///< vectors of the frames that wait for their IRET, by their numbers
    std::optional<TracedInstruction> before_;
    /// The sentence of a delivery to CPL 0 from CPL 0, until the handler's first instruction.
    std::optional<std::size_t> entering_;
};

}  // namespace gatecrash::sweep
