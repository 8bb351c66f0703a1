#include "suite/result.hpp"

#include "suite/judge.hpp"

namespace gatecrash::suite {
namespace {

/// Returns an error without a message. Every result begins like this.
Result blank(const About& about) {
    Result result;
    result.case_name = about.case_name;
    result.variant = about.variant;
    result.covers = about.covers;
    result.modelled = about.modelled;
    result.guest = about.guest;
    if (about.expects) {
        result.expect = about.expects->holds() ? "holds" : "breaks " + sweep::to_string(about.expects->invariant);
    }
    result.sweep.shard = about.shard;
    return result;
}

Result blank(const About& about, sweep::SweepResult sweep) {
    auto result = blank(about);
    result.sweep = std::move(sweep);
    result.sweep.shard = about.shard;
    result.verdict = result.sweep.findings.empty() ? Verdict::holds : Verdict::breaks;
    return result;
}

}  // namespace

std::string to_string(Verdict verdict) {
    switch (verdict) {
        case Verdict::holds:
            return "holds";
        case Verdict::breaks:
            return "breaks";
        case Verdict::skip:
            return "skip";
        case Verdict::error:
            break;
    }
    return "error";
}

std::string to_string(Status status) {
    switch (status) {
        case Status::ok:
            return "ok";
        case Status::unexpected:
            return "unexpected";
        case Status::finding:
            return "finding";
        case Status::skip:
            return "skip";
        case Status::error:
            break;
    }
    return "error";
}

About about(const Case& of, const Variant& variant) {
    return {.case_name = of.name, .variant = variant.name, .covers = variant.covers, .modelled = variant.modelled};
}

About about(const Case& of, const Variant& variant, vm::Vendor vendor) {
    auto expected = about(of, variant);
    expected.expects = variant.expected_on(vendor);
    return expected;
}

Result judged(const About& about, sweep::SweepResult sweep) {
    auto result = blank(about, std::move(sweep));
    auto judgement = judge(about.expects.value(), result.sweep);
    result.status = judgement.status;
    result.message = std::move(judgement.message);
    return result;
}

Result found(const About& about, sweep::SweepResult sweep) {
    auto result = blank(about, std::move(sweep));
    result.status = result.verdict == Verdict::breaks ? Status::finding : Status::ok;
    return result;
}

Result replayed(const About& about, const sweep::Schedule& schedule, std::span<const sweep::Violation> violations) {
    sweep::SweepResult sweep;
    sweep.schedules = 1;
    sweep.depth = static_cast<unsigned>(schedule.landings.size());
    if (!violations.empty()) sweep.findings.push_back(sweep::finding_of(schedule, violations));
    return found(about, std::move(sweep));
}

Result skipped(const About& about, std::string why, sweep::SweepResult sweep) {
    auto result = blank(about, std::move(sweep));
    result.verdict = Verdict::skip;
    result.status = Status::skip;
    result.skip_reason = std::move(why);
    return result;
}

Result failed(const About& about, std::string why) {
    auto result = blank(about);
    result.message = std::move(why);
    return result;
}

}  // namespace gatecrash::suite
