#include "worker/pool.hpp"

#include <gtest/gtest.h>

#include <csignal>

namespace gatecrash::worker {
namespace {

TEST(WorkerError, HasTheWorkersOwnMessageIfThereIsOne) {
    const Exit exit{4, "booting\ngatecrash: no such thing\n  get one\n"};
    const auto error = error_of(exit, false);
    EXPECT_STREQ(error.what(), "no such thing");
    EXPECT_EQ(error.code(), 4);
    EXPECT_EQ(error.told(), exit.told);
    EXPECT_EQ(error_of(exit, true).told(), "") << "the user has seen it";
}

TEST(WorkerError, SaysWhatASignalDid) {
    const auto killed = error_of({128 + SIGKILL, "gatecrash: booting\n"}, true);
    EXPECT_STREQ(killed.what(), "a worker was killed, possibly out of memory: try a smaller --jobs");
    EXPECT_EQ(killed.code(), 3);
    EXPECT_EQ(killed.told(), std::string("gatecrash: ") + killed.what() + "\n");
    EXPECT_STREQ(
        error_of({128 + SIGBUS, ""}, true).what(),
        "a worker got SIGBUS, possibly since the host's kernel ends a split lock (split_lock_detect=fatal): align "
        "the operand of the guest's LOCK instruction, or boot the host with split_lock_detect=off");
    EXPECT_STREQ(error_of({5, ""}, true).what(), "a worker ended with exit code 5");
}

TEST(WorkerError, IsAnErrorEvenIfTheWorkerEndedWithout) {
    EXPECT_EQ(error_of({0, "gatecrash: done\n"}, true).code(), 3);
}

}  // namespace
}  // namespace gatecrash::worker
