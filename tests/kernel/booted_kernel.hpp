// A kernel that has booted to the first time that its init program asks for a workload.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <span>
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
    /// `more` follows the usual command line. For `cpu`, see parse_cpu().
    explicit Booted(const std::string& more = {}, const std::string& cpu = {}, const kvm::System& system = kvm_system())
        : guest_(system, image_, {command_line + more, initramfs("/kernel-test-init"), cpu}, memory_size) {
        guest_.set_log(facts_.log);
        constexpr unsigned seconds = 300;  // enough for a boot on a very busy host
        EXPECT_EQ(guest_.run_to_doorbell(seconds), GATECRASH_DOORBELL_OPEN);
        auto regs = guest_.cpu().regs();
        regs.rflags |= vm::rflags_iopl;
        guest_.cpu().set_regs(regs);
        EXPECT_EQ(guest_.run_to_doorbell(seconds), GATECRASH_DOORBELL_NEXT);
        guest_.watch(facts_);
        next_ = guest_.save();
        auto devices = *next_.devices;
        silence_interrupts(devices);
        next_.devices = std::make_shared<DeviceState>(devices);
    }

    static constexpr int any_byte = -1;
    /// Returns the state that waits for a workload, with other code. Replaces `before`, which stands once in the first
    /// 512 bytes after the symbol, by as many bytes. `before` can contain any_byte.
    [[nodiscard]] KernelState patched(const char* symbol, std::span<const int> before, std::span<const int> after) {
        guest_.restore(next_);
        const auto start = symbols_.find(symbol).value();
        std::vector<std::byte> code(512);
        code.resize(guest_.read(start, code));
        const auto is_equal = [](std::byte byte, int wanted) {
            return wanted == any_byte || std::to_integer<int>(byte) == wanted;
        };
        const auto found = std::search(code.begin(), code.end(), before.begin(), before.end(), is_equal);
        EXPECT_NE(found, code.end()) << "the code to replace does not stand after " << symbol;
        if (found == code.end()) return next_;
        EXPECT_EQ(std::search(found + 1, code.end(), before.begin(), before.end(), is_equal), code.end())
            << "the code to replace stands twice after " << symbol;
        EXPECT_EQ(before.size(), after.size());
        std::vector<std::byte> bytes;
        for (const auto byte : after) bytes.push_back(static_cast<std::byte>(byte));
        guest_.patch(vm::Virtual{number(start) + static_cast<std::uint64_t>(found - code.begin())}, bytes);
        return guest_.save(&next_);
    }

    [[nodiscard]] KernelSubject subject(const sweep::SweepOptions& options) {
        return {waiting(next_), {"getpid", 0}, options};
    }
    /// `state` must outlive the result.
    [[nodiscard]] WaitingKernel waiting(const KernelState& state) { return {guest_, facts_, symbols_, state}; }
    [[nodiscard]] const KernelState& next() const { return next_; }
    [[nodiscard]] const KernelFacts& facts() const { return facts_; }
    KernelGuest& guest() { return guest_; }
    const vm::SymbolTable& symbols() const { return symbols_; }
    const BootImage& image() const { return image_; }

  private:
    BootImage image_ = kernel_image();
    vm::SymbolTable symbols_ = symbol_table(own_symbols(image_));
    KernelFacts facts_ = find_facts(image_, symbols_);
    KernelGuest guest_;
    KernelState next_;
};

/// Has one kernel for all tests.
class WithKernel : public testing::Test {
  protected:
    static void SetUpTestSuite() { booted_ = std::make_unique<Booted>(); }
    static void TearDownTestSuite() { booted_.reset(); }
    static Booted& kernel() { return *booted_; }

  private:
    static inline std::unique_ptr<Booted> booted_;
};

}  // namespace gatecrash::kernel
