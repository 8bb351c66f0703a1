#include "machines/saved_state.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <fstream>

#include "machines/machine_error.hpp"
#include "posix/file.hpp"

namespace gatecrash::machines {
namespace {

namespace fs = std::filesystem;

constexpr const char* key = "0123456789abcdef";

class SavedStateTest : public testing::Test {
  protected:
    SavedStateTest() {
        memory_ = make("memory", std::string(200'000, '\0') + "text" + std::string(1'000'000, '\0') + "end");
        devices_ = make("devices", "devices");
    }
    void TearDown() override { fs::remove_all(folder_); }

    posix::FileDescriptor make(const std::string& name, const std::string& content) const {
        std::ofstream(folder_ / name) << content;
        return posix::open_file(folder_ / name, O_RDWR);
    }
    SavedState get(std::optional<std::uint64_t> damaged = {}) {
        return get_state(ContentCache(cache_), key, damaged, [this](const fs::path& folder) {
            ++made_;
            save_state(folder, memory_.get(), devices_.get());
        });
    }

    void expect_nothing_but_the_lock() const {
        for (const auto& entry : fs::directory_iterator(cache_)) EXPECT_EQ(entry.path().filename(), "lock");
    }

    std::string template_ = testing::TempDir() + "/state-XXXXXX";
    fs::path folder_ = ::mkdtemp(template_.data());
    fs::path cache_ = folder_ / "cache";
    posix::FileDescriptor memory_;
    posix::FileDescriptor devices_;
    int made_ = 0;
};

TEST_F(SavedStateTest, IsMadeOnceAndFoundAgain) {
    EXPECT_TRUE(get().intact());
    EXPECT_TRUE(get().intact());
    EXPECT_EQ(made_, 1);
    EXPECT_EQ(posix::read_file(cache_ / key / "memory"), posix::read_file(folder_ / "memory"));
    EXPECT_EQ(posix::read_file(cache_ / key / "devices"), "devices");
}

TEST_F(SavedStateTest, IsMadeAnewWhenAFileIsShortOrGone) {
    get();
    fs::resize_file(cache_ / key / "memory", 1000);
    EXPECT_TRUE(get().intact());
    fs::remove(cache_ / key / "devices");
    EXPECT_TRUE(get().intact());
    std::ofstream(cache_ / key / "manifest.json") << "{";
    EXPECT_TRUE(get().intact());
    EXPECT_EQ(made_, 4);
}

TEST_F(SavedStateTest, NoticesOneChangedByteWhereverItIs) {
    for (const std::streamoff at : {0, 200'001, 700'000, 1'200'005}) {
        const auto state = get();
        std::fstream(cache_ / key / "memory", std::ios::in | std::ios::out | std::ios::binary).seekp(at).put('\x55');
        EXPECT_FALSE(state.intact()) << at;
        EXPECT_TRUE(get(state.identity()).intact()) << at;
    }
    EXPECT_EQ(made_, 5);
}

TEST_F(SavedStateTest, DamageReportedTwiceIsRepairedOnce) {
    const auto damaged = get().identity();
    get(damaged);
    get(damaged);
    EXPECT_EQ(made_, 2);
}

TEST_F(SavedStateTest, AFullDiskLeavesNothingHalfWritten) {
    // A limit on the size of files makes a write fail, like a full disk.
    struct rlimit before {};
    ::getrlimit(RLIMIT_FSIZE, &before);
    const auto handler = std::signal(SIGXFSZ, SIG_IGN);
    const struct rlimit small { .rlim_cur = 300'000, .rlim_max = before.rlim_max };
    ::setrlimit(RLIMIT_FSIZE, &small);
    EXPECT_THROW(get(), MachineError);
    ::setrlimit(RLIMIT_FSIZE, &before);
    (void)std::signal(SIGXFSZ, handler);
    expect_nothing_but_the_lock();
    EXPECT_TRUE(get().intact());
}

TEST_F(SavedStateTest, AMachineThatDoesNotBootLeavesNothingHalfWritten) {
    const auto fail = [](const fs::path& folder) {
        std::ofstream(folder / "memory") << "half";
        throw MachineError("no boot");
    };
    EXPECT_THROW(get_state(ContentCache(cache_), key, {}, fail), MachineError);
    expect_nothing_but_the_lock();
}

TEST_F(SavedStateTest, TidiesUpItsOwnAndNothingElse) {
    fs::create_directories(cache_ / "unfinished-1");
    fs::create_directories(cache_ / "of the user");
    for (int i = 0; i < 9; ++i) fs::create_directories(cache_ / ("000000000000000" + std::to_string(i)));
    get();
    std::size_t states = 0;
    for (const auto& entry : fs::directory_iterator(cache_)) {
        states += entry.path().filename().string().size() == 16 ? 1 : 0;
    }
    EXPECT_EQ(states, 4U);
    EXPECT_FALSE(fs::exists(cache_ / "unfinished-1"));
    EXPECT_TRUE(fs::exists(cache_ / "of the user"));
}

TEST_F(SavedStateTest, ACacheThatCannotBeWrittenIsNamed) {
    std::ofstream(folder_ / "file") << "x";
    EXPECT_THROW(ContentCache(folder_ / "file" / "cache"), MachineError);
}

}  // namespace
}  // namespace gatecrash::machines
