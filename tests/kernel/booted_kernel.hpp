// A kernel that has booted to the first time that its init program asks for a workload.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

#include "gatecrash/workload.h"
#include "kernel/boot_files.hpp"
#include "kernel/kernel_subject.hpp"
#include "support/kvm_system.hpp"
#include "vm/state/registers.hpp"

namespace gatecrash::kernel {

/// Boots a kernel to the first time that its init program asks for a workload.
class Booted {
  public:
    Booted() : guest_(kvm_system(), image_, {command_line, initramfs("/init")}, memory_size) {
        guest_.set_log(facts_.log);
        constexpr unsigned seconds = 300;  // of a very busy host
        EXPECT_EQ(guest_.run_to_doorbell(first, last, seconds), GATECRASH_DOORBELL_OPEN);
        auto regs = guest_.cpu().regs();
        regs.rflags |= vm::rflags_iopl;
        guest_.cpu().set_regs(regs);
        EXPECT_EQ(guest_.run_to_doorbell(first, last, seconds), GATECRASH_DOORBELL_NEXT);
        guest_.watch(facts_);
        next_ = guest_.save();
        auto devices = *next_.devices;
        silence_interrupts(devices);
        next_.devices = std::make_shared<DeviceState>(devices);
    }

    /// Replaces `before`, which stands once in the first 512 bytes of a function, by `after`.
    void poke(const char* function, std::initializer_list<int> before, std::initializer_list<int> after) {
        guest_.restore(next_);
        const auto start = symbols_.find(function).value();
        std::vector<std::byte> code(512);
        code.resize(guest_.read(start, code));
        const auto bytes = [](std::initializer_list<int> numbers) {
            std::vector<std::byte> all;
            for (const auto number : numbers) all.push_back(static_cast<std::byte>(number));
            return all;
        };
        const auto found = std::ranges::search(code, bytes(before));
        ASSERT_FALSE(found.empty()) << "no such instruction in " << function;
        guest_.write(vm::Virtual{number(start) + static_cast<std::uint64_t>(found.begin() - code.begin())},
                     bytes(after));
        next_ = guest_.save(&next_);
    }

    [[nodiscard]] KernelSubject subject(const sweep::SweepOptions& options) {
        return {{guest_, facts_, symbols_, next_}, {"getpid", 0}, options};
    }
    [[nodiscard]] const KernelFacts& facts() const { return facts_; }
    KernelGuest& guest() { return guest_; }
    const vm::SymbolTable& symbols() const { return symbols_; }

  private:
    static constexpr std::uint16_t first = GATECRASH_DOORBELL_FIRST, last = GATECRASH_DOORBELL_LAST;
    BootImage image_ = kernel_image();
    vm::SymbolTable symbols_ = symbol_table(own_symbols(image_));
    KernelFacts facts_ = find_facts(image_, symbols_);
    KernelGuest guest_;
    KernelState next_;
};

}  // namespace gatecrash::kernel
