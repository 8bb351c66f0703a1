// Cases and results to report on.
#pragma once

#include "gatecrash/explore/case.hpp"
#include "gatecrash/explore/judge.hpp"
#include "gatecrash/report/machine_description.hpp"

namespace gatecrash::sample {

inline explore::Case nested_nmi() {
    using machine::Event;
    explore::Case sample{"nested-nmi", "Does an NMI inside another one lose a frame?", {}};
    explore::Variant broken;
    broken.name = "flag-only";
    broken.summary = "a nesting flag, and no check of RIP";
    broken.origin = "Torvalds 2014";
    broken.covers = {"A7"};
    broken.events = {Event::nmi()};
    broken.depth = 2;
    broken.expects =
        explore::breaks(explore::Invariant::stack, {{{Event::Kind::nmi, {"flag_clear", "flag_iret"}}},
                                                    {{Event::Kind::irq, {"entry_irq"}}, {Event::Kind::nmi, {}}}});
    broken.because = "the flag is clear before IRET";
    explore::Variant fixed;
    fixed.name = "copied-frame";
    fixed.summary = "saved and copied frames";
    fixed.covers = {"A1", "A6"};
    fixed.events = {Event::nmi(), Event::irq(0x30)};
    fixed.depth = 2;
    sample.variants = {broken, fixed};
    return sample;
}

inline explore::Result holding() {
    explore::Result result;
    result.case_name = "nested-nmi";
    result.variant = "copied-frame";
    result.covers = {"A1", "A6"};
    result.expect = "holds";
    result.verdict = explore::Verdict::holds;
    result.status = explore::Status::ok;
    result.sweep.boundaries = 203;
    result.sweep.schedules = 41209;
    result.sweep.pruned = 7;
    result.sweep.depth = 2;
    result.seconds = 12.25;
    result.spent = {0.5, 4, 1, 6, 0.25, 0.125, 0, 0.375};
    return result;
}

inline explore::Result breaking() {
    auto result = holding();
    result.variant = "flag-only";
    result.covers = {"A7"};
    result.expect = "breaks I4";
    result.verdict = explore::Verdict::breaks;
    explore::Finding finding{{"nested-nmi/flag-only", {{machine::Event::nmi(), {"entry_nmi", 0x1f, 2, {}}}}},
                             {explore::Invariant::stack, "the frame at 0xffffffff80062fd8 is overwritten"},
                             {explore::Invariant::progress}};
    auto further = finding;
    further.schedule.landings.front().boundary = {"nmi_exit", 0, 1, {}};
    further.schedules = 3;
    result.sweep.findings = {finding, further};
    result.sweep.depth = 1;
    return result;
}

inline explore::Result skipped() {
    explore::Result result;
    result.case_name = "mov-ss";
    result.variant = "plain";
    result.expect = "holds";
    result.verdict = explore::Verdict::skip;
    result.status = explore::Status::skip;
    result.skip_reason = "needs mov-ss-shadow";
    return result;
}

inline explore::Result failed() {
    explore::Result result;
    result.case_name = "nested-nmi";
    result.variant = "single-stack";
    result.expect = "breaks I4";
    result.message = "KVM_EXIT_INTERNAL_ERROR\nrip 0x0";
    return result;
}

/// Returns `result` as judged for a variant that expects the opposite.
inline explore::Result unexpected(explore::Result result) {
    result.status = explore::Status::unexpected;
    result.expect = result.verdict == explore::Verdict::breaks ? "holds" : "breaks I4";
    return result;
}

inline report::MachineDescription amd() {
    return {.name = "amd",
            .kvm = "kvm_amd",
            .cpu = "QEMU",
            .kernel = "6.1.0",
            .emulated = true,
            .vendor = machine::Vendor::amd,
            .behaviours = {{"int3", true}, {"mov-ss-shadow", false}}};
}

}  // namespace gatecrash::sample
