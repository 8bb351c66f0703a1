// Sample cases and results for tests of reports.
#pragma once

#include "report/machine_description.hpp"
#include "suite/case.hpp"
#include "suite/result.hpp"

namespace gatecrash::sample {

inline suite::Case nested_nmi() {
    using vm::Event;
    suite::Case sample{"nested-nmi", "Does an NMI inside another one lose a frame?", {}};
    suite::Variant broken;
    broken.name = "flag-only";
    broken.summary = "a nesting flag, and no check of RIP";
    broken.origin = "Torvalds 2014";
    broken.covers = {"A7"};
    broken.events = {Event::nmi()};
    broken.depth = 2;
    broken.expects =
        suite::breaks(sweep::Invariant::stack, {{{Event::Kind::nmi, {"flag_clear", "flag_iret"}}},
                                                {{Event::Kind::irq, {"entry_irq"}}, {Event::Kind::nmi, {}}}});
    broken.because = "the flag is clear before IRET";
    suite::Variant fixed;
    fixed.name = "copied-frame";
    fixed.summary = "saved and copied frames";
    fixed.covers = {"A1", "A6"};
    fixed.events = {Event::nmi(), Event::irq(0x30)};
    fixed.depth = 2;
    sample.variants = {broken, fixed};
    return sample;
}

inline suite::Result holding() {
    suite::Result result;
    result.case_name = "nested-nmi";
    result.variant = "copied-frame";
    result.covers = {"A1", "A6"};
    result.expect = "holds";
    result.verdict = suite::Verdict::holds;
    result.status = suite::Status::ok;
    result.sweep.boundaries = 203;
    result.sweep.schedules = 41209;
    result.sweep.pruned = 7;
    result.sweep.depth = 2;
    result.seconds = 12.25;
    result.spent = {0.5, 4, 1, 6, 0.25, 0.125, 0, 0.375};
    return result;
}

inline suite::Result breaking() {
    auto result = holding();
    result.variant = "flag-only";
    result.covers = {"A7"};
    result.expect = "breaks I4";
    result.verdict = suite::Verdict::breaks;
    sweep::Finding finding{{"nested-nmi/flag-only", {{vm::Event::nmi(), {"entry_nmi", 0x1f, 2, {}}}}},
                           {sweep::Invariant::stack, "the frame at 0xffffffff80062fd8 is overwritten"},
                           {sweep::Invariant::progress}};
    auto further = finding;
    further.schedule.landings.front().boundary = {"nmi_exit", 0, 1, {}};
    further.schedules = 3;
    result.sweep.findings = {finding, further};
    result.sweep.depth = 1;
    return result;
}

inline suite::Result skipped() {
    suite::Result result;
    result.case_name = "mov-ss";
    result.variant = "plain";
    result.expect = "holds";
    result.verdict = suite::Verdict::skip;
    result.status = suite::Status::skip;
    result.skip_reason = "needs mov-ss-shadow";
    return result;
}

inline suite::Result failed() {
    suite::Result result;
    result.case_name = "nested-nmi";
    result.variant = "single-stack";
    result.expect = "breaks I4";
    result.message = "KVM_EXIT_INTERNAL_ERROR\nrip 0x0";
    return result;
}

/// Returns `result` as judged for a variant that expects the opposite.
inline suite::Result unexpected(suite::Result result) {
    result.status = suite::Status::unexpected;
    result.expect = result.verdict == suite::Verdict::breaks ? "holds" : "breaks I4";
    return result;
}

inline report::MachineDescription amd() {
    return {.name = "amd",
            .kvm = "kvm_amd",
            .cpu = "QEMU",
            .kernel = "6.1.0",
            .emulated = true,
            .vendor = vm::Vendor::amd,
            .behaviours = {{vm::Behaviour::int3, true}, {vm::Behaviour::mov_ss_shadow, false}}};
}

}  // namespace gatecrash::sample
