#include "kernel/payload.hpp"

#include <fmt/format.h>
#include <lz4.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>

namespace gatecrash::kernel {
namespace {

constexpr std::size_t max_size = std::size_t{1} << 30;
constexpr std::size_t chunk_size = std::size_t{1} << 20;
/// Linux compresses kernels with dictionaries of 32 or 128 MiB (scripts/xz_wrap.sh). A damaged payload could ask for
/// 4 GiB.
constexpr std::uint64_t max_decoder_memory = std::uint64_t{192} << 20;

[[noreturn]] void damaged_payload(std::string_view format) {
    throw ImageError(fmt::format("the {} data is damaged or cut off: fetch the file again", format));
}

void check_size(const Bytes& out) {
    if (out.size() > max_size) throw ImageError("the data unpacks to more than 1 GiB: no kernel is so large");
}

/// Collects the output of a decoder that fills buffers of its caller.
class Output {
  public:
    explicit Output(std::size_t size = chunk_size) : chunk_(size) {}
    [[nodiscard]] std::byte* buffer() { return chunk_.data(); }
    [[nodiscard]] std::size_t size() const { return chunk_.size(); }
    void take(std::size_t count) {
        out_.insert(out_.end(), chunk_.begin(), chunk_.begin() + static_cast<std::ptrdiff_t>(count));
        check_size(out_);
    }
    [[nodiscard]] Bytes finish() { return std::move(out_); }

  private:
    Bytes chunk_;
    Bytes out_;
};

Bytes from_gzip(std::span<const std::byte> payload) {
    z_stream stream{};
    // zlib does not write to its input.
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(payload.data()));
    stream.avail_in = static_cast<uInt>(payload.size());
    constexpr int gzip_window = 16 + MAX_WBITS;
    if (inflateInit2(&stream, gzip_window) != Z_OK) throw std::bad_alloc();
    const std::unique_ptr<z_stream, decltype(&inflateEnd)> end(&stream, inflateEnd);
    Output out;
    for (int status = Z_OK; status != Z_STREAM_END;) {
        stream.next_out = reinterpret_cast<Bytef*>(out.buffer());
        stream.avail_out = static_cast<uInt>(out.size());
        status = inflate(&stream, Z_NO_FLUSH);
        if (status != Z_OK && status != Z_STREAM_END) damaged_payload("gzip");
        out.take(out.size() - stream.avail_out);
    }
    return out.finish();
}

Bytes from_xz(std::span<const std::byte> payload) {
    lzma_stream stream = LZMA_STREAM_INIT;
    if (lzma_stream_decoder(&stream, max_decoder_memory, 0) != LZMA_OK) throw std::bad_alloc();
    const std::unique_ptr<lzma_stream, decltype(&lzma_end)> end(&stream, lzma_end);
    stream.next_in = reinterpret_cast<const std::uint8_t*>(payload.data());
    stream.avail_in = payload.size();
    Output out;
    for (auto status = LZMA_OK; status != LZMA_STREAM_END;) {
        stream.next_out = reinterpret_cast<std::uint8_t*>(out.buffer());
        stream.avail_out = out.size();
        status = lzma_code(&stream, LZMA_RUN);
        if (status != LZMA_OK && status != LZMA_STREAM_END) damaged_payload("xz");
        out.take(out.size() - stream.avail_out);
    }
    return out.finish();
}

Bytes from_zstd(std::span<const std::byte> payload) {
    const std::unique_ptr<ZSTD_DStream, decltype(&ZSTD_freeDStream)> stream(ZSTD_createDStream(), ZSTD_freeDStream);
    if (stream == nullptr) throw std::bad_alloc();
    ZSTD_inBuffer in{payload.data(), payload.size(), 0};
    Output out;
    for (std::size_t left = 1; left != 0;) {
        ZSTD_outBuffer buffer{out.buffer(), out.size(), 0};
        left = ZSTD_decompressStream(stream.get(), &buffer, &in);
        if (ZSTD_isError(left) != 0 || (left != 0 && buffer.pos == 0 && in.pos == in.size)) damaged_payload("zstd");
        out.take(buffer.pos);
    }
    return out.finish();
}

/// Reads the legacy frame of LZ4 (LZ4 Frame Format Description, "Legacy frame"). It has a magic number, then blocks of
/// up to 8 MiB, each after its compressed size. The kernel's build appends the unpacked size, which ends the blocks.
Bytes from_lz4(std::span<const std::byte> payload) {
    constexpr std::size_t block_size = std::size_t{8} << 20, word = 4;
    Output out(block_size);
    for (std::size_t at = word; payload.size() - at > word;) {
        const std::size_t size = number_at<std::uint32_t>(payload, at);
        at += word;
        if (size > payload.size() - at || size > LZ4_COMPRESSBOUND(block_size)) damaged_payload("LZ4");
        const int unpacked = LZ4_decompress_safe(reinterpret_cast<const char*>(payload.data() + at),
                                                 reinterpret_cast<char*>(out.buffer()), static_cast<int>(size),
                                                 static_cast<int>(block_size));
        if (unpacked < 0) damaged_payload("LZ4");
        out.take(static_cast<std::size_t>(unpacked));
        at += size;
    }
    return out.finish();
}

struct Format {
    std::string_view magic;
    Bytes (*decode)(std::span<const std::byte>);
};
constexpr std::array formats{
    Format{"\x1f\x8b", from_gzip},
    Format{"\xfd"
           "7zXZ",
           from_xz},
    Format{"\x28\xb5\x2f\xfd", from_zstd},
    Format{"\x02\x21\x4c\x18", from_lz4},
};

}  // namespace

Bytes decompress(std::span<const std::byte> payload) {
    const auto start = text_of(payload).substr(0, 8);
    const auto format =
        std::ranges::find_if(formats, [&](const Format& each) { return start.starts_with(each.magic); });
    if (format == formats.end()) {
        const std::vector<unsigned char> bytes(start.begin(), start.end());
        throw ImageError(
            fmt::format("the payload begins with {:02x}: gatecrash unpacks gzip, xz, zstd and LZ4. Build the "
                        "kernel with one of these (CONFIG_KERNEL_ZSTD), or name its vmlinux",
                        fmt::join(bytes, " ")));
    }
    return format->decode(payload);
}

}  // namespace gatecrash::kernel
