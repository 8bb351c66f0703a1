#include "cli/progress.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>

namespace gatecrash::cli {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Mode = ProgressDisplay::Mode;

/// A display that writes to memory, with a clock that the test sets.
class Progress : public testing::Test {
  protected:
    /// Returns the output of the display for updates at these times since the beginning.
    static std::string shown(Mode mode, const std::vector<milliseconds>& times, bool erase = false) {
        char* text = nullptr;
        std::size_t size = 0;
        std::FILE* stream = ::open_memstream(&text, &size);
        ProgressDisplay display(stream, mode);
        const ProgressDisplay::Clock::time_point start{std::chrono::hours(1)};
        display.begin("c/v", start);
        for (const auto time : times) {
            display.update({.level = 1, .boundary = 2, .boundaries = 3, .schedules = 4, .findings = 0}, start + time);
        }
        if (erase) display.erase();
        (void)std::fclose(stream);
        const std::unique_ptr<char, void (*)(void*)> owner(text, std::free);
        return {text, size};
    }
    static std::size_t count(const std::string& text, const std::string& part) {
        std::size_t count = 0;
        for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
        return count;
    }
};

TEST_F(Progress, IsALineRewrittenAtMostTenTimesASecond) {
    const auto text =
        shown(Mode::live, {milliseconds(0), milliseconds(50), milliseconds(99), milliseconds(100), milliseconds(201)});
    EXPECT_EQ(count(text, "\r\033[Kc/v  level 1  boundary 2/3"), 3U);
    EXPECT_EQ(count(text, "\n"), 0U);
}

TEST_F(Progress, IsErasedBeforeResults) {
    const auto text = shown(Mode::live, {milliseconds(0)}, true);
    EXPECT_TRUE(text.ends_with("\r\033[K"));
    EXPECT_EQ(shown(Mode::live, {}, true), "");
}

TEST_F(Progress, IsALineEveryHalfMinuteInALog) {
    const auto text = shown(Mode::lines, {milliseconds(0), seconds(29), seconds(30), seconds(31), seconds(60)}, true);
    EXPECT_EQ(count(text, "c/v  level 1  boundary 2/3  "), 2U);
    EXPECT_EQ(count(text, "\n"), 2U);
    EXPECT_EQ(count(text, "\033"), 0U);
}

TEST_F(Progress, IsNothingIfQuiet) { EXPECT_EQ(shown(Mode::none, {milliseconds(0), seconds(60)}, true), ""); }

}  // namespace
}  // namespace gatecrash::cli
