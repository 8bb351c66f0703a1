// Runs the commands with --html, and reads the document in the pages. tests/browser opens pages in a browser.
#include "support/amd.hpp"
#include "sweep/outcome_map.hpp"

namespace gatecrash::cli {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;

/// A variant that breaks and takes a fraction of a second.
constexpr const char* breaks_quickly = "nested-nmi/flag-only";

/// Returns the document that a page contains.
nlohmann::json document_of(const std::string& page) {
    const std::string begin = "id=\"document\">";
    const auto at = page.find(begin);
    if (at == std::string::npos) return {};
    return nlohmann::json::parse(page.substr(at + begin.size(), page.find("</script>", at) - at - begin.size()));
}

TEST(Explore, WritesAPageWithTheMapAndTheTrace) {
    const TemporaryFolder folder;
    const auto html = folder.path() / "result.html";
    const auto json = folder.path() / "result.json";
    const auto result = run_on_amd({"explore", breaks_quickly, "--html", html, "--json", json});
    EXPECT_EQ(result.code, 1) << result.err;
    const auto document = document_of(posix::read_file(html));
    EXPECT_EQ(document, read_json(json));
    const auto& explored = document["results"][0];
    const auto& map = explored["map"];
    EXPECT_EQ(map["events"], nlohmann::json({"nmi"}));
    ASSERT_THAT(map["windows"], SizeIs(2));
    ASSERT_THAT(map["singles"], SizeIs(2));
    // Each schedule of one event is a cell that held or broke. Each window has one schedule without events.
    std::uint64_t schedules = map["windows"].size(), broken = 0;
    for (const auto& row : map["singles"]) {
        const auto cells = sweep::parse_cells(row.get<std::string>().substr(4), 65536);
        ASSERT_TRUE(cells) << row;
        broken += static_cast<std::uint64_t>(std::ranges::count(*cells, sweep::Cell::broke));
        schedules += static_cast<std::uint64_t>(std::ranges::count(*cells, sweep::Cell::held));
    }
    EXPECT_EQ(broken, explored["findings"]);
    EXPECT_EQ(schedules + broken, explored["schedules"]);
    ASSERT_FALSE(explored["found"].empty());
    EXPECT_EQ(explored["found"][0]["schedule"], explored["finding"]["schedule"]);
    EXPECT_THAT(explored["found"][0]["trace"].dump(), HasSubstr("nmi lands at"));
    EXPECT_FALSE(explored["instructions"].empty());
}

TEST(Replay, WritesAPageWithTheTrace) {
    const auto result = run_on_amd({"replay", "nested-nmi/copied-frame@nmi:0", "--html", "-", "--quiet"});
    EXPECT_EQ(result.code, 0) << result.err;
    const auto replayed = document_of(result.out)["results"][0];
    EXPECT_EQ(replayed["verdict"], "holds");
    EXPECT_THAT(replayed["trace"].dump(), HasSubstr("nmi lands at"));
    EXPECT_THAT(replayed["trace"].dump(), AllOf(HasSubstr("vector 2 goes to"), Not(HasSubstr("left out"))));
}

TEST(Shards, MergeIntoAPage) {
    const TemporaryFolder folder;
    Words merge{"merge", "--html", "-"};
    for (const auto* shard : {"1/2", "2/2"}) {
        merge.push_back(folder.path() / (std::string(shard, 1) + ".json"));
        (void)run_on_amd({"explore", breaks_quickly, "--html", "/dev/null", "--shard", shard, "--json", merge.back()});
    }
    const auto whole = document_of(run_on_amd({"explore", breaks_quickly, "--html", "-"}).out);
    const auto merged = run_gatecrash(merge);
    EXPECT_EQ(merged.code, 1) << merged.err;
    EXPECT_EQ(without_seconds(document_of(merged.out)), without_seconds(whole));
    EXPECT_FALSE(whole["results"][0]["found"][0]["trace"].empty());
}

TEST(Page, IsNotWrittenWithoutAResult) {
    const TemporaryFolder folder;
    const auto html = folder.file("old.html", "old");
    EXPECT_EQ(run_on_amd({"explore", GUEST, "--events", "pf=0", "--window", "nothing", "--html", html}).code, 2);
    EXPECT_EQ(posix::read_file(html), "old");
}

}  // namespace
}  // namespace gatecrash::cli
