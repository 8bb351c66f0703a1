// Fuzzes the readers of Linux kernels and of other images. From any bytes they make a kernel that can be loaded,
// symbols and types, or say what is wrong.
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#include "kernel/boot_entry.hpp"
#include "kernel/boot_image.hpp"
#include "kernel/bootable.hpp"
#include "kernel/btf.hpp"
#include "kernel/symbols.hpp"

using namespace gatecrash::kernel;

namespace {

void expect_offsets_in(const BootImage& image) try {
    const Btf types(image.section(".BTF"));
    for (const auto* member : {"a", "b", "c.y"}) (void)types.offset_of("outer", member);
} catch (const ImageError&) {
}

void expect_symbols_in(const BootImage& image) try {
    for (const auto& symbol : own_symbols(image)) {
        if (symbol.type == 0) std::abort();
    }
} catch (const ImageError&) {
}

void expect_symbols_from(const Bytes& file, const BootImage& image) try {
    if (symbols_from(file, "symbols", image).empty()) std::abort();
} catch (const ImageError&) {
}

void expect_system_map(const Bytes& file) try {
    if (read_system_map(text_of(file)).size() < 2) std::abort();
} catch (const ImageError&) {
}

void expect_loadable(const BootImage& image) try {
    constexpr std::size_t size = std::size_t{17} << 20;
    static std::vector<std::byte> memory(size);
    (void)load_image(image, {"quiet", "initramfs"}, memory, {});
} catch (const ImageError&) {
}

void expect_bootable(const Bytes& file) try {
    const auto image = read_bootable(file, "fuzz");
    (void)symbols_if_any(image);
    expect_loadable(image);
} catch (const ImageError&) {
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto bytes = std::as_bytes(std::span(data, size));
    const Bytes file(bytes.begin(), bytes.end());
    expect_system_map(file);
    expect_bootable(file);
    try {
        const auto image = read_boot_image(file, "fuzz");
        expect_offsets_in(image);
        expect_symbols_in(image);
        expect_symbols_from(file, image);
        expect_loadable(image);
    } catch (const ImageError&) {
    }
    return 0;
}
