#include "machines/digest.hpp"

#include <gtest/gtest.h>

#include <set>

#include "machines/qemu_machine.hpp"

namespace gatecrash::machines {
namespace {

TEST(Digest, DiffersForAnyChangedByteOfAnySize) {
    std::set<std::uint64_t> values;
    std::size_t count = 0;
    for (std::size_t size = 0; size < 70; ++size) {
        values.insert(Digest().add(std::string(size, '\0')).value());
        ++count;
        for (std::size_t changed = 0; changed < size; ++changed) {
            std::string bytes(size, '\0');
            bytes[changed] = 1;
            values.insert(Digest().add(bytes).value());
            ++count;
        }
    }
    EXPECT_EQ(values.size(), count);
}

TEST(Digest, SeparatesParts) {
    EXPECT_NE(Digest().add("ab").text(), Digest().add("a").add("b").text());
    EXPECT_NE(Digest().add("a").add("b").text(), Digest().add("b").add("a").text());
    EXPECT_EQ(Digest().add("a").add("b").text(), Digest().add("a").add("b").text());
    EXPECT_EQ(Digest().text().size(), 16U);
}

TEST(StateKey, ChangesWithEveryPart) {
    const Parts parts{.machine = &usual_machine(), .qemu = "/q", .version = "v", .kernel = "k", .initramfs = "i"};
    std::set<std::string> keys = {state_key(parts)};
    for (const auto& member : {&Parts::version, &Parts::kernel, &Parts::initramfs}) {
        auto changed = parts;
        changed.*member += "x";
        keys.insert(state_key(changed));
    }
    auto changed = parts;
    changed.qemu = "/other";
    keys.insert(state_key(changed));
    changed = parts;
    auto machine = usual_machine();
    machine.cpu = "486";
    changed.machine = &machine;
    keys.insert(state_key(changed));
    EXPECT_EQ(keys.size(), 6U);
    EXPECT_TRUE(keys.contains(state_key(parts)));
}

}  // namespace
}  // namespace gatecrash::machines
