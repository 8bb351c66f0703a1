#include "gatecrash/machine/memory.hpp"

#include <emmintrin.h>

#include <algorithm>
#include <cstring>

namespace gatecrash::machine {
namespace {

// Page-table entry bits (APM volume 2, 5.3.3). Accessed and dirty are set from the start, so that the CPU has nothing
// to write into page tables and snapshots need not hold them.
constexpr std::uint64_t present = 1, writable_bit = 2, user_bit = 4, accessed = 0x20, dirty = 0x40;
constexpr std::uint64_t no_execute = std::uint64_t{1} << 63;
constexpr std::uint64_t address_mask = 0x000ffffffffff000;

// Pages are compared and copied 16 bytes at a time by hand: glibc picks REP MOVSB where the CPU claims to be good at
// it, and an emulated CPU that claims so takes ten times as long (docs/machines.md has the figures).
using Vector = __m128i;
constexpr std::size_t vectors_a_page = page_size / sizeof(Vector);

bool same_page(const std::byte* a, const std::byte* b) {
    const auto* x = reinterpret_cast<const Vector*>(a);
    const auto* y = reinterpret_cast<const Vector*>(b);
    for (std::size_t i = 0; i < vectors_a_page; i += 4) {
        const auto d0 = _mm_xor_si128(_mm_load_si128(x + i), _mm_load_si128(y + i));
        const auto d1 = _mm_xor_si128(_mm_load_si128(x + i + 1), _mm_load_si128(y + i + 1));
        const auto d2 = _mm_xor_si128(_mm_load_si128(x + i + 2), _mm_load_si128(y + i + 2));
        const auto d3 = _mm_xor_si128(_mm_load_si128(x + i + 3), _mm_load_si128(y + i + 3));
        const auto any = _mm_or_si128(_mm_or_si128(d0, d1), _mm_or_si128(d2, d3));
        if (_mm_movemask_epi8(_mm_cmpeq_epi8(any, _mm_setzero_si128())) != 0xffff) return false;
    }
    return true;
}

void copy_page(std::byte* to, const std::byte* from) {
    auto* x = reinterpret_cast<Vector*>(to);
    const auto* y = reinterpret_cast<const Vector*>(from);
    for (std::size_t i = 0; i < vectors_a_page; ++i) _mm_store_si128(x + i, _mm_load_si128(y + i));
}

struct alignas(64) AlignedPage {
    Page page;
};

std::shared_ptr<const Page> copy_of(const std::byte* page) {
    auto copy = std::make_shared<AlignedPage>();
    copy_page(copy->page.data(), page);
    return {copy, &copy->page};
}

constexpr std::uint64_t harness_page_count = 2;
/// Enough for 1 GiB of guest mapped in scattered pages as guest.lds does; allocate_page() checks.
constexpr std::uint64_t page_table_pages = 64;

}  // namespace

GuestMemory::GuestMemory(const Image& image) {
    std::uint64_t end = 0;
    for (const auto& segment : image.segments) {
        end = std::max(end, number(segment.physical) + segment.page_count() * page_size);
    }
    next_free_ = end;
    memory_ = kvm::Mapping::anonymous(end + (page_table_pages + harness_page_count) * page_size);
    slots_.resize(memory_.size() / page_size, Slot::absent);
    harness_pages_ = allocate_page();
    (void)allocate_page();
    page_table_root_ = allocate_page();
    for (std::uint64_t page = 0; page < harness_page_count; ++page) {
        const Physical physical{number(harness_pages_) + page * page_size};
        map_page(Virtual{number(harness_address) + page * page_size}, physical, false, true);
        slots_[number(physical) / page_size] = Slot::read_only;
    }
    for (const auto& segment : image.segments) {
        std::copy(segment.bytes.begin(), segment.bytes.end(), at(segment.physical));
        for (std::uint64_t page = 0; page < segment.page_count(); ++page) {
            const Virtual address{number(segment.address) + page * page_size};
            const Physical physical{number(segment.physical) + page * page_size};
            map_page(address, physical, segment.writable, segment.executable);
            slots_[number(physical) / page_size] = segment.writable ? Slot::read_write : Slot::read_only;
            if (segment.writable) writable_.push_back({address, physical});
        }
    }
    const auto tables = page_tables();
    page_tables_as_made_.assign(tables.begin(), tables.end());
    // Page tables lie in a writable slot: AMD's nested paging treats every walk of them as a write (APM volume 2,
    // 15.25.5). A guest with page tables of its own can reach them: see page_tables_intact().
    const auto first = slots_.begin() + static_cast<std::ptrdiff_t>(number(page_table_root_) / page_size);
    std::fill(first, first + static_cast<std::ptrdiff_t>(tables.size() / page_size), Slot::read_write);
}

Physical GuestMemory::allocate_page() {
    if (next_free_ + page_size > memory_.size())
        throw ImageError("the image is too scattered: no room for its page tables");
    const Physical page{next_free_};
    next_free_ += page_size;
    return page;
}

void GuestMemory::map_page(Virtual address, Physical physical, bool writable, bool executable) {
    constexpr int levels = 4;
    mapped_[number(address)] = physical;
    Physical table = page_table_root_;
    for (int level = levels - 1;; --level) {
        const auto index = (number(address) >> (12 + 9 * level)) & 0x1ff;
        auto* entry = reinterpret_cast<std::uint64_t*>(at(table)) + index;
        if (level == 0) {
            *entry = number(physical) | present | accessed | dirty | (writable ? writable_bit : 0) |
                     (is_user(address) ? user_bit : 0) | (executable ? 0 : no_execute);
            return;
        }
        if ((*entry & present) == 0) *entry = number(allocate_page()) | present | accessed | writable_bit | user_bit;
        table = Physical{*entry & address_mask};
    }
}

void GuestMemory::attach(kvm::Vm& vm) {
    std::uint32_t slot = 0;
    for (std::size_t first = 0; first < slots_.size();) {
        std::size_t last = first;
        while (last < slots_.size() && slots_[last] == slots_[first]) ++last;
        if (slots_[first] != Slot::absent) {
            vm.set_memory_slot(slot++, first * page_size,
                               memory_.bytes().subspan(first * page_size, (last - first) * page_size),
                               slots_[first] == Slot::read_only ? kvm::Access::read_only : kvm::Access::read_write);
        }
        first = last;
    }
}

std::span<std::byte> GuestMemory::harness_pages() { return {at(harness_pages_), harness_page_count * page_size}; }

std::optional<Physical> GuestMemory::translate(Virtual address) const {
    const auto page = mapped_.find(number(page_of(address)));
    if (page == mapped_.end()) return std::nullopt;
    return Physical{number(page->second) + offset_in_page(address)};
}

std::span<std::byte> GuestMemory::page_tables() const {
    return {at(page_table_root_), number(next_free_) - number(page_table_root_)};
}

bool GuestMemory::page_tables_intact() const {
    const auto now = page_tables();
    return std::memcmp(now.data(), page_tables_as_made_.data(), now.size()) == 0;
}

void GuestMemory::repair_page_tables() {
    std::copy(page_tables_as_made_.begin(), page_tables_as_made_.end(), page_tables().begin());
}

bool GuestMemory::read(Virtual address, std::span<std::byte> to) const {
    while (!to.empty()) {
        const auto physical = translate(address);
        if (!physical) return false;
        const auto size = std::min<std::size_t>(to.size(), page_size - offset_in_page(address));
        std::memcpy(to.data(), at(*physical), size);
        to = to.subspan(size);
        address = Virtual{number(address) + size};
    }
    return true;
}

bool GuestMemory::write(Virtual address, std::span<const std::byte> from) {
    const auto end = number(address) + from.size();
    for (auto page = number(page_of(address)); page < end; page += page_size) {
        if (!translate(Virtual{page})) return false;
    }
    while (!from.empty()) {
        const auto size = std::min<std::size_t>(from.size(), page_size - offset_in_page(address));
        std::memcpy(at(*translate(address)), from.data(), size);
        from = from.subspan(size);
        address = Virtual{number(address) + size};
    }
    return true;
}

PageSet GuestMemory::save(const PageSet* base) const {
    PageSet pages;
    pages.reserve(writable_.size());
    for (std::size_t i = 0; i < writable_.size(); ++i) {
        const auto* now = at(writable_[i].physical);
        const bool unchanged = base != nullptr && same_page(now, (*base)[i]->data());
        pages.push_back(unchanged ? (*base)[i] : copy_of(now));
    }
    return pages;
}

void GuestMemory::restore(const PageSet& pages) {
    for (std::size_t i = 0; i < writable_.size(); ++i) {
        auto* now = at(writable_[i].physical);
        if (!same_page(now, pages[i]->data())) copy_page(now, pages[i]->data());
    }
}

bool GuestMemory::equals(const PageSet& pages) const {
    for (std::size_t i = 0; i < writable_.size(); ++i) {
        if (!same_page(at(writable_[i].physical), pages[i]->data())) return false;
    }
    return true;
}

std::vector<std::byte> GuestMemory::read_saved(const PageSet& pages, Virtual address, std::size_t size) const {
    std::vector<std::byte> bytes;
    bytes.reserve(size);
    for (; bytes.size() < size; address = Virtual{number(address) + 1}) {
        const auto page = std::find_if(writable_.begin(), writable_.end(),
                                       [&](const MappedPage& p) { return p.address == page_of(address); });
        if (page == writable_.end()) break;
        bytes.push_back((*pages[static_cast<std::size_t>(page - writable_.begin())])[offset_in_page(address)]);
    }
    return bytes;
}

}  // namespace gatecrash::machine
