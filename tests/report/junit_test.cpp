#include "report/junit_report.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <pugixml.hpp>

#include "support/junit.hpp"
#include "support/sample.hpp"

namespace gatecrash::report {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using Results = std::vector<suite::Result>;

/// Expects `text` to be valid by the schema, and parses it.
pugi::xml_document read(const std::string& text) {
    EXPECT_THAT(junit::errors_of(text), IsEmpty()) << text;
    EXPECT_TRUE(text.ends_with(">\n"));
    pugi::xml_document document;
    EXPECT_TRUE(document.load_buffer(text.data(), text.size()));
    return document;
}
pugi::xml_document read(const Results& results) { return read(junit_report("0.1.0", sample::amd(), results)); }

std::string value(const pugi::xml_document& document, const char* path) {
    const auto found = document.select_node(path);
    return found.attribute() ? found.attribute().value() : found.node().text().get();
}

TEST(JunitReport, HasASuiteOfEachCaseAndATestOfEachVariant) {
    auto too_good = sample::unexpected(sample::holding());
    too_good.message = "nothing broke";
    const auto unexpected = sample::unexpected(sample::breaking());
    const auto document = read({sample::breaking(), unexpected, too_good, sample::failed(), sample::skipped()});
    struct {
        const char* path;
        const char* value;
    } const rows[] = {
        {"/testsuites/@name", "gatecrash"},
        {"/testsuites/@tests", "5"},
        {"/testsuites/@failures", "2"},
        {"/testsuites/@errors", "1"},
        {"/testsuites/@time", "36.750"},
        {"/testsuites/testsuite[1]/@name", "nested-nmi"},
        {"/testsuites/testsuite[1]/@tests", "4"},
        {"/testsuites/testsuite[1]/@failures", "2"},
        {"/testsuites/testsuite[1]/@errors", "1"},
        {"/testsuites/testsuite[1]/@skipped", "0"},
        {"/testsuites/testsuite[1]//property[@name='machine']/@value", "amd"},
        {"/testsuites/testsuite[1]//property[@name='behaviour.mov-ss-shadow']/@value", "false"},
        {"//testcase[1]/@classname", "nested-nmi"},
        {"//testcase[1]/@name", "flag-only"},
        {"//testcase[1]/@time", "12.250"},
        {"//testcase[2]/failure/@message", "I4 (stack): the frame at 0xffffffff80062fd8 is overwritten"},
        {"//testcase[2]/failure/@type", "I4"},
        {"//testcase[3]/failure/@message", "expected: breaks I4; nothing broke"},
        {"//testcase[3]/failure/@type", "holds"},
        {"//testcase[4]/error/@message", "KVM_EXIT_INTERNAL_ERROR"},
        {"//testcase[4]/error", "KVM_EXIT_INTERNAL_ERROR\nrip 0x0"},
        {"/testsuites/testsuite[2]/@name", "mov-ss"},
        {"/testsuites/testsuite[2]/@skipped", "1"},
        {"/testsuites/testsuite[2]/testcase/skipped/@message", "needs mov-ss-shadow"},
    };
    for (const auto& row : rows) EXPECT_EQ(value(document, row.path), row.value) << row.path;
    EXPECT_FALSE(document.select_node("/testsuites/testsuite[1]/testcase[1]/*")) << "as expected";
    EXPECT_THAT(value(document, "//testcase[2]/failure"),
                HasSubstr("gatecrash replay 'nested-nmi/flag-only@nmi:entry_nmi+0x1f#2'"));
}

TEST(JunitReport, IsADocumentWithoutResultsToo) { EXPECT_EQ(value(read(Results{}), "/testsuites/@tests"), "0"); }

TEST(JunitReport, OfAFileNamesIt) {
    auto result = sample::holding();
    result.case_name = "/tmp/my guest.elf";
    result.variant = "";
    EXPECT_EQ(value(read({result}), "//testcase/@name"), "/tmp/my guest.elf");
}

TEST(JunitReport, EscapesTheSpecialCharactersOfXml) {
    auto result = sample::unexpected(sample::breaking());
    const std::string nasty = "<a b=\"c\" d='e'>&amp;]]>\t\xc3\xa9\xf0\x9f\x92\xa5<!--";
    result.case_name = result.variant = result.sweep.findings[0].violation.message = nasty;
    const auto document = read({result});
    EXPECT_EQ(value(document, "//testcase/@name"), nasty);
    EXPECT_EQ(value(document, "//testsuite/@name"), nasty);
    EXPECT_EQ(value(document, "//failure/@message"), "I4 (stack): " + nasty);
    EXPECT_THAT(value(document, "//failure"), HasSubstr("I4 (stack): " + nasty + "\n"));
}

TEST(JunitReport, ReplacesWhatXmlCannotHold) {
    struct {
        std::string given, written;
    } const rows[] = {
        {std::string("nul\0", 4), "nul\ufffd"},
        {"\x01\x08\x0b\x1b[31m\x1f", "\ufffd\ufffd\ufffd\ufffd[31m\ufffd"},
        {"\xff.elf", "\ufffd.elf"},
        {"cut \xe2\x82", "cut \ufffd\ufffd"},
        {"overlong \xc0\xaf", "overlong \ufffd\ufffd"},
        {"surrogate \xed\xa0\x80", "surrogate \ufffd\ufffd\ufffd"},
        {"noncharacter \xef\xbf\xbf \xef\xbf\xbe", "noncharacter \ufffd \ufffd"},
        {"all is well: \x7f \xc2\x85 \xef\xbf\xbd \xf4\x8f\xbf\xbd",
         "all is well: \x7f \xc2\x85 \xef\xbf\xbd \xf4\x8f\xbf\xbd"},
    };
    for (const auto& row : rows) {
        auto result = sample::failed();
        result.case_name = result.variant = result.message = row.given;
        const auto document = read({result});
        EXPECT_EQ(value(document, "//testcase/@name"), row.written);
        EXPECT_EQ(value(document, "//error/@message"), row.written);
        EXPECT_EQ(value(document, "//error"), row.written);
    }
}

/// Tests the check itself, which would otherwise prove nothing.
TEST(JunitSchema, RefusesInvalidJunit) {
    for (const auto* document : {
             "",
             "<testsuites><testsuite/></testsuites>",
             "<testsuites tests='many'/>",
             "<testsuites frob='1'/>",
             "<testsuites><testsuite name='a' tests='1'><testcase name='b'/></testsuite></testsuites>",
             "<testsuites><testsuite name='a' tests='1' time='-1'/></testsuites>",
             "<testsuites><testsuite name='a' tests='1'><testcase name='b' classname='a'><failure/><error/></testcase>"
             "</testsuite></testsuites>",
         }) {
        EXPECT_NE(junit::errors_of(document), "") << document;
    }
}

}  // namespace
}  // namespace gatecrash::report
