#include "vm/state/msrs.hpp"

#include <algorithm>
#include <span>

#include "vm/vendor.hpp"

namespace gatecrash::vm {

namespace {

bool has(const kvm::Vcpu& cpu, MsrOf feature) {
    if (feature == MsrOf::cet) return cpu.has_cet();
    return feature == MsrOf::every_cpu || cpu.has_shadow_stacks();
}

/// Returns the number of rows of msr_table for the registers that belong to `feature` or stand before them.
constexpr std::size_t count_up_to(MsrOf feature) {
    return static_cast<std::size_t>(std::ranges::count_if(msr_table, [=](auto& msr) { return msr.of <= feature; }));
}
static_assert(std::ranges::is_sorted(msr_table, {}, &MsrInfo::of));

/// Reads the first `count` registers of msr_table.
void read_first(kvm::Vcpu& cpu, Msrs& values, std::size_t count) {
    std::array<kvm_msr_entry, msr_table.size()> entries{};
    for (std::size_t i = 0; i < count; ++i) entries.at(i).index = msr_table.at(i).index;
    cpu.get_msrs(std::span(entries).first(count));
    for (std::size_t i = 0; i < count; ++i) values.*msr_table.at(i).value = entries.at(i).data;
}

}  // namespace

void read_msrs(kvm::Vcpu& cpu, Msrs& values) {
    const auto last = cpu.has_shadow_stacks() ? MsrOf::shadow_stacks : cpu.has_cet() ? MsrOf::cet : MsrOf::every_cpu;
    read_first(cpu, values, count_up_to(last));
    if (cpu.has_shadow_stacks()) values.ssp = cpu.shadow_stack_pointer();
}

void write_msrs(kvm::Vcpu& cpu, const Msrs& values, const Msrs* kvm_has) {
    std::array<kvm_msr_entry, msr_table.size()> entries{};
    std::size_t count = 0;
    for (const auto& msr : msr_table) {
        if (!has(cpu, msr.of) || (kvm_has != nullptr && values.*msr.value == kvm_has->*msr.value)) continue;
        entries.at(count).index = msr.index;
        entries.at(count++).data = values.*msr.value;
    }
    if (count != 0) cpu.set_msrs(std::span(entries).first(count));
    const bool has_other_ssp = kvm_has == nullptr || values.ssp != kvm_has->ssp;
    if (has_other_ssp && cpu.has_shadow_stacks()) cpu.set_shadow_stack_pointer(values.ssp);
}

MsrCache::MsrCache(kvm::Vcpu& cpu) : cpu_(cpu), is_amd_(cpu_vendor() == Vendor::amd) {}

void MsrCache::expect(bool writes_msrs, bool swaps_gs, bool loads_cr4) {
    has_shadow_stacks_ = loads_cr4 && cpu_.has_shadow_stacks();
    writes_msrs_ = writes_msrs || has_shadow_stacks_;
    swaps_gs_ = swaps_gs;
}

const Msrs& MsrCache::get() {
    if (!has_values_ || (!known_ && writes_msrs_)) {
        has_values_ = true;
        read();
    } else if (!known_ && swaps_gs_) {
        read_first(cpu_, values_, 1);
        of_kvm_.kernel_gs_base = values_.kernel_gs_base;
    }
    known_ = true;
    return values_;
}

void MsrCache::read() {
    if (has_shadow_stacks_) {
        read_msrs(cpu_, values_);
    } else {
        read_first(cpu_, values_, count_up_to(MsrOf::every_cpu));
    }
    if (is_amd_) {
        // AMD's SYSENTER uses 32 bits. A guest that writes 64 may read them back, but KVM keeps only 32 of a value that
        // it gets.
        values_.sysenter_esp &= 0xffffffff;
        values_.sysenter_eip &= 0xffffffff;
    }
    of_kvm_ = values_;
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
