#include "worker/protocol.hpp"

#include <gtest/gtest.h>

#include "worker/sample_sweep.hpp"

namespace gatecrash::worker {
namespace {

template <typename Kind>
Kind passed_on(const Kind& message) {
    const auto line = to_line(Message(message));
    EXPECT_EQ(line.find('\n'), std::string::npos);
    return std::get<Kind>(read_message(line));
}

TEST(Protocol, MessagesArriveAsTheyAreSent) {
    const report::MachineDescription machine{"amd",
                                             "kvm_amd",
                                             "cpu",
                                             "6.1",
                                             true,
                                             vm::Vendor::intel,
                                             {{vm::Behaviour::int3, true}, {vm::Behaviour::lsl, false}}};
    EXPECT_EQ(passed_on(machine), machine);
    const auto progress = passed_on(sweep::Progress{2, 10, 500, 1234, 1, 7});
    EXPECT_EQ(std::tie(progress.level, progress.boundary, progress.boundaries, progress.schedules, progress.findings,
                       progress.block),
              std::make_tuple(2U, 10U, 500U, 1234U, 1U, 7U));
    EXPECT_EQ(passed_on(Counted{533}).boundaries, 533U);
    EXPECT_EQ(passed_on(Found{sample::sweep().findings.front()}).finding, sample::sweep().findings.front());
    const auto saved = passed_on(Saved{sample::checkpoint(), 1.5});
    EXPECT_EQ(saved.checkpoint, sample::checkpoint());
    EXPECT_EQ(saved.seconds, 1.5);
    const auto swept = std::get<Swept>(passed_on(Ending(Swept{sample::sweep(), 2.5})));
    EXPECT_EQ(swept.sweep, sample::sweep());
    EXPECT_EQ(swept.seconds, 2.5);
    const auto failed = std::get<Failed>(passed_on(Ending(Failed{"why\nat length", true})));
    EXPECT_EQ(failed.message, "why\nat length");
    EXPECT_TRUE(failed.is_input);
    EXPECT_EQ(std::get<Skipped>(passed_on(Ending(Skipped{"no such CPU"}))).reason, "no such CPU");
}

TEST(Protocol, RefusesAnInvalidMessage) { EXPECT_THROW((void)read_message("{}"), ProtocolError); }

}  // namespace
}  // namespace gatecrash::worker
