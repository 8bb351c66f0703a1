// libFuzzer: whatever the bytes of an ELF file, the loader makes an image of them that can be booted, or says what is
// wrong.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "vm/boot/image.hpp"
#include "vm/memory.hpp"

using namespace gatecrash::vm;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    try {
        const auto image = load_elf(std::as_bytes(std::span(data, size)), "fuzz.elf");
        // What runs and messages make of an image: its memory, names of addresses and of stacks.
        const GuestMemory memory(image);
        if (!memory.translate(image.entry)) std::abort();
        if (image.symbols.name_of(image.entry).empty()) std::abort();
        for (const auto& stack : image.stacks) {
            if (image.stack_of(stack.low).empty() || !memory.translate(Virtual{stack.high - 1})) std::abort();
        }
    } catch (const ImageError&) {
    }
    return 0;
}
