// Tests the answers to gdb, on a debuggee without a guest. The program's own tests use a real gdb.
#include "debug/stub.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <pugixml.hpp>
#include <random>
#include <string>
#include <vector>

#include "debug/fake_debuggee.hpp"

namespace gatecrash::debug {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

class StubTest : public testing::Test {
  protected:
    /// Sends a packet, lets the guest run until it stops, and returns all answers.
    std::vector<std::string> all_answers(std::string_view packet) {
        auto sent = stub.receive(framed(packet));
        while (stub.is_running()) sent += stub.run();
        std::vector<std::string> texts;
        PacketReader reader;
        for (const char byte : sent) {
            if (const auto received = reader.feed(byte)) texts.push_back(std::get<Packet>(*received).text);
        }
        return texts;
    }
    std::string answer(std::string_view packet) {
        const auto all = all_answers(packet);
        EXPECT_FALSE(all.empty()) << packet;
        return all.empty() ? "" : all.back();
    }
    /// Returns what a command of the user's prints.
    std::string monitor(std::string_view command) {
        std::string text;
        for (const auto& each : all_answers("qRcmd," + to_hex(command))) {
            if (each != "OK") text += from_hex(each.substr(1)).value_or("?");
        }
        return text;
    }
    [[nodiscard]] std::string register_text(std::uint64_t value) const {
        return to_hex(std::as_bytes(std::span(&value, 1)));
    }

    FakeDebuggee debuggee{400};
    Timeline timeline{debuggee};
    Stub stub{timeline};
};

TEST_F(StubTest, AcknowledgesUntilItIsToldNotTo) {
    EXPECT_EQ(stub.receive("$?#3f"), "+$T05#b9");
    EXPECT_EQ(stub.receive("-"), "$T05#b9");
    EXPECT_EQ(stub.receive("$?#00"), "-");
    EXPECT_EQ(stub.receive(framed("QStartNoAckMode")), "+$OK#9a");
    EXPECT_EQ(stub.receive("$?#3f"), "$T05#b9");
    EXPECT_EQ(stub.receive("$?#00"), "");
}

TEST_F(StubTest, SaysWhatItCanDo) {
    EXPECT_THAT(answer("qSupported:multiprocess+;swbreak+"),
                AllOf(HasSubstr("ReverseStep+"), HasSubstr("ReverseContinue+"), HasSubstr("qXfer:features:read+")));
    for (const auto* unknown : {"", "vCont?", "qfThreadInfo", "X0,0:", "Z3,0,1", "Z4,0,1", "vMustReplyEmpty"})
        EXPECT_EQ(answer(unknown), "") << unknown;
}

TEST_F(StubTest, DescribesEachRegister) {
    std::string document;
    for (std::string piece = "m"; piece.starts_with('m');) {
        piece = answer(fmt::format("qXfer:features:read:target.xml:{:x},100", document.size()));
        document += piece.substr(1);
    }
    pugi::xml_document xml;
    ASSERT_TRUE(xml.load_string(document.c_str()));
    EXPECT_STREQ(xml.child("target").child_value("architecture"), "i386:x86-64");
    std::size_t digits = 0;
    std::vector<std::string> names;
    for (const auto& feature : xml.child("target").children("feature")) {
        for (const auto& reg : feature.children("reg")) {
            names.emplace_back(reg.attribute("name").value());
            digits += reg.attribute("bitsize").as_uint() / 4;
        }
    }
    EXPECT_EQ(answer("g").size(), digits);
    for (const auto* name :
         {"rax", "rip", "eflags", "fs_base", "gs_base", "k_gs_base", "cr0", "cr2", "cr3", "cr4", "efer"})
        EXPECT_THAT(names, testing::Contains(name));
    const auto fs_base = std::ranges::find(names, "fs_base") - names.begin();
    EXPECT_EQ(answer(fmt::format("p{:x}", fs_base)), register_text(0x1234'5678'9abc'def0));
    const auto cr3 = std::ranges::find(names, "cr3") - names.begin();
    EXPECT_EQ(answer(fmt::format("P{:x}={}", cr3, register_text(0))), "E.the CPU refuses CR3");
    EXPECT_THAT(answer(fmt::format("p{:x}", names.size())), StartsWith("E"));
}

TEST_F(StubTest, ReadsAndWritesRegisters) {
    const auto before = answer("g");
    EXPECT_THAT(before, StartsWith(register_text(1)));
    EXPECT_EQ(answer("P0=" + register_text(7)), "OK");
    EXPECT_EQ(answer("p0"), register_text(7));
    EXPECT_EQ(answer("p10"), register_text(0x1000));
    EXPECT_EQ(answer("G" + before), "OK");
    EXPECT_EQ(answer("g"), before);
    for (const auto* wrong : {"P", "P0", "P0=", "P0=12", "Pffff=00", "G", "G00", "p", "pz", "P18=00"})
        EXPECT_THAT(answer(wrong), StartsWith("E")) << wrong;
    EXPECT_EQ(answer("g"), before);
}

TEST_F(StubTest, ReadsAndWritesMemory) {
    EXPECT_EQ(answer("M8000,3:a1b2c3"), "OK");
    EXPECT_EQ(answer("m8000,4"), "a1b2c300");
    EXPECT_EQ(answer("m803e,10"), "0000") << "as far as it is mapped";
    for (const auto* wrong : {"m0,4", "m", "m8000", "m8000,", "mz,1", "M0,1:00", "M8000,2:00", "M8000,1:0", "M8000,1",
                              "M803f,2:0000", "m8000,-1"})
        EXPECT_THAT(answer(wrong), StartsWith("E")) << wrong;
    EXPECT_EQ(answer("m0,4"), "E0e") << "gdb does not accept words here";
    EXPECT_LE(answer("m8000,ffffffffffffffff").size(), max_packet);
}

TEST_F(StubTest, StepsAndContinuesToBreakpoints) {
    (void)answer("qSupported:swbreak+;hwbreak+");
    EXPECT_EQ(answer("s"), "T05");
    EXPECT_EQ(debuggee.state.rip, 0x1001U);
    EXPECT_EQ(answer("Z0,1020,1"), "OK");
    EXPECT_EQ(answer("Z1,1010,1"), "OK");
    EXPECT_EQ(answer("c"), "T05hwbreak:;");
    EXPECT_EQ(debuggee.state.rip, 0x1010U);
    EXPECT_EQ(answer("z1,1010,1"), "OK");
    EXPECT_EQ(answer("c"), "T05swbreak:;");
    EXPECT_EQ(debuggee.state.rip, 0x1020U);
    EXPECT_EQ(answer("?"), "T05swbreak:;");
    EXPECT_EQ(answer("bs"), "T05");
    EXPECT_EQ(debuggee.state.rip, 0x101fU);
    EXPECT_EQ(answer("bc"), "T05replaylog:begin;");
    EXPECT_EQ(debuggee.state.rip, 0x1000U);
    EXPECT_EQ(answer("bs"), "T05replaylog:begin;");
    for (const auto* wrong : {"Z0", "Z0,", "Z0,x,1", "z0", "c1000", "s1000"})
        EXPECT_THAT(answer(wrong), StartsWith("E")) << wrong;
}

TEST_F(StubTest, StopsWhereWatchedMemoryChanges) {
    EXPECT_EQ(answer("Z2,8000,40"), "OK");
    EXPECT_EQ(answer("c"), "T05watch:8000;");
    const auto position = timeline.position();
    const auto memory = answer("m8000,40");
    EXPECT_EQ(answer("c"), "T05watch:8000;");
    EXPECT_NE(answer("m8000,40"), memory);
    EXPECT_EQ(answer("bc"), "T05watch:8000;");
    EXPECT_EQ(timeline.position(), position);
    EXPECT_EQ(answer("m8000,40"), memory);
    EXPECT_EQ(answer("z2,8000,40"), "OK");
    EXPECT_EQ(answer("c"), "T05replaylog:end;");
    for (const auto* wrong : {"Z2,8000,0", "Z2,8000,101", "Z2,8000"})
        EXPECT_THAT(answer(wrong), StartsWith("E")) << wrong;
}

TEST_F(StubTest, KeepsOnlySoMuch) {
    for (int i = 0; i < 1'000; ++i) EXPECT_EQ(answer(fmt::format("Z0,{:x},1", 0x5000 + i)), "OK");
    EXPECT_THAT(answer("Z0,9000,1"), StartsWith("E"));
    EXPECT_EQ(answer("z0,5000,1"), "OK");
    EXPECT_EQ(answer("Z0,9000,1"), "OK");

    (void)answer("s");
    for (int i = 0; i < 10'000; ++i) ASSERT_EQ(answer("M8000,1:01"), "OK");
    EXPECT_THAT(answer("M8000,1:02"), StartsWith("E"));
    EXPECT_EQ(answer("bs"), "T05");
    EXPECT_EQ(answer("M8000,1:02"), "OK");
}

TEST_F(StubTest, SaysHowTheGuestEndedAndGoesBack) {
    const auto all = all_answers("c");
    ASSERT_EQ(all.size(), 2U);
    EXPECT_THAT(from_hex(all[0].substr(1)).value(), HasSubstr("it is over"));
    EXPECT_EQ(all[1], "T05replaylog:end;");
    EXPECT_THAT(answer("P0=" + register_text(7)), StartsWith("E"));
    EXPECT_THAT(monitor("land nmi"), HasSubstr("has ended"));
    EXPECT_EQ(answer("bs"), "T05");
    EXPECT_EQ(debuggee.state.rip, 0x1000U + 399);
}

TEST_F(StubTest, StopsARunThatMayBeEndless) {
    FakeDebuggee endless(1'000'000'000);
    Timeline run(endless);
    Stub other(run);
    (void)other.receive(framed("c"));
    std::string sent;
    while (other.is_running()) sent += other.run();
    EXPECT_THAT(sent, AllOf(HasSubstr(to_hex("no end in sight")), EndsWith("$T05#b9")));
    EXPECT_GE(run.position(), 20'000U);
    (void)other.receive(framed("c"));
    (void)other.run();
    EXPECT_TRUE(other.is_running()) << "it goes on";
}

TEST_F(StubTest, StopsForCtrlC) {
    FakeDebuggee endless(1'000'000'000);
    Timeline run(endless);
    Stub other(run);
    (void)other.receive(framed("c"));
    (void)other.run();
    EXPECT_TRUE(other.is_running());
    EXPECT_THAT(other.receive("\x03"), EndsWith("$T02#b6"));
    EXPECT_FALSE(other.is_running());
    EXPECT_EQ(other.receive("\x03"), "") << "it has stopped already";

    (void)other.receive(framed("bc"));
    (void)other.run();
    EXPECT_THAT(other.receive("\x03"), EndsWith("$T02#b6"));
    EXPECT_LT(run.position(), 256U);
    EXPECT_GT(run.position(), 0U);
}

TEST_F(StubTest, LandsAnEventAndGoingBackUndoesIt) {
    (void)answer("s");
    EXPECT_EQ(monitor("boundary"), "step 1 of the window\nnothing\n");
    EXPECT_EQ(monitor("land nmi"), "step 1 of the window\npending\n");
    (void)answer("s");
    EXPECT_EQ(debuggee.state.rip, FakeDebuggee::handler);
    (void)answer("bs");
    EXPECT_THAT(monitor("boundary"), HasSubstr("pending"));
    (void)answer("bs");
    (void)answer("s");
    EXPECT_THAT(monitor("boundary"), HasSubstr("nothing"));
    EXPECT_EQ(monitor("symbol handler"), "handler is at 0x2000\n");
    EXPECT_EQ(monitor("symbol other"), "no symbol 'other'\n");
    EXPECT_EQ(monitor("land smi"), "no such event: smi\n");
    EXPECT_THAT(monitor("fly"), AllOf(HasSubstr("no such command: 'fly'"), HasSubstr("monitor land EVENT")));
}

TEST_F(StubTest, SaysWhatCannotBeStepped) {
    debuggee.fails_at_next = true;
    const auto all = all_answers("c");
    ASSERT_EQ(all.size(), 2U);
    EXPECT_EQ(from_hex(all[0].substr(1)), "gatecrash cannot follow the guest there: cannot step\nand more\n");
    EXPECT_EQ(all[1], "T05");
    EXPECT_EQ(debuggee.state, FakeDebuggee::State{});
}

TEST_F(StubTest, GoesBackToWhereASearchThatFailsBegan) {
    for (int i = 0; i < 100; ++i) (void)answer("s");
    const auto before = debuggee.state;
    for (const auto* way : {"bc", "bs"}) {
        debuggee.fails_at_next = true;
        const auto all = all_answers(way);
        ASSERT_EQ(all.size(), 2U);
        EXPECT_THAT(from_hex(all[0].substr(1)).value(), HasSubstr("cannot step"));
        EXPECT_EQ(all[1], "T05");
        EXPECT_EQ(timeline.position(), 100U) << way;
        EXPECT_EQ(debuggee.state, before) << way;
    }
}

TEST_F(StubTest, EndsWhenGdbLeaves) {
    EXPECT_EQ(stub.receive(framed("D") + framed("g")), "+$OK#9a");
    EXPECT_TRUE(stub.has_ended());
}

TEST_F(StubTest, SurvivesAnything) {
    std::mt19937 random(1);
    const std::string letters = "?gGpPmMZzscb0123456789abcdef,:;=xqX";
    for (int i = 0; i < 20'000; ++i) {
        std::string packet;
        for (auto length = random() % 12; length > 0; --length) packet += letters[random() % letters.size()];
        (void)stub.receive(framed(packet));
        for (int turn = 0; stub.is_running(); ++turn) {
            (void)(turn < 8 ? stub.run() : stub.receive("\x03"));
        }
        ASSERT_FALSE(stub.has_ended());
    }
}

}  // namespace
}  // namespace gatecrash::debug
