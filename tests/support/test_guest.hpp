// The guests that tests/meson.build embeds in a test program.
#pragma once

#include <algorithm>
#include <span>
#include <stdexcept>
#include <string>

#include "vm/boot/image.hpp"

namespace gatecrash {

/// An entry of the table that tools/embed.sh writes.
struct TestGuest {
    const char* name;
    const std::byte *begin, *end;
};
extern "C" const TestGuest test_guests[], test_guests_end[];

/// Returns the guest with this name in tests/meson.build. Throws std::out_of_range if there is none.
inline vm::Image test_guest(const std::string& name) {
    const std::span guests(test_guests, test_guests_end);
    const auto guest = std::ranges::find_if(guests, [&](const TestGuest& each) { return each.name == name; });
    if (guest == guests.end()) throw std::out_of_range("no guest " + name);
    return vm::load_elf({guest->begin, guest->end}, name);
}

}  // namespace gatecrash
