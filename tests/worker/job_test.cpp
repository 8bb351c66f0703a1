#include "worker/job.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/sample.hpp"
#include "worker/sample_sweep.hpp"
#include "worker/worker.hpp"

namespace gatecrash::worker {
namespace {

using vm::Event;

Sweep of_a_file() {
    return {.guest = GuestFile{"a \"b\"/c@d.elf"},
            .events = {Event::nmi(), Event::irq(0x41), Event::db(0x500fb0), Event::watch(0x1000), Event::mc(),
                       Event::pf(0x500100)},
            .watched = {{"gdt", 0x60}},
            .depth = 3,
            .window = {{"a.b", "c", {}}, {"x", "y", Event::Kind::nmi}},
            .prune = false,
            .stepper = vm::StepperKind::stop_bytes,
            .budget = 5'000'000'000,
            .max_findings = 1,
            .needs = {vm::Behaviour::int3, vm::Behaviour::lsl}};
}

TEST(Job, ArrivesAsItIsSent) {
    Sweep other{.guest = BuiltInGuest{"nested-nmi", "flag-only"}, .events = {}};
    for (const auto stepper : {std::optional<vm::StepperKind>(), std::optional(vm::StepperKind::trap_flag)}) {
        other.stepper = stepper;
        const Job job{.sweeps = {of_a_file(), other},
                      .shard = {2, 3},
                      .first = 1,
                      .from = Saved{sample::checkpoint(), 0.5},
                      .saves = true,
                      .counts = true,
                      .with_details = true};
        const auto line = to_line(job);
        EXPECT_EQ(line.find('\n'), std::string::npos);
        EXPECT_EQ(read_job(line), job) << line;
    }
    EXPECT_EQ(read_job(to_line(Job{})), Job{});
}

TEST(Job, HasTheWindowOfAnImage) {
    const ImageTarget image{"kernel/my.elf",
                            {{"/a b/my.elf", "one two", 96 << 20, {.good_exit = 0x10, .failures = {"panic"}}},
                             kernel::parse_window("a+0x10..b"),
                             60}};
    const Job job{.sweeps = {{.guest = image}}};
    EXPECT_EQ(read_job(to_line(job)), job);
}

TEST(Job, ThatIsInvalidIsRefused) {
    const auto whole = to_line(Job{.sweeps = {of_a_file()}});
    EXPECT_THROW((void)read_job("{\"command\":1}"), ProtocolError);
    EXPECT_THROW((void)read_job(whole.substr(1)), ProtocolError);
    for (const auto& [from, to] : std::vector<std::pair<std::string, std::string>>{
             {"\"1/1\"", "\"2/1\""}, {"stop-bytes", "leaps"}, {"irq=0x41", "smi"}, {"\"depth\":3", "\"depth\":-3"}}) {
        auto tampered = whole;
        ASSERT_NE(tampered.find(from), std::string::npos) << from << " in " << whole;
        tampered.replace(tampered.find(from), from.size(), to);
        EXPECT_THROW((void)read_job(tampered), ProtocolError) << to;
    }
}

TEST(Worker, NamesWhatASweepNeedsAndTheMachineLacks) {
    auto machine = gatecrash::sample::amd();
    using enum vm::Behaviour;
    machine.behaviours = {{int3, true}, {lsl, false}};
    const auto lacks = [&](const std::vector<vm::Behaviour>& needs) { return missing_behaviours(needs, machine); };
    EXPECT_EQ(lacks({}), "");
    EXPECT_EQ(lacks({int3}), "");
    EXPECT_EQ(lacks({int3, lsl}),
              "it needs lsl (LSL returns the limit of a segment). This differs on amd: `gatecrash doctor` shows "
              "how");
    EXPECT_EQ(
        lacks({int3, lsl, smap}),
        "it needs lsl (LSL returns the limit of a segment) and smap (with SMAP, the kernel's access to a user page "
        "faults). These differ on amd: `gatecrash doctor` shows how");
    machine.as_some = {lsl};
    EXPECT_EQ(lacks({int3, lsl}),
              "it needs lsl (LSL returns the limit of a segment), which some real machines lack, too. This differs on "
              "amd: `gatecrash doctor` shows how");
}

TEST(Worker, NamesNoBehaviourWhosePremiseIsMissing) {
    auto machine = gatecrash::sample::amd();
    using enum vm::Behaviour;
    const auto lacks = [&](const std::vector<vm::Behaviour>& needs) { return missing_behaviours(needs, machine); };
    machine.behaviours = {{shadow_stacks, false}, {ssp_over_syscall, false}};
    EXPECT_EQ(lacks({shadow_stacks, ssp_over_syscall}), lacks({shadow_stacks}));
    EXPECT_THAT(lacks({ssp_over_syscall}), testing::HasSubstr("ssp-over-syscall"));
    machine.behaviours[shadow_stacks] = true;
    EXPECT_EQ(lacks({shadow_stacks, ssp_over_syscall}), lacks({ssp_over_syscall}));
    EXPECT_EQ(vm::presupposed_by(shadow_stacks), std::nullopt);
    EXPECT_EQ(vm::presupposed_by(syscall_keeps_df), std::nullopt);
    EXPECT_EQ(vm::presupposed_by(shadow_stack_from_user), shadow_stacks);
}

}  // namespace
}  // namespace gatecrash::worker
