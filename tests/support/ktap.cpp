#include "support/ktap.hpp"

#include <algorithm>
#include <iterator>
#include <regex>

namespace gatecrash::ktap {
namespace {

class Reader {
  public:
    explicit Reader(const std::string& document) {
        if (!document.empty() && document.back() != '\n') throw Error("the last line does not end");
        for (std::size_t at = 0; at < document.size();) {
            const auto end = document.find('\n', at);
            lines_.push_back(document.substr(at, end - at));
            at = end + 1;
        }
    }

    /// Reads the version, the plan, and as many tests as the plan says.
    std::vector<Test> tests(std::size_t level) {
        std::smatch match;
        if (!take(level, std::regex("KTAP version 1"), match)) fail("is no version line");
        if (!take(level, std::regex("1\\.\\.(0|[1-9][0-9]*)"), match)) fail("is no plan");
        const auto planned = std::stoul(match[1]);
        std::vector<Test> tests;
        while (tests.size() < planned) tests.push_back(test(level, tests.size() + 1));
        return tests;
    }

    void end() {
        if (at_ != lines_.size()) fail("is more than was planned");
    }

  private:
    Test test(std::size_t level, std::size_t number) {
        static const std::regex diagnostic("# (.*)");
        static const std::regex result(
            "(ok|not ok) ([1-9][0-9]*) ([^#]*[^# ])(?: # (SKIP|TODO|XFAIL|TIMEOUT|ERROR)(?: (.+))?)?");
        Test test;
        std::smatch match;
        if (at_ < lines_.size() && lines_[at_] == std::string(2 * (level + 1), ' ') + "KTAP version 1") {
            test.subtests = tests(level + 1);
        }
        while (take(level, diagnostic, match)) test.diagnostics.push_back(match[1]);
        if (!take(level, result, match)) fail("is no result");
        if (match[2] != std::to_string(number)) fail("is not number " + std::to_string(number), 1);
        test.ok = match[1] == "ok";
        test.name = match[3];
        test.directive = match[4];
        test.data = match[5];
        if (test.ok && (test.directive == "ERROR" || test.directive == "TIMEOUT")) fail("is ok and not", 1);
        const bool all_ok = std::ranges::all_of(test.subtests, &Test::ok);
        if (!test.subtests.empty() && test.ok != all_ok) fail("does not follow from its subtests", 1);
        return test;
    }

    bool take(std::size_t level, const std::regex& pattern, std::smatch& match) {
        if (at_ == lines_.size()) return false;
        const std::string indentation(2 * level, ' ');
        const auto& line = lines_[at_];
        if (!line.starts_with(indentation)) return false;
        if (!std::regex_match(line.begin() + static_cast<std::ptrdiff_t>(indentation.size()), line.end(), match,
                              pattern)) {
            return false;
        }
        ++at_;
        return true;
    }

    [[noreturn]] void fail(const std::string& why, std::size_t back = 0) const {
        const auto at = at_ - back;
        throw Error("line " + std::to_string(at + 1) + " " + why + ": " +
                    (at < lines_.size() ? lines_[at] : "(the end)"));
    }

    std::vector<std::string> lines_;
    std::size_t at_ = 0;
};

}  // namespace

std::vector<Test> parse(const std::string& document) {
    Reader reader(document);
    auto tests = reader.tests(0);
    reader.end();
    return tests;
}

}  // namespace gatecrash::ktap
