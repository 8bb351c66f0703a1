#include "worker/journal.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>

#include "worker/sample_sweep.hpp"

namespace gatecrash::worker {
namespace {

using testing::HasSubstr;

TEST(Journal, ComesBackAsItWasKept) {
    worker::Journal journal{
        "0.1", {"run", "1/1"}, "0123", {"amd", "kvm_amd", "cpu", "6.1", true, vm::Vendor::amd, {}}, {}};
    journal.workers = {{{Swept{sample::sweep(), 1}, Failed{"why", false}}, Saved{sample::checkpoint(), 2}}, {{}, {}}};
    const auto text = to_text(journal);
    const auto back = read_journal(text);
    EXPECT_EQ(to_text(back), text);
    EXPECT_EQ(back.command, journal.command);
    ASSERT_EQ(back.workers.size(), 2U);
    EXPECT_EQ(std::get<Swept>(back.workers[0].done.at(0)).sweep, sample::sweep());
    EXPECT_EQ(back.workers[0].at->checkpoint, sample::checkpoint());
    EXPECT_TRUE(back.workers[1].done.empty());
}

TEST(Journal, ThatIsInvalidIsRefused) {
    const auto why = [](const std::string& text) {
        try {
            (void)read_journal(text);
        } catch (const ProtocolError& error) {
            return std::string(error.what());
        }
        return std::string("nothing");
    };
    const auto whole = to_text(
        {"0.1", {"run"}, "0", {"amd", "", "", "", true, vm::Vendor::amd, {}}, {{{}, Saved{sample::checkpoint(), 2}}}});
    for (const auto& text :
         {std::string("no JSON"), std::string("[]"), std::string("{}"), whole.substr(0, whole.size() / 2)}) {
        EXPECT_THAT(why(text), HasSubstr("not a file that --resume made: ")) << text;
    }
    auto other = whole;
    other.replace(other.find("\"order\":99"), 10, "\"order\":-1");
    EXPECT_THAT(why(other), HasSubstr("'order' is not a count"));
    for (const auto& [from, to] :
         std::vector<std::pair<std::string, std::string>>{{"[3,60,20,[],true]", "[3,61,20,[],true]"},
                                                          {"[3,60,20,[],true]", "[3,60,20,[],false]"},
                                                          {"[3,60,20,[],true]", "[3,60,20,[[0,1]],true]"},
                                                          {"[6,6,10,[],false]", "[2,6,10,[],false]"}}) {
        auto tampered = whole;
        ASSERT_NE(tampered.find(from), std::string::npos);
        tampered.replace(tampered.find(from), from.size(), to);
        EXPECT_THAT(why(tampered), HasSubstr("stretch")) << to;
    }
}

/// Work that could resume from `journal_`, and the file of that journal.
class ResumedJournal : public testing::Test {
  protected:
    ResumedJournal() {
        mine_.version = "0.1";
        mine_.command = {"run", "1/1"};
        mine_.guests = "0123";
        kept_ = mine_;
        kept_.machine.name = "amd";
        kept_.workers.resize(2);
    }
    ResumedJournal(const ResumedJournal&) = delete;
    ResumedJournal& operator=(const ResumedJournal&) = delete;
    ~ResumedJournal() override { (void)std::remove(name_.c_str()); }
    void keep() {
        JournalFile file(name_);
        file.changed();
        file.save(kept_);
    }
    std::string why(std::optional<unsigned> jobs = {}) {
        keep();
        try {
            (void)resume(name_, mine_, jobs);
        } catch (const JournalError& error) {
            return error.what();
        }
        return "";
    }

    std::string name_ = testing::TempDir() + "gatecrash-journal";
    worker::Journal mine_, kept_;
};

TEST_F(ResumedJournal, StartsANewFileIfThereIsNone) {
    EXPECT_TRUE(resume(name_, mine_, 7).workers.empty());
    JournalFile file(name_);
    file.save(kept_);
    EXPECT_TRUE(resume(name_, mine_, 7).workers.empty()) << "nothing changed, so nothing was saved";
    EXPECT_TRUE(file.is_kept());
    EXPECT_FALSE(JournalFile().is_kept());
}

TEST_F(ResumedJournal, IsOfTheSameWorkOrRefused) {
    EXPECT_EQ(why(), "");
    EXPECT_EQ(why(2), "");
    EXPECT_EQ(why(3), "it was made with --jobs 2");
    mine_.guests = "4567";
    EXPECT_EQ(why(), "its guests or their expectation files have changed since");
    mine_.command = {"run", "1/2"};
    EXPECT_EQ(why(), "it belongs to another command, or to other options");
    mine_.version = "0.2";
    EXPECT_EQ(why(), "it is from gatecrash 0.1");
}

}  // namespace
}  // namespace gatecrash::worker
