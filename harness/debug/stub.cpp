#include "debug/stub.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <optional>
#include <stdexcept>
#include <utility>

namespace gatecrash::debug {
namespace {

/// Steps between two looks for Ctrl-C. On an emulated machine they take well below a second.
constexpr std::uint64_t steps_at_once = 256;

/// Steps after which a guest that does not stop may be in an endless loop. More than any run that ends needs.
constexpr std::uint64_t many_steps = 20'000;

/// Kinds of "Z": the stub compares RIP with an address, or bytes with what they were. So no byte of the guest changes.
constexpr char software = '0', hardware = '1', on_write = '2';

/// Far more than anybody sets. They limit what a connection can make this process keep.
constexpr std::size_t most_breakpoints = 1'000, most_changes = 10'000;
/// Bytes of one watchpoint. Each step reads them.
constexpr std::uint64_t most_watched = 256;

/// Bytes of memory in one answer: two digits each.
constexpr std::uint64_t most_memory = max_packet / 2;

// Answers of the protocol. gdb prints what follows "E.", but not in the answer to a packet that reads something.
constexpr const char *ok = "OK", *unknown = "", *unreadable = "E01", *not_mapped = "E0e";

/// Reads "ADDRESS,LENGTH". Empty if `text` is anything else.
std::optional<std::pair<std::uint64_t, std::uint64_t>> range_of(std::string_view text) {
    const auto address = hex_number(take_until(text, ','));
    const auto length = hex_number(text);
    if (!address || !length) return std::nullopt;
    return std::pair(*address, *length);
}

std::string first_line(std::string_view text) { return std::string(text.substr(0, text.find('\n'))); }

}  // namespace

/// A packet begins with its name.
struct Stub::Command {
    std::string_view name;
    std::string (Stub::*answer)(std::string_view arguments);
};

/// gdb's manual, E.2 to E.4, describes each. A packet that is not here gets an empty answer.
constexpr Stub::Command Stub::commands[] = {
    {"?", &Stub::why_stopped},
    {"g", &Stub::read_registers},
    {"G", &Stub::write_registers},
    {"p", &Stub::read_register},
    {"P", &Stub::write_register},
    {"m", &Stub::read_memory},
    {"M", &Stub::write_memory},
    {"Z", &Stub::set_breakpoint},
    {"z", &Stub::clear_breakpoint},
    {"s", &Stub::step},
    {"c", &Stub::proceed},
    {"bs", &Stub::step_back},
    {"bc", &Stub::proceed_back},
    {"qSupported", &Stub::features},
    {"qXfer:features:read:", &Stub::describe_target},
    {"qRcmd,", &Stub::monitor},
    {"qAttached", &Stub::is_attached},
    {"QStartNoAckMode", &Stub::stop_acknowledging},
    {"H", &Stub::accept},  // there is one thread
    {"D", &Stub::end},
    {"vKill;", &Stub::end},
    {"k", &Stub::end},
};

/// A command of the user's: `monitor NAME ARGUMENT`.
struct Stub::MonitorCommand {
    std::string_view name, arguments, summary;
    std::string (Stub::*run)(const std::string& argument);
};

constexpr Stub::MonitorCommand Stub::monitor_commands[] = {
    {"boundary", "", "say where the guest is, and what is pending and masked there", &Stub::describe_boundary},
    {"land", "EVENT", "land an event at this boundary: nmi, irq, db, ...", &Stub::land},
    {"symbol", "NAME", "say where a symbol is, for a gdb without a file that has it", &Stub::find},
    {"help", "", "list these commands", &Stub::help},
};

Stub::Stub(Timeline& timeline) : timeline_(timeline), registers_(RegisterSet::of(timeline.debuggee().is_64_bit())) {}

// --- the connection --------------------------------------------------------------------------------------------------

std::string Stub::receive(std::string_view bytes) {
    for (const char byte : bytes) {
        if (has_ended_) break;
        if (const auto received = reader_.feed(byte)) handle(*received);
    }
    return std::exchange(to_send_, {});
}

void Stub::handle(const Received& received) {
    if (std::holds_alternative<Interrupt>(received)) {
        if (run_ == Run::backward) timeline_.end_search();
        if (is_running()) stop("T02");
    } else if (std::holds_alternative<Again>(received)) {
        to_send_ += last_;
    } else if (std::holds_alternative<BadPacket>(received)) {
        if (acknowledges_) to_send_ += '-';
    } else if (!is_running()) {
        if (acknowledges_) to_send_ += '+';
        const auto text = answer_to(std::get<Packet>(received).text);
        if (!is_running() && !has_ended_) answer(text);
    }
}

void Stub::answer(std::string_view text) {
    last_ = framed(text);
    to_send_ += last_;
}

/// Prints lines on gdb's terminal.
void Stub::print(std::string_view text) {
    constexpr std::size_t piece = max_packet / 4;
    for (; !text.empty(); text.remove_prefix(std::min(piece, text.size())))
        to_send_ += framed("O" + to_hex(text.substr(0, piece)));
}

std::string Stub::answer_to(std::string_view packet) {
    const auto* const command =
        std::ranges::find_if(commands, [&](const Command& each) { return packet.starts_with(each.name); });
    if (command == std::end(commands)) return unknown;
    try {
        return (this->*command->answer)(packet.substr(command->name.size()));
    } catch (const std::exception& error) {
        return "E." + first_line(error.what());
    }
}

// --- moving ----------------------------------------------------------------------------------------------------------

std::string Stub::begin_run(Run run, bool only_step, std::string_view arguments) {
    if (!arguments.empty()) return "E.the guest can continue only where it is";
    run_ = run;
    only_steps_ = only_step;
    begin_ = timeline_.position();
    if (run == Run::backward) timeline_.begin_search();
    return {};
}

std::string Stub::step(std::string_view arguments) { return begin_run(Run::forward, true, arguments); }
std::string Stub::proceed(std::string_view arguments) { return begin_run(Run::forward, false, arguments); }
std::string Stub::step_back(std::string_view arguments) { return begin_run(Run::backward, true, arguments); }
std::string Stub::proceed_back(std::string_view arguments) { return begin_run(Run::backward, false, arguments); }

std::string Stub::run() {
    const Timeline::Wanted wanted{.is_here = [this] { return is_at_breakpoint(); },
                                  .has_changed = [this] { return has_watched_memory_changed(); }};
    try {
        auto halt = Halt::moved;
        if (run_ == Run::forward)
            halt = timeline_.forward(only_steps_ ? 1 : steps_at_once, wanted);
        else
            halt = only_steps_ ? timeline_.back() : timeline_.search(wanted);
        print(timeline_.take_news());
        const bool is_long = run_ == Run::forward && timeline_.position() - begin_ >= many_steps;
        if (is_long && halt == Halt::moved)
            print(fmt::format("no end in sight after {} steps: `continue` goes on\n", many_steps));
        if (halt != Halt::moved || only_steps_ || is_long) stop(reply_to(halt));
    } catch (const std::exception& error) {
        print(fmt::format("gatecrash cannot follow the guest there: {}\n", error.what()));
        if (run_ == Run::backward)
            timeline_.end_search();
        else
            timeline_.recover();
        stop("T05");
    }
    return std::exchange(to_send_, {});
}

bool Stub::is_at_breakpoint() {
    const auto here = breakpoints_.lower_bound({number(timeline_.debuggee().rip()), 0});
    return here != breakpoints_.end() && here->first == number(timeline_.debuggee().rip());
}

std::string Stub::memory_at(std::uint64_t address, std::uint64_t size) {
    std::string bytes(size, '\0');
    bytes.resize(timeline_.debuggee().read(vm::Virtual{address}, std::as_writable_bytes(std::span(bytes))));
    return bytes;
}

bool Stub::has_watched_memory_changed() {
    bool has_changed = false;
    for (auto& [address, size, bytes] : watchpoints_) {
        auto now = memory_at(address, size);
        if (now == bytes) continue;
        bytes = std::move(now);
        changed_ = address;
        has_changed = true;
    }
    return has_changed;
}

std::string Stub::reply_to(Halt halt) {
    if (halt == Halt::changed) return fmt::format("T05watch:{:x};", changed_);
    if (halt == Halt::begin) return "T05replaylog:begin;";
    if (halt == Halt::end) {
        print(fmt::format("the guest has ended: {}. reverse-stepi and reverse-continue go back\n", *timeline_.end()));
        return "T05replaylog:end;";
    }
    if (!names_breakpoints_ || !is_at_breakpoint()) return "T05";
    const auto here = breakpoints_.lower_bound({number(timeline_.debuggee().rip()), 0});
    return here->second == software ? "T05swbreak:;" : "T05hwbreak:;";
}

void Stub::stop(std::string reply) {
    run_ = Run::stopped;
    stop_ = std::move(reply);
    answer(stop_);
}

std::string Stub::why_stopped(std::string_view) { return stop_; }

namespace {

/// The arguments of "Z" and "z": KIND,ADDRESS,LENGTH. Conditions and commands may follow.
struct Stop {
    char kind;
    std::uint64_t address, length;
};

std::optional<Stop> stop_of(std::string_view arguments) {
    const auto kind = take_until(arguments, ',');
    const auto range = range_of(take_until(arguments, ';'));
    if (kind.size() != 1 || !range) return std::nullopt;
    return Stop{kind.front(), range->first, range->second};
}

}  // namespace

std::string Stub::set_breakpoint(std::string_view arguments) {
    const auto stop = stop_of(arguments);
    if (!stop) return unreadable;
    if (breakpoints_.size() + watchpoints_.size() >= most_breakpoints) return "E.there are too many breakpoints";
    if (stop->kind == on_write) return set_watchpoint(stop->address, stop->length);
    if (stop->kind != software && stop->kind != hardware) return unknown;
    breakpoints_.insert({stop->address, stop->kind});
    return ok;
}

std::string Stub::set_watchpoint(std::uint64_t address, std::uint64_t size) {
    if (size == 0 || size > most_watched) return "E.a watchpoint cannot have that length";
    watchpoints_.push_back({address, size, memory_at(address, size)});
    return ok;
}

std::string Stub::clear_breakpoint(std::string_view arguments) {
    const auto stop = stop_of(arguments);
    if (!stop) return unreadable;
    const auto is_it = [&](const Watchpoint& each) {
        return stop->kind == on_write && each.address == stop->address && each.size == stop->length;
    };
    std::erase_if(watchpoints_, is_it);
    breakpoints_.erase({stop->address, stop->kind});
    return ok;
}

// --- registers and memory --------------------------------------------------------------------------------------------

std::string Stub::change(const Timeline::Change& change) {
    if (timeline_.end()) return "E.the guest has ended: go back first";
    if (timeline_.changes() == most_changes) return "E.there are too many changes: go back to undo some";
    timeline_.change(change);
    return ok;
}

std::string Stub::read_registers(std::string_view) { return registers_.read_all(timeline_.debuggee().registers()); }

std::string Stub::write_registers(std::string_view arguments) {
    auto registers = timeline_.debuggee().registers();
    if (!registers_.write_all(registers, arguments)) return unreadable;
    return change([registers](Debuggee& debuggee) { debuggee.set_registers(registers); });
}

std::string Stub::read_register(std::string_view arguments) {
    const auto number = hex_number(arguments);
    if (!number || *number >= registers_.size()) return unreadable;
    return registers_.read(timeline_.debuggee().registers(), *number);
}

std::string Stub::write_register(std::string_view arguments) {
    const auto number = hex_number(take_until(arguments, '='));
    auto registers = timeline_.debuggee().registers();
    if (!number || !registers_.write(registers, *number, arguments)) return "E.the register cannot be set to that";
    return change([registers](Debuggee& debuggee) { debuggee.set_registers(registers); });
}

std::string Stub::read_memory(std::string_view arguments) {
    const auto range = range_of(arguments);
    if (!range) return unreadable;
    std::string bytes(std::min(range->second, most_memory), '\0');
    const auto size = timeline_.debuggee().read(vm::Virtual{range->first}, std::as_writable_bytes(std::span(bytes)));
    if (size == 0 && !bytes.empty()) return not_mapped;
    return to_hex(std::string_view(bytes).substr(0, size));
}

std::string Stub::write_memory(std::string_view arguments) {
    const auto range = range_of(take_until(arguments, ':'));
    const auto bytes = from_hex(arguments);
    if (!range || !bytes || bytes->size() != range->second) return unreadable;
    return change([range, bytes](Debuggee& debuggee) {
        if (!debuggee.write(vm::Virtual{range->first}, std::as_bytes(std::span(*bytes))))
            throw std::runtime_error("the memory is not mapped, or must not change");
    });
}

// --- the session -----------------------------------------------------------------------------------------------------

std::string Stub::features(std::string_view arguments) {
    names_breakpoints_ = arguments.find("swbreak+") != std::string_view::npos;
    return fmt::format(
        "PacketSize={:x};QStartNoAckMode+;qXfer:features:read+;ReverseStep+;ReverseContinue+;swbreak+;hwbreak+",
        max_packet);
}

std::string Stub::describe_target(std::string_view arguments) {
    const auto document = take_until(arguments, ':');
    const auto range = range_of(arguments);
    const auto& text = registers_.description();
    if (document != "target.xml" || !range || range->first > text.size()) return unreadable;
    const auto piece = text.substr(range->first, std::min(range->second, most_memory));
    const bool is_last = range->first + piece.size() == text.size();
    return (is_last ? "l" : "m") + piece;
}

std::string Stub::stop_acknowledging(std::string_view) {
    acknowledges_ = false;
    return ok;
}

std::string Stub::accept(std::string_view) { return ok; }

/// Says that gdb did not start the guest, so that it detaches when it quits.
std::string Stub::is_attached(std::string_view) { return "1"; }

std::string Stub::end(std::string_view) {
    answer(ok);
    has_ended_ = true;
    return {};
}

// --- monitor ---------------------------------------------------------------------------------------------------------

std::string Stub::monitor(std::string_view arguments) {
    const auto text = from_hex(arguments);
    if (!text) return unreadable;
    std::string_view rest = *text;
    const auto name = take_until(rest, ' ');
    const auto* const command = std::ranges::find(monitor_commands, name, &MonitorCommand::name);
    if (command == std::end(monitor_commands)) {
        print(fmt::format("no such command: '{}'\n{}", name, help({})));
        return ok;
    }
    try {
        print((this->*command->run)(std::string(rest)));
    } catch (const std::exception& error) {
        print(first_line(error.what()) + "\n");
    }
    return ok;
}

std::string Stub::land(const std::string& event) {
    const auto answer = change([event](Debuggee& debuggee) { debuggee.land(event); });
    return answer == ok ? describe_boundary({}) : answer.substr(answer.find('.') + 1) + "\n";
}

std::string Stub::describe_boundary(const std::string&) {
    const auto end = timeline_.end() ? fmt::format("the guest has ended: {}\n", *timeline_.end()) : "";
    return fmt::format("{}step {} of the window\n{}", end, timeline_.position(),
                       timeline_.debuggee().describe_boundary());
}

std::string Stub::find(const std::string& symbol) {
    const auto address = timeline_.debuggee().find(symbol);
    return address ? fmt::format("{} is at {:#x}\n", symbol, number(*address))
                   : fmt::format("no symbol '{}'\n", symbol);
}

std::string Stub::help(const std::string&) {
    std::string text;
    for (const auto& [name, arguments, summary, run] : monitor_commands)
        text += fmt::format("  monitor {:<16} {}\n", fmt::format("{} {}", name, arguments), summary);
    return text;
}

}  // namespace gatecrash::debug
