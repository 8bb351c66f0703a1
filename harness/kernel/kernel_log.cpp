#include "kernel/kernel_log.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <string_view>

namespace gatecrash::kernel {
namespace {

using vm::Virtual;

/// Offsets and sizes in bytes (Linux, kernel/printk/printk_ringbuffer.h).
struct RingLayout {
    std::uint32_t count_bits, descriptors, infos, head, tail, size_bits, data;  ///< offsets in printk_ringbuffer
    std::uint32_t descriptor_size, state, begin, next;
    std::uint32_t info_size, text_length;
};
struct RingMember {
    std::uint32_t RingLayout::*field;
    const char *structure, *path;  ///< without a path: the size of the structure
};
/// The order of KernelLog::layout.
constexpr std::array ring_members{RingMember{&RingLayout::count_bits, "printk_ringbuffer", "desc_ring.count_bits"},
                                  RingMember{&RingLayout::descriptors, "printk_ringbuffer", "desc_ring.descs"},
                                  RingMember{&RingLayout::infos, "printk_ringbuffer", "desc_ring.infos"},
                                  RingMember{&RingLayout::head, "printk_ringbuffer", "desc_ring.head_id"},
                                  RingMember{&RingLayout::tail, "printk_ringbuffer", "desc_ring.tail_id"},
                                  RingMember{&RingLayout::size_bits, "printk_ringbuffer", "text_data_ring.size_bits"},
                                  RingMember{&RingLayout::data, "printk_ringbuffer", "text_data_ring.data"},
                                  RingMember{&RingLayout::descriptor_size, "prb_desc", nullptr},
                                  RingMember{&RingLayout::state, "prb_desc", "state_var"},
                                  RingMember{&RingLayout::begin, "prb_desc", "text_blk_lpos.begin"},
                                  RingMember{&RingLayout::next, "prb_desc", "text_blk_lpos.next"},
                                  RingMember{&RingLayout::info_size, "printk_info", nullptr},
                                  RingMember{&RingLayout::text_length, "printk_info", "text_len"}};

RingLayout to_layout(const std::vector<std::uint32_t>& numbers) {
    RingLayout layout{};
    for (std::size_t i = 0; i < ring_members.size(); ++i) layout.*ring_members.at(i).field = numbers.at(i);
    return layout;
}

constexpr unsigned most_ring_bits = 30;  ///< a larger ring is damaged memory

/// Reads the ring of records. Between its tail and its head are the descriptors of records, each with a place in the
/// data. A number of 8 bytes comes before the text there.
class LogRing {
  public:
    LogRing(const KernelLog& log, const ReadMemory& read)
        : layout_(to_layout(log.layout)), read_(read), ring_(number_at<std::uint64_t>(number(*log.ring))) {}

    /// Returns the lines of all records, oldest first.
    [[nodiscard]] std::vector<std::string> lines() {
        constexpr unsigned state_shift = 62;
        constexpr std::uint64_t id_mask = (std::uint64_t{1} << state_shift) - 1, committed = 1, finalized = 2;
        std::vector<std::string> all;
        const auto bits = number_at<std::uint32_t>(ring_ + layout_.count_bits);
        if (bits > most_ring_bits || number_at<std::uint32_t>(ring_ + layout_.size_bits) > most_ring_bits) return all;
        const auto count = std::uint64_t{1} << bits;
        const auto first = number_at<std::uint64_t>(ring_ + layout_.tail) & id_mask;
        const auto last = number_at<std::uint64_t>(ring_ + layout_.head) & id_mask;
        for (std::uint64_t i = 0; i < count; ++i) {
            const auto id = (first + i) & id_mask;
            const auto at =
                number_at<std::uint64_t>(ring_ + layout_.descriptors) + id % count * layout_.descriptor_size;
            const auto value = number_at<std::uint64_t>(at + layout_.state);
            const auto now = value >> state_shift;
            if ((value & id_mask) == id && (now == committed || now == finalized)) add(all, at, id % count);
            if (id == last) break;
        }
        return all;
    }

  private:
    void add(std::vector<std::string>& to, std::uint64_t descriptor, std::uint64_t index) {
        const auto from = number_at<std::uint64_t>(descriptor + layout_.begin);
        const auto until = number_at<std::uint64_t>(descriptor + layout_.next);
        constexpr std::uint64_t no_data = 1, number_size = 8;
        if ((from & no_data) != 0 || until - from < number_size) return;
        const auto bits = number_at<std::uint32_t>(ring_ + layout_.size_bits);
        // A record that does not fit before the end of the data is at its beginning.
        const auto place = from >> bits == (until - 1) >> bits ? from & ((std::uint64_t{1} << bits) - 1) : 0;
        const auto info = number_at<std::uint64_t>(ring_ + layout_.infos) + index * layout_.info_size;
        std::string text(number_at<std::uint16_t>(info + layout_.text_length), '\0');
        const auto at = number_at<std::uint64_t>(ring_ + layout_.data) + place + number_size;
        text.resize(read_(Virtual{at}, std::as_writable_bytes(std::span(text))));
        for (auto& character : text) {
            if (character != '\n' && (character < ' ' || character > '~')) character = '?';
        }
        for (std::string_view rest = text; !rest.empty();) {
            const auto line = rest.substr(0, rest.find('\n'));
            to.emplace_back(line);
            rest.remove_prefix(std::min(line.size() + 1, rest.size()));
        }
    }

    /// Returns a number in the kernel's memory, or 0 if that is not mapped.
    template <typename Number>
    [[nodiscard]] Number number_at(std::uint64_t address) {
        Number value{};
        const auto bytes = std::as_writable_bytes(std::span(&value, 1));
        return read_(Virtual{address}, bytes) == bytes.size() ? value : Number{};
    }

    RingLayout layout_;
    const ReadMemory& read_;
    std::uint64_t ring_;
};

/// Returns the runs of text in a buffer. A record is its number, which has bytes that are no text, and its text.
std::vector<std::string> runs_of_text(const AddressRange& range, const ReadMemory& read) {
    std::vector<std::byte> buffer(number(range.end) - number(range.begin));
    buffer.resize(read(range.begin, buffer));
    constexpr std::size_t shortest = 4;
    std::vector<std::string> records(1);
    for (const auto byte : buffer) {
        const auto character = std::to_integer<char>(byte);
        if (character >= ' ' && character <= '~') {
            records.back() += character;
        } else if (records.back().size() >= shortest) {
            records.emplace_back();
        } else {
            records.back().clear();
        }
    }
    if (records.back().size() < shortest) records.pop_back();
    return records;
}

}  // namespace

KernelLog find_log(const vm::SymbolTable& symbols, const std::optional<Btf>& types) {
    KernelLog log;
    if (const auto text = symbols.find("__log_buf")) {
        constexpr std::uint64_t usual_size = 1 << 17;  // CONFIG_LOG_BUF_SHIFT is 17 nearly everywhere
        log.text = {*text, Virtual{number(*text) + usual_size}};
    }
    if (!types) return log;
    for (const auto& [field, structure, path] : ring_members) {
        const auto number = path == nullptr ? types->size_of(structure) : types->offset_of(structure, path);
        if (!number) return log;
        log.layout.push_back(*number);
    }
    log.ring = symbols.find("prb");
    return log;
}

std::string read_log(const KernelLog& log, const ReadMemory& read, std::size_t lines) {
    std::vector<std::string> all;
    if (log.ring && log.layout.size() == ring_members.size()) all = LogRing(log, read).lines();
    if (all.empty()) all = runs_of_text(log.text, read);
    std::string text;
    for (auto i = all.size() - std::min(lines, all.size()); i < all.size(); ++i) text += all[i] + "\n";
    return text;
}

}  // namespace gatecrash::kernel
