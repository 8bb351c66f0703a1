#include "bench/entry_path.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace gatecrash::bench {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::string> selected(const std::vector<std::string>& patterns) {
    std::vector<std::string> names;
    for (const auto& each : select_compositions(patterns)) names.push_back(each.name());
    return names;
}

std::string refusal_of(const std::string& pattern) {
    try {
        (void)selected({pattern});
        return "none";
    } catch (const SelectionError& error) {
        return error.what();
    }
}

TEST(EntryPath, IsSelectedByNameAndByPattern) {
    EXPECT_THAT(selected({"syscall-sysret"}), ElementsAre("syscall-sysret"));
    EXPECT_THAT(selected({"bp+c*"}), ElementsAre("bp+cr3", "bp+cr3-pcid", "bp+context-cs", "bp+context-soft"));
    EXPECT_THAT(selected({"bp", "bp+cr3", "bp"}), ElementsAre("bp", "bp+cr3"));
}

TEST(EntryPath, IsComposedAsAsked) {
    EXPECT_THAT(selected({"syscall-iret+stack+swapgs"}), ElementsAre("syscall-iret+swapgs+stack"));
    EXPECT_THAT(selected({"nmi+clear"}), ElementsAre("nmi+save+clear"));  // not a pattern of a listed path
    EXPECT_THAT(selected({"syscall-sysret+lfence"}), ElementsAre("syscall-sysret+swapgs+lfence"));
}

TEST(EntryPath, SaysWhatOnePieceIs) {
    const auto what = [](const std::string& name) { return select_compositions(std::vector{name}).front().what(); };
    EXPECT_EQ(what("bp"), "INT3");
    EXPECT_EQ(what("bp+cr3"), "MOV CR3, which flushes the TLB");
    EXPECT_EQ(what("bp+save+clear"), "in: those registers cleared once they are saved");
    EXPECT_EQ(what("bp+save+cr3"), "");
}

TEST(EntryPath, RefusesWhatMakesNoSense) {
    EXPECT_THAT(refusal_of("sysccall"), HasSubstr("no path matches 'sysccall'; the paths are: syscall-sysret, "));
    EXPECT_THAT(refusal_of("bp+swappgs"), HasSubstr("no piece is called 'swappgs'; the pieces are: verw, swapgs"));
    EXPECT_THAT(refusal_of("bp-kernel+stack"), "stack cannot be combined with bp-kernel");
    EXPECT_THAT(refusal_of("sysenter32+swapgs"), "swapgs cannot be combined with sysenter32");
    EXPECT_THAT(refusal_of("sysenter32+cr3-pcid"), "cr3-pcid cannot be combined with sysenter32");
    EXPECT_THAT(refusal_of("bp+swapgs+paranoid-rdmsr"), "swapgs and paranoid-rdmsr are alternatives");
    EXPECT_THAT(refusal_of("bp+lfence+paranoid-rdmsr"), "swapgs and paranoid-rdmsr are alternatives");
    EXPECT_THAT(refusal_of("bp+"), "'bp+' ends where the name of a piece must follow");
    EXPECT_THAT(refusal_of(""), HasSubstr("no path matches ''"));
}

TEST(EntryPath, HasEachPieceOnItsOwn) {
    std::set<std::string> names, pieces;
    for (const auto& each : all_compositions()) {
        EXPECT_TRUE(names.insert(each.name()).second) << each.name();
        if (!each.pieces.empty()) pieces.insert(info(each.pieces.back()).name);
    }
    for (const auto& path : all_paths()) EXPECT_TRUE(names.contains(path.name)) << path.name;
    for (const auto& piece : all_pieces()) EXPECT_TRUE(pieces.contains(piece.name)) << piece.name;
}

}  // namespace
}  // namespace gatecrash::bench
