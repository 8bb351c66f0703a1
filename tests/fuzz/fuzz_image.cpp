// Fuzzes the ELF loader: from any bytes it makes an image that can boot, or says what is wrong.
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
        // Uses the image as runs and messages do: its memory, and the names of addresses and stacks.
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
