#include "kernel/memory_states.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "vm/page.hpp"

namespace gatecrash::kernel {

MemoryStates::MemoryStates(const kvm::Vm& vm, std::uint32_t slot, std::span<std::byte> memory, kvm::Mapping first)
    : vm_(vm), slot_(slot), memory_(memory), first_(std::move(first)) {
    find_hot_pages();
}

void MemoryStates::find_hot_pages() {
    if (!std::exchange(expects_writes_, false)) return;
    for (auto& page : hot_) page.like = nullptr;
    const auto bitmap = vm_.written(slot_, memory_.size());
    known_.resize(bitmap.size());
    const auto before = static_cast<std::ptrdiff_t>(hot_.size());
    for (std::size_t word = 0; word < bitmap.size(); ++word) {
        for (auto fresh = bitmap[word] & ~known_[word]; fresh != 0; fresh &= fresh - 1)
            hot_.push_back({word * 64 + static_cast<std::uint64_t>(std::countr_zero(fresh))});
        known_[word] |= bitmap[word];
    }
    std::inplace_merge(hot_.begin(), hot_.begin() + before, hot_.end());
}

bool MemoryStates::is_like(HotPage& page, const std::byte* then) {
    if (page.like == then) return true;
    if (!vm::same_page(now(page.number), then)) return false;
    page.like = then;
    return true;
}

void MemoryStates::cool_pages() {
    constexpr std::uint32_t interval = 64, least_patience = 128, most_patience = 1U << 30;
    if (++restores_ < interval) return;
    restores_ = 0;
    std::vector<std::uint64_t> cold(known_.size());
    bool any = false;
    std::erase_if(hot_, [&](const HotPage& page) {
        if (page.same < least_patience || page.like != first(page.number)) return false;
        auto& patience = patience_.try_emplace(page.number, least_patience).first->second;
        if (page.same < patience) return false;
        // A page that the guest writes now and then is not worth the faults.
        patience = std::min(2 * patience, most_patience);
        const auto bit = std::uint64_t{1} << page.number % 64;
        cold[page.number / 64] |= bit;
        known_[page.number / 64] &= ~bit;
        return any = true;
    });
    if (any) vm_.forget_written(slot_, memory_.size(), cold);
}

void MemoryStates::add_written(std::uint64_t page) {
    if (is_known(page)) return;
    known_[page / 64] |= std::uint64_t{1} << page % 64;
    hot_.insert(std::ranges::lower_bound(hot_, page, {}, &HotPage::number), {page});
}

void MemoryStates::replace(vm::Physical at, std::span<const std::byte> from, std::span<const std::byte> to) {
    for (auto* const bytes : {memory_.data() + number(at), first_.data() + number(at)}) {
        for (std::size_t i = 0; i < from.size(); ++i) {
            // After a write to code, an emulator translates the code again, even if nothing changes.
            if (bytes[i] == from[i] && from[i] != to[i]) bytes[i] = to[i];
        }
    }
}

template <typename Visit>
void MemoryStates::each_hot_page(const vm::PageSet& pages, const Visit& visit) {
    find_hot_pages();
    for (const auto& page : pages) add_written(page.number);
    auto saved = pages.begin();
    for (auto& page : hot_) {
        while (saved != pages.end() && saved->number < page.number) ++saved;
        const bool is_saved = saved != pages.end() && saved->number == page.number;
        visit(page, is_saved ? saved->content->data() : first(page.number), is_saved ? &saved->content : nullptr);
    }
}

vm::PageSet MemoryStates::save(const vm::PageSet& earlier) {
    vm::PageSet pages;
    pages.reserve(earlier.size() + 4);
    each_hot_page(earlier, [&](HotPage& page, const std::byte* then, const std::shared_ptr<const vm::Page>* shared) {
        if (is_like(page, then)) {
            if (shared != nullptr) pages.push_back({page.number, *shared});
        } else if (shared == nullptr || !is_like(page, first(page.number))) {
            const auto copy = std::make_shared<vm::Page>();
            vm::copy_page(copy->data(), now(page.number));
            page.like = copy->data();
            pages.push_back({page.number, copy});
        }
    });
    return pages;
}

void MemoryStates::restore(const vm::PageSet& pages) {
    each_hot_page(pages, [this](HotPage& page, const std::byte* then, const auto*) {
        ++page.same;
        if (is_like(page, then)) return;
        page.same = 0;
        vm::copy_page(now(page.number), then);
        page.like = then;
    });
    cool_pages();
}

std::vector<WordChange> MemoryStates::differences(const vm::PageSet& pages, const std::vector<bool>& ignored) {
    std::vector<WordChange> changes;
    each_hot_page(pages, [&](HotPage& page, const std::byte* then, const auto*) {
        if ((page.number < ignored.size() && ignored[page.number]) || is_like(page, then)) return;
        for (std::uint64_t at = 0; at < vm::page_size; at += sizeof(std::uint64_t)) {
            std::uint64_t is = 0, was = 0;
            std::memcpy(&is, now(page.number) + at, sizeof is);
            std::memcpy(&was, then + at, sizeof was);
            if (is != was) changes.push_back({vm::Physical{page.number * vm::page_size + at}, is, was});
        }
    });
    return changes;
}

bool MemoryStates::equals(const vm::PageSet& pages) {
    bool same = true;
    each_hot_page(pages,
                  [&](HotPage& page, const std::byte* then, const auto*) { same = same && is_like(page, then); });
    return same;
}

}  // namespace gatecrash::kernel
