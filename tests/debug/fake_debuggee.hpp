// A debuggee without a guest: a counter that steps through some code, and whose steps depend on all that happened.
#pragma once

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>

#include "debug/debuggee.hpp"

namespace gatecrash::debug {

class FakeDebuggee : public Debuggee {
  public:
    struct State {
        std::uint64_t rip = 0x1000, sum = 1;
        std::array<std::byte, 64> memory{};
        bool is_pending = false;
        std::size_t landed = 0;
        bool operator==(const State&) const = default;
    };

    static constexpr std::uint64_t handler = 0x2000, memory_at = 0x8000;

    /// The run ends after this many steps. An NMI lands by itself at `lands_at`, if that is not 0.
    explicit FakeDebuggee(std::uint64_t length, std::uint64_t lands_at = 0) : length_(length), lands_at_(lands_at) {}

    State state;
    std::uint64_t steps = 0;     ///< made so far, whatever was restored
    std::size_t moments = 0;     ///< that exist
    bool fails_at_next = false;  ///< the next step throws

    [[nodiscard]] bool is_64_bit() const override { return true; }
    [[nodiscard]] vm::Virtual rip() override { return vm::Virtual{state.rip}; }
    [[nodiscard]] std::optional<vm::Virtual> find(const std::string& symbol) const override {
        return symbol == "handler" ? std::optional(vm::Virtual{handler}) : std::nullopt;
    }
    [[nodiscard]] Registers registers() override {
        Registers registers;
        registers.general.rip = state.rip;
        registers.general.rax = state.sum;
        registers.special.fs.base = 0x1234'5678'9abc'def0;
        registers.special.cr3 = 0x5000;
        return registers;
    }
    void set_registers(const Registers& registers) override {
        if (registers.special.cr3 != 0x5000) throw std::runtime_error("the CPU refuses CR3");
        state.rip = registers.general.rip;
        state.sum = registers.general.rax;
    }
    [[nodiscard]] std::size_t read(vm::Virtual address, std::span<std::byte> to) override {
        const auto at = number(address) - memory_at;
        if (at >= state.memory.size()) return 0;
        const auto size = std::min<std::size_t>(to.size(), state.memory.size() - at);
        std::copy_n(state.memory.begin() + static_cast<std::ptrdiff_t>(at), size, to.begin());
        return size;
    }
    [[nodiscard]] bool write(vm::Virtual address, std::span<const std::byte> bytes) override {
        const auto at = number(address) - memory_at;
        if (at >= state.memory.size() || bytes.size() > state.memory.size() - at) return false;
        std::ranges::copy(bytes, state.memory.begin() + static_cast<std::ptrdiff_t>(at));
        return true;
    }

    [[nodiscard]] std::unique_ptr<Stepping> begin_steps() override { return std::make_unique<Steps>(*this); }
    [[nodiscard]] std::unique_ptr<Moment> save(const Moment* /*earlier*/) override {
        if (state.is_pending) return nullptr;
        return std::make_unique<Saved>(*this, moments);
    }
    void restore(const Moment& moment) override {
        const auto& saved = static_cast<const Saved&>(moment);
        state = saved.state;
        count_ = saved.count;
    }
    [[nodiscard]] std::string arrive() override {
        if (count_ != lands_at_ || lands_at_ == 0) return {};
        land("nmi");
        return "nmi lands\n";
    }
    void land(const std::string& event) override {
        if (event != "nmi") throw std::runtime_error("no such event: " + event);
        state.is_pending = true;
        ++state.landed;
    }
    [[nodiscard]] bool lands_events() const override { return lands_at_ != 0; }
    [[nodiscard]] std::size_t landed() const override { return state.landed; }
    [[nodiscard]] std::string describe_boundary() override { return state.is_pending ? "pending\n" : "nothing\n"; }

  private:
    struct Saved : Moment {
        Saved(const FakeDebuggee& of, std::size_t& moments) : state(of.state), count(of.count_), moments(moments) {
            ++moments;
        }
        ~Saved() override { --moments; }
        Saved(const Saved&) = delete;
        Saved& operator=(const Saved&) = delete;
        State state;
        std::uint64_t count;
        std::size_t& moments;
    };
    class Steps : public Stepping {
      public:
        explicit Steps(FakeDebuggee& of) : of_(of) {}
        std::optional<std::string> step() override { return of_.step(); }

      private:
        FakeDebuggee& of_;
    };

    std::optional<std::string> step() {
        if (std::exchange(fails_at_next, false)) {
            state.sum = 0;  // half of a step
            throw std::runtime_error("cannot step\nand more");
        }
        ++steps;
        if (++count_ >= length_) return "it is over";
        if (std::exchange(state.is_pending, false)) {
            state.rip = handler;
            return std::nullopt;
        }
        state.sum = state.sum * 3 + state.rip + std::to_integer<std::uint64_t>(state.memory[state.rip % 64]);
        state.memory[state.sum % 64] ^= std::byte{1};
        ++state.rip;
        return std::nullopt;
    }

    std::uint64_t length_, lands_at_, count_ = 0;
};

}  // namespace gatecrash::debug
