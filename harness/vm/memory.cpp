#include "vm/memory.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "kvm/error.hpp"
#include "posix/file_descriptor.hpp"
#include "vm/page.hpp"

namespace gatecrash::vm {
namespace {

struct alignas(64) AlignedPage {
    Page page;
};

std::shared_ptr<const Page> copy_of(const std::byte* page) {
    auto copy = std::make_shared_for_overwrite<AlignedPage>();
    copy_page(copy->page.data(), page);
    return {copy, &copy->page};
}

constexpr std::uint64_t harness_page_count = 2;
/// Enough for 1 GiB of guest that is mapped in scattered pages, as guest.lds does it. PageTables checks this.
constexpr std::uint64_t page_table_pages = 64;

}  // namespace

GuestMemory::GuestMemory(const Image& image) {
    for (const auto& segment : image.segments) {
        const auto end = number(segment.physical) + segment.page_count() * page_size;
        harness_pages_ = std::max(harness_pages_, Physical{end});
    }
    const auto size = number(harness_pages_) + (page_table_pages + harness_page_count + 1) * page_size;
    const posix::FileDescriptor file(::memfd_create("gatecrash-guest", MFD_CLOEXEC));
    if (file.get() < 0 || ::ftruncate(file.get(), static_cast<off_t>(size)) != 0)
        throw kvm::Error("memfd_create", errno);
    memory_ = kvm::Mapping::shared_file(file.get(), size);  // shared, until it is filled for boot
    uses_.resize(memory_.size() / page_size, Use::nothing);
    const Physical behind_harness{number(harness_pages_) + harness_page_count * page_size};
    tables_ = PageTables(memory_.bytes(), behind_harness, image.is_64_bit());
    for (std::uint64_t page = 0; page < harness_page_count; ++page) {
        const Physical physical{number(harness_pages_) + page * page_size};
        const Virtual address{number(image.harness_address()) + page * page_size};
        tables_.map(address, physical, {.writable = false, .executable = true, .user = false}, true);
        uses_[number(physical) / page_size] = Use::read_only;
    }
    mapped_.push_back({image.harness_address(), harness_page_count * page_size, harness_pages_});
    for (const auto& segment : image.segments) {
        std::copy(segment.bytes.begin(), segment.bytes.end(), at(segment.physical));
        for (std::uint64_t page = 0; page < segment.page_count(); ++page) {
            const Virtual address{number(segment.address) + page * page_size};
            const Physical physical{number(segment.physical) + page * page_size};
            const Rights rights{segment.is_writable_data(), segment.executable, image.is_user(address)};
            tables_.map(address, physical, rights, segment.entry_area || rights.user);
            // If two segments share a page, the slot of that page is writable if one of the segments is.
            auto& use = uses_[number(physical) / page_size];
            if (use != Use::read_write) use = segment.writable ? Use::read_write : Use::read_only;
        }
        mapped_.push_back({segment.address, segment.page_count() * page_size, segment.physical});
    }
    tables_.finish();
    for (auto table = number(tables_.root()); table < number(tables_.end()); table += page_size)
        uses_[table / page_size] = Use::page_table;
    boot_ = std::move(memory_);
    memory_ = kvm::Mapping::private_file(file.get(), size);
}

void GuestMemory::attach(kvm::Vm& vm) {
    std::uint32_t slot = 0;
    for (std::size_t first = 0, last = 0; first < uses_.size(); first = last) {
        const auto use = uses_[first];
        while (last < uses_.size() && uses_[last] == use) ++last;
        if (use == Use::nothing) continue;
        const auto bytes = memory_.bytes().subspan(first * page_size, (last - first) * page_size);
        // Page tables are in a writable slot, since AMD's nested paging treats every walk of them as a write (APM
        // volume 2, 15.25.5). For the same reason that slot is not logged. Only a guest with page tables of its own can
        // reach them: see page_tables_intact().
        vm.set_memory_slot(slot, first * page_size, bytes,
                           use == Use::read_only    ? kvm::Access::read_only
                           : use == Use::read_write ? kvm::Access::logged
                                                    : kvm::Access::read_write);
        first_pages_.push_back(first);
        ++slot;
    }
}

void GuestMemory::detach(kvm::Vm& vm) const {
    for (std::uint32_t slot = 0; slot < first_pages_.size(); ++slot) {
        vm.set_memory_slot(slot, 0, {}, kvm::Access::read_write);
    }
}

void GuestMemory::own_all_pages() {
    for (std::uint64_t page = 0; page < uses_.size(); ++page) {
        if (uses_[page] == Use::nothing) continue;
        auto* const first = static_cast<volatile std::byte*>(page_at(page));
        *first = *first;
    }
}

void GuestMemory::unmap() const {
    for (const int rights : {PROT_NONE, PROT_READ | PROT_WRITE}) {
        if (::mprotect(memory_.data(), memory_.size(), rights) != 0) throw kvm::Error("mprotect", errno);
    }
}

void GuestMemory::watch(kvm::Vcpu& cpu) {
    cpu_ = &cpu;
    if (cpu.has_dirty_ring()) return;
    for (std::uint64_t page = 0; page < uses_.size(); ++page) {
        if (uses_[page] == Use::read_write) written_.push_back(page);
    }
}

std::span<std::byte> GuestMemory::harness_pages() { return {at(harness_pages_), harness_page_count * page_size}; }

const GuestMemory::Mapped* GuestMemory::mapped_at(Virtual address) const {
    const auto found = std::ranges::find_if(
        mapped_, [&](const Mapped& mapped) { return number(address) - number(mapped.begin) < mapped.size; });
    return found == mapped_.end() ? nullptr : &*found;
}

std::optional<Physical> GuestMemory::translate(Virtual address) const {
    const auto* const mapped = mapped_at(address);
    if (mapped == nullptr) return std::nullopt;
    return Physical{number(mapped->physical) + (number(address) - number(mapped->begin))};
}

std::optional<Virtual> GuestMemory::next_written(Virtual from, Virtual end) {
    find_written();
    while (from < end) {
        const auto* const mapped = mapped_at(from);
        if (mapped == nullptr) {
            from = Virtual{number(page_of(from)) + page_size};
            continue;
        }
        const auto offset = number(from) - number(mapped->begin);
        const auto page = std::ranges::lower_bound(written_, (number(mapped->physical) + offset) / page_size);
        if (page != written_.end() && *page * page_size < number(mapped->physical) + mapped->size) {
            const auto begin = number(mapped->begin) + (*page * page_size - number(mapped->physical));
            const Virtual found{std::max(begin, number(from))};
            return found < end ? std::optional(found) : std::nullopt;
        }
        from = Virtual{number(mapped->begin) + mapped->size};
    }
    return std::nullopt;
}

bool GuestMemory::page_tables_intact() const { return tables_.are_intact(memory_.bytes()); }

void GuestMemory::repair_page_tables() {
    for (std::uint64_t page = 0; page < uses_.size(); ++page) {
        if (uses_[page] != Use::page_table || same_page(page_at(page), boot_page(page))) continue;
        copy_page(page_at(page), boot_page(page));
    }
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
        const auto physical = *translate(address);
        std::memcpy(at(physical), from.data(), size);
        if (uses_[number(physical) / page_size] == Use::read_write) {
            add_written(number(physical) / page_size);
            ++writes_;
        }
        from = from.subspan(size);
        address = Virtual{number(address) + size};
    }
    return true;
}

void GuestMemory::add_written(std::uint64_t page) {
    const auto at = std::lower_bound(written_.begin(), written_.end(), page);
    if (at == written_.end() || *at != page) written_.insert(at, page);
}

std::vector<std::uint64_t> GuestMemory::find_written() {
    std::vector<std::uint64_t> reported;
    while (const auto written = cpu_->next_written())
        reported.push_back(first_pages_.at(written->slot) + written->page);
    for (const auto page : reported) add_written(page);
    return reported;
}

const std::byte* GuestMemory::saved_page(const PageSet& pages, std::uint64_t page) const {
    const auto at =
        std::lower_bound(pages.begin(), pages.end(), page,
                         [](const SavedPage& saved, std::uint64_t wanted) { return saved.number < wanted; });
    return at != pages.end() && at->number == page ? at->content->data() : boot_page(page);
}

std::size_t GuestMemory::count_unreported() {
    find_written();
    std::size_t count = 0;
    for (std::uint64_t page = 0; page < uses_.size(); ++page) {
        if (uses_[page] != Use::read_write || std::ranges::binary_search(written_, page)) continue;
        if (!same_page(page_at(page), boot_page(page))) ++count;
    }
    return count;
}

std::vector<std::uint64_t> GuestMemory::unreported(const PageSet& since) {
    const auto reported = find_written();
    std::vector<std::uint64_t> pages;
    for (std::uint64_t page = 0; page < uses_.size() && cpu_->has_dirty_ring(); ++page) {
        if (uses_[page] != Use::read_write || std::ranges::count(reported, page) != 0) continue;
        if (!same_page(page_at(page), saved_page(since, page))) pages.push_back(page);
    }
    return pages;
}

PageSet GuestMemory::save(const PageSet* base) {
    find_written();
    PageSet pages;
    pages.reserve(written_.size());
    auto known = base == nullptr ? PageSet::const_iterator{} : base->begin();
    for (const auto page : written_) {
        const bool in_base = base != nullptr && known != base->end() && known->number == page;
        const auto& shared = in_base ? (known++)->content : nullptr;
        const auto* now = page_at(page);
        pages.push_back({page, in_base && same_page(now, shared->data()) ? shared : copy_of(now)});
    }
    return pages;
}

void GuestMemory::restore(const PageSet& pages) {
    find_written();
    for (const auto page : written_) {
        const auto* then = saved_page(pages, page);
        if (!same_page(page_at(page), then)) copy_page(page_at(page), then);
    }
}

std::optional<GuestMemory::Difference> GuestMemory::first_difference(const PageSet& pages) {
    find_written();
    for (const auto& saved : pages) add_written(saved.number);
    for (const auto page : written_) {
        const auto* now = page_at(page);
        const auto* then = saved_page(pages, page);
        if (same_page(now, then)) continue;
        const auto offset = std::mismatch(now, now + page_size, then).first - now;
        return Difference{Physical{page * page_size + static_cast<std::uint64_t>(offset)}, now[offset], then[offset]};
    }
    return std::nullopt;
}

bool GuestMemory::read_saved(const PageSet& pages, Virtual address, std::span<std::byte> to) const {
    while (!to.empty()) {
        const auto physical = translate(address);
        if (!physical) return false;
        const auto offset = offset_in_page(address);
        const auto size = std::min<std::size_t>(to.size(), page_size - offset);
        std::memcpy(to.data(), saved_page(pages, number(*physical) / page_size) + offset, size);
        to = to.subspan(size);
        address = Virtual{number(address) + size};
    }
    return true;
}

}  // namespace gatecrash::vm
