// Answers gdb: the commands of its remote serial protocol, over a timeline.
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "debug/packet.hpp"
#include "debug/timeline.hpp"

namespace gatecrash::debug {

/// The stub of one connection. It reads and writes no descriptor. It never trusts what comes: a command that it cannot
/// read gets an error as its answer.
class Stub {
  public:
    explicit Stub(Timeline& timeline);

    /// Reads bytes from gdb, and returns what to send.
    [[nodiscard]] std::string receive(std::string_view bytes);
    /// True if gdb waits for the guest to stop. Call run() then.
    [[nodiscard]] bool is_running() const { return run_ != Run::stopped; }
    /// Runs the guest for a moment, and returns what to send.
    [[nodiscard]] std::string run();
    /// True if gdb has detached, or has killed the guest.
    [[nodiscard]] bool has_ended() const { return has_ended_; }

  private:
    enum class Run : std::uint8_t { stopped, forward, backward };
    struct Command;
    struct MonitorCommand;
    static const Command commands[];
    static const MonitorCommand monitor_commands[];

    void handle(const Received& received);
    void answer(std::string_view text);
    void print(std::string_view text);
    [[nodiscard]] std::string answer_to(std::string_view packet);
    void stop(std::string reply);
    [[nodiscard]] std::string reply_to(Halt halt);
    [[nodiscard]] std::string change(const Timeline::Change& change);
    [[nodiscard]] bool is_at_breakpoint();
    [[nodiscard]] bool has_watched_memory_changed();
    [[nodiscard]] std::string memory_at(std::uint64_t address, std::uint64_t size);
    [[nodiscard]] std::string set_watchpoint(std::uint64_t address, std::uint64_t size);
    [[nodiscard]] std::string begin_run(Run run, bool only_step, std::string_view arguments);

    // Each takes what follows the name of the packet, and returns the answer.
    [[nodiscard]] std::string why_stopped(std::string_view arguments);
    [[nodiscard]] std::string read_registers(std::string_view arguments);
    [[nodiscard]] std::string write_registers(std::string_view arguments);
    [[nodiscard]] std::string read_register(std::string_view arguments);
    [[nodiscard]] std::string write_register(std::string_view arguments);
    [[nodiscard]] std::string read_memory(std::string_view arguments);
    [[nodiscard]] std::string write_memory(std::string_view arguments);
    [[nodiscard]] std::string set_breakpoint(std::string_view arguments);
    [[nodiscard]] std::string clear_breakpoint(std::string_view arguments);
    [[nodiscard]] std::string step(std::string_view arguments);
    [[nodiscard]] std::string proceed(std::string_view arguments);
    [[nodiscard]] std::string step_back(std::string_view arguments);
    [[nodiscard]] std::string proceed_back(std::string_view arguments);
    [[nodiscard]] std::string features(std::string_view arguments);
    [[nodiscard]] std::string describe_target(std::string_view arguments);
    [[nodiscard]] std::string monitor(std::string_view arguments);
    [[nodiscard]] std::string stop_acknowledging(std::string_view arguments);
    [[nodiscard]] std::string accept(std::string_view arguments);
    [[nodiscard]] std::string is_attached(std::string_view arguments);
    [[nodiscard]] std::string end(std::string_view arguments);

    // Each takes what follows the name of the monitor's command, and returns lines for the user.
    [[nodiscard]] std::string land(const std::string& event);
    [[nodiscard]] std::string describe_boundary(const std::string& nothing);
    [[nodiscard]] std::string find(const std::string& symbol);
    [[nodiscard]] std::string help(const std::string& nothing);

    Timeline& timeline_;
    const RegisterSet& registers_;
    PacketReader reader_;
    std::string to_send_, last_;
    bool acknowledges_ = true;
    bool has_ended_ = false;
    bool names_breakpoints_ = false;  ///< gdb knows "swbreak" and "hwbreak"
    Run run_ = Run::stopped;
    std::uint64_t begin_ = 0;   ///< the position where the run began
    bool only_steps_ = false;   ///< of a run: it ends after one step
    std::string stop_ = "T05";  ///< the answer to "?"
    /// Addresses, with the letter of the kind of breakpoint that is there.
    std::set<std::pair<std::uint64_t, char>> breakpoints_;
    struct Watchpoint {
        std::uint64_t address, size;
        std::string bytes;  ///< as they were at the last look
    };
    std::vector<Watchpoint> watchpoints_;
    std::uint64_t changed_ = 0;  ///< the address of the watchpoint whose bytes changed last
};

}  // namespace gatecrash::debug
