#include "report/map_json.hpp"

#include <gtest/gtest.h>

namespace gatecrash::report {
namespace {

using sweep::Cell;
using sweep::MapFirst;

sweep::OutcomeMap map() {
    return {.events = {"nmi", "irq=0x30"},
            .windows = {{{vm::Virtual{0xffffffff80010000}, "entry", 0},
                         {vm::Virtual{0xffffffff8001000b}, "entry", 11},
                         {vm::Virtual{0xffffffff80020000}, "body", 0},
                         {vm::Virtual{0x400}, "", 0}},
                        {}},
            .instructions = {{vm::Virtual{0xffffffff80020000}, "body", 0}},
            .singles = {{{.event = 1}, {Cell::held, Cell::broke, Cell::not_reached, Cell::waits}}},
            .pairs = {{{.first = MapFirst{3, 0}, .event = 1}, {Cell::pruned}}}};
}

TEST(MapJson, IsCompact) {
    EXPECT_EQ(to_json(map()).dump(),
              R"({"events":["nmi","irq=0x30"],"windows":[[["entry","0xffffffff80010000","0 b"],)"
              R"(["body","0xffffffff80020000","0"],["","0x400","0"]],[]],"singles":["0 1 hb.w"],)"
              R"("instructions":[["body","0xffffffff80020000","0"]],"pairs":["0 3 0 1 p"]})");
}

TEST(MapJson, IsReadAgain) {
    auto written = map();
    EXPECT_EQ(to_map(to_json(written)), written);
    written.pairs_end = 7;
    EXPECT_EQ(to_map(to_json(written)), written);
    EXPECT_EQ(to_map(to_json(sweep::OutcomeMap())), sweep::OutcomeMap());
}

TEST(MapJson, IsRefusedIfItDoesNotFitTogether) {
    const struct {
        const char* pointer;
        Json value;
    } rows[]{{"/singles/0", "2 1 h"},   // there are two windows
             {"/singles/0", "0 2 h"},   // and two events
             {"/singles/0", "0 1 5h"},  // and four boundaries
             {"/singles/0", "0 1 x"},     {"/singles/0", ""},
             {"/singles/0", "-1 1 h"},    {"/singles/1", "0 1 h"},  // the same row again
             {"/pairs/0", "0 4 0 1 h"},   {"/pairs/0", "0 3 2 1 h"},
             {"/pairs/0", "0 3 0 1 2h"},  {"/pairs/0", 7},
             {"/windows/0/0/1", "entry"}, {"/windows/0/0/2", "0 g"},
             {"/events", "nmi"},          {"/windows/0/0", Json::array()},
             {"/pairs_end", true}};
    for (const auto& [pointer, value] : rows) {
        auto json = to_json(map());
        json[Json::json_pointer(pointer)] = value;
        EXPECT_ANY_THROW((void)to_map(json)) << pointer << " " << value;
    }
}

TEST(MapJson, HasALimit) {
    std::string offsets = "0";
    for (std::uint64_t i = 0; i < sweep::OutcomeMap::most_boundaries; ++i) offsets += " 1";
    EXPECT_THROW((void)to_places(Json::array({{"code", "0x0", offsets}})), JsonError);
}

}  // namespace
}  // namespace gatecrash::report
