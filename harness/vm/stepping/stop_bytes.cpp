#include "vm/stepping/stop_bytes.hpp"

#include <algorithm>

#include "vm/guest.hpp"

namespace gatecrash::vm {

std::vector<std::byte> stop_bytes_for(const Guest& guest, const Segment& segment) {
    if (!segment.executable) return {};
    const auto& image = guest.image();
    const bool is_users = image.is_user(segment.address);
    const auto stop = is_users || !image.is_64_bit() ? out_byte : halt_byte;
    std::vector<std::byte> stops(segment.size, stop);
    if (stop == halt_byte || is_users) return stops;
    for (std::size_t at = 0; at < stops.size();) {
        const Virtual address{number(segment.address) + at};
        const auto instruction = decode(guest.text_at(address), address, CodeSize::bits32);
        const auto next = std::min(stops.size(), at + (instruction ? instruction->length : 1));
        for (at += out_length; at < next; ++at) stops[at] = halt_byte;
        at = next;
    }
    return stops;
}

}  // namespace gatecrash::vm
