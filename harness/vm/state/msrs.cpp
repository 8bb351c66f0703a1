#include "vm/state/msrs.hpp"

#include <algorithm>
#include <span>

#include "vm/vendor.hpp"

namespace gatecrash::vm {

void read_msrs(kvm::Vcpu& cpu, Msrs& values, std::size_t count) {
    std::array<kvm_msr_entry, msr_table.size()> entries{};
    for (std::size_t i = 0; i < count; ++i) entries.at(i).index = msr_table.at(i).index;
    cpu.get_msrs(std::span(entries).first(count));
    for (std::size_t i = 0; i < count; ++i) values.*msr_table.at(i).value = entries.at(i).data;
}

void write_msrs(kvm::Vcpu& cpu, const Msrs& values, const Msrs* kvm_has) {
    std::array<kvm_msr_entry, msr_table.size()> entries{};
    std::size_t count = 0;
    for (const auto& msr : msr_table) {
        if (kvm_has != nullptr && values.*msr.value == kvm_has->*msr.value) continue;
        entries.at(count).index = msr.index;
        entries.at(count++).data = values.*msr.value;
    }
    if (count != 0) cpu.set_msrs(std::span(entries).first(count));
}

MsrCache::MsrCache(kvm::Vcpu& cpu) : cpu_(cpu), is_amd_(cpu_vendor() == Vendor::amd) {}

const Msrs& MsrCache::get() {
    if (!has_values_) {
        has_values_ = true;
        read(msr_table.size());
    } else if (!known_ && writes_msrs_) {
        read(msr_table.size());
    } else if (!known_ && swaps_gs_) {
        read(1);
    }
    known_ = true;
    return values_;
}

void MsrCache::read(std::size_t count) {
    read_msrs(cpu_, values_, count);
    if (is_amd_) {
        // AMD's SYSENTER uses 32 bits. A guest that writes 64 may read them back, but KVM keeps only 32 of a value that
        // it gets.
        values_.sysenter_esp &= 0xffffffff;
        values_.sysenter_eip &= 0xffffffff;
    }
    for (const auto& msr : std::span(msr_table).first(count)) of_kvm_.*msr.value = values_.*msr.value;
}

void MsrCache::set(const Msrs& values) {
    (void)get();  // flush() must know what KVM has
    values_ = values;
}

void MsrCache::flush() {
    if (!known_ || values_ == of_kvm_) return;
    write_msrs(cpu_, values_, &of_kvm_);
    of_kvm_ = values_;
}

void MsrCache::forget() {
    has_values_ = false;
    known_ = false;
}

}  // namespace gatecrash::vm
