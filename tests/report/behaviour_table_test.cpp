#include "report/behaviour_table.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace gatecrash::report {
namespace {

using nlohmann::json;
using vm::Behaviour;

const std::vector<BehaviourRow> rows{{Behaviour::int3, "#BP", "#BP", "SDM 6.15; APM 8.2.4"},
                                     {Behaviour::sysenter_64, "arrives", "#UD", "SDM 5.8.7; APM 6.1.2"}};

MachineDescription described(const std::string& name) {
    return {.name = name, .kvm = "kvm_" + name, .cpu = "CPU", .kernel = "6.1", .emulated = true, .behaviours = {}};
}

std::vector<ExaminedMachine> three_machines() {
    ExaminedMachine host{.description = described("host"), .missing = {}, .remedy = {}};
    host.description.behaviours = {{Behaviour::int3, false}};
    host.description.answers = {{Behaviour::int3, "no event"}};
    ExaminedMachine amd{.description = described("amd"), .fit = true, .missing = {}, .remedy = {}};
    amd.description.behaviours = {{Behaviour::int3, true}, {Behaviour::sysenter_64, true}};
    amd.description.answers = {{Behaviour::int3, "#BP"}, {Behaviour::sysenter_64, "#UD"}};
    ExaminedMachine intel{.description = {}, .missing = "no emulator", .remedy = "get one"};
    intel.description.name = "intel";
    return {host, amd, intel};
}

TEST(BehaviourTable, ShowsTheMachinesBesideTheManuals) {
    EXPECT_EQ(behaviour_table(rows, three_machines()),
              "             host     amd      intel    the manuals\n"
              "int3         differs  ok       -        #BP [SDM 6.15; APM 8.2.4]\n"
              "                                        host gives: no event\n"
              "sysenter-64  -        ok       -        Intel: arrives\n"
              "                                        AMD: #UD [SDM 5.8.7; APM 6.1.2]\n");
}

TEST(BehaviourTable, TellsWhatOnlySomeCpusDo) {
    auto machine = three_machines()[1];
    machine.description.vendor = vm::Vendor::amd;
    machine.description.behaviours = {{Behaviour::int3, false}};
    machine.description.answers = {{Behaviour::int3, "#DB"}};
    auto row = rows[0];
    const auto mark_with = [&](const std::vector<std::string>& some_amd) {
        row.some_amd = some_amd;
        return behaviour_table({&row, 1}, {&machine, 1});
    };
    EXPECT_THAT(mark_with({"#BP later", "#DB"}), testing::HasSubstr("int3  other "));
    EXPECT_THAT(mark_with({"#BP later", "#DB"}), testing::HasSubstr("amd gives: #DB"));
    EXPECT_THAT(mark_with({"#BP later"}), testing::HasSubstr("int3  differs "));
}

TEST(BehaviourTable, WithoutAMachineShowsTheManuals) {
    EXPECT_EQ(behaviour_table({rows.data(), 1}, {}),
              "      the manuals\n"
              "int3  #BP [SDM 6.15; APM 8.2.4]\n");
}

TEST(DoctorReport, HasEveryMachineAndIsReadBack) {
    auto machines = three_machines();
    machines[1].description.as_some = {Behaviour::sysenter_64};
    const auto text = doctor_report("1.0", machines[1].description, machines, rows);
    const auto document = json::parse(text);
    EXPECT_EQ(document["gatecrash"], "1.0");
    EXPECT_EQ(document["results"], json::array());
    EXPECT_EQ(document["machine"]["behaviours"]["int3"], true);
    EXPECT_EQ(document["machine"]["answers"]["sysenter-64"], "#UD");
    EXPECT_EQ(document["machine"].value("other", json()), json::array({"sysenter-64"})) << document["machine"];
    ASSERT_EQ(document["machines"].size(), 3U);
    EXPECT_EQ(document["machines"][0]["fit"], false);
    EXPECT_EQ(document["machines"][1]["fit"], true);
    EXPECT_EQ(document["machines"][2], json({{"name", "intel"}, {"missing", "no emulator"}, {"remedy", "get one"}}));
    EXPECT_EQ(document["manuals"][1], json({{"name", "sysenter-64"},
                                            {"intel", "arrives"},
                                            {"amd", "#UD"},
                                            {"source", "SDM 5.8.7; APM 6.1.2"},
                                            {"some_intel", json::array()},
                                            {"some_amd", json::array()}}));
    EXPECT_EQ(machine_of_doctor_report(text), machines[1].description);
}

TEST(DoctorReport, ThatIsInvalidIsRefused) {
    EXPECT_THROW((void)machine_of_doctor_report(""), std::runtime_error);
    EXPECT_THROW((void)machine_of_doctor_report("{}"), std::runtime_error);
    EXPECT_THROW((void)machine_of_doctor_report(R"({"machine": 1})"), std::runtime_error);
}

}  // namespace
}  // namespace gatecrash::report
