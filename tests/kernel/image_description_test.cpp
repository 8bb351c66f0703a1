#include "kernel/image_description.hpp"

#include <gmock/gmock.h>

namespace gatecrash::kernel {
namespace {

using testing::HasSubstr;

std::string description_error(const std::string& text) {
    try {
        (void)read_description(text, "my.json");
    } catch (const ImageError& error) {
        return error.what();
    }
    return "";
}

TEST(ImageDescription, HasADefaultForEachKey) {
    EXPECT_EQ(read_description("{}", "my.json"), ImageDescription());
    EXPECT_EQ(ImageDescription().ports.serial, 0x3f8);
    EXPECT_EQ(ImageDescription().ports.exit, 0xf4);
}

TEST(ImageDescription, IsReadAndWritten) {
    const ImageDescription description{.ports = {.serial = 0x2f8, .exit = 0x501},
                                       .good_exit = 0x10,
                                       .irq_vector = 0x30,
                                       .nmi_counter = "nmis",
                                       .irq_counter = "irqs",
                                       .failures = {"panic", "abort"}};
    EXPECT_EQ(read_description(R"({"serial": {"port": "0x2f8"}, "exit": {"port": 1281, "good": "0x10"},
                                   "nmi": {"counter": "nmis"}, "irq": {"vector": 48, "counter": "irqs"},
                                   "failures": ["panic", "abort"]})",
                               "my.json"),
              description);
    EXPECT_EQ(read_description(to_text(description), "text"), description);
    EXPECT_EQ(read_description(to_text({}), "text"), ImageDescription());
}

TEST(ImageDescription, IsRefusedWithTheReason) {
    EXPECT_THAT(description_error("{"), HasSubstr("my.json: not JSON"));
    EXPECT_THAT(description_error("[]"), HasSubstr("begin with {"));
    EXPECT_THAT(description_error(R"({"exit": {"code": 1}})"),
                HasSubstr("no key 'exit.code': a description has serial.port, "));
    EXPECT_THAT(description_error(R"({"panic": "panic"})"), HasSubstr("no key 'panic'"));
    EXPECT_THAT(description_error(R"({"exit": {"port": 65536}})"), HasSubstr("exit.port: 65536 is more than 65535"));
    EXPECT_THAT(description_error(R"({"exit": {"port": "0xg"}})"), HasSubstr("exit.port: '0xg' is not a number"));
    EXPECT_THAT(description_error(R"({"failures": "panic"})"), HasSubstr("failures cannot be \"panic\""));
}

}  // namespace
}  // namespace gatecrash::kernel
