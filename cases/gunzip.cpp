#include "gunzip.hpp"

#include <zlib.h>

#include <cstdint>
#include <cstring>
#include <stdexcept>

namespace gatecrash::cases {

std::vector<std::byte> gunzip(std::span<const std::byte> file) {
    const auto fail = [] { throw std::runtime_error("a file built into this program is no gzip file: build it anew"); };
    std::uint32_t size = 0;  // the size of the content is the last field of the file
    if (file.size() < sizeof size) fail();
    std::memcpy(&size, file.data() + file.size() - sizeof size, sizeof size);
    std::vector<std::byte> content(size);
    z_stream stream{};
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(file.data()));
    stream.avail_in = static_cast<uInt>(file.size());
    stream.next_out = reinterpret_cast<Bytef*>(content.data());
    stream.avail_out = static_cast<uInt>(content.size());
    constexpr int gzip_header = 16;
    if (inflateInit2(&stream, gzip_header + MAX_WBITS) != Z_OK) fail();
    const auto result = inflate(&stream, Z_FINISH);
    inflateEnd(&stream);
    if (result != Z_STREAM_END || stream.total_out != size) fail();
    return content;
}

}  // namespace gatecrash::cases
