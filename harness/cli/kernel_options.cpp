#include "cli/kernel_options.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <stdexcept>

#include "cli/code_files.hpp"
#include "cli/command_explore.hpp"
#include "kernel/guest_cpu.hpp"
#include "kernel/kernel_landing.hpp"
#include "kernel/place.hpp"

namespace gatecrash::cli {
namespace {

constexpr unsigned usual_memory = 96, least_memory = 16, most_memory = 3072;  // MiB
constexpr unsigned mebibyte_shift = 20;
constexpr const char* ignore_memory_option = "ignore-memory";

std::string text_of(const kernel::Poke& poke) {
    std::string bytes;
    for (const auto byte : poke.bytes) bytes += fmt::format("{:02x}", byte);
    return fmt::format("{}+{:#x}={}", poke.symbol, poke.offset, bytes);
}

/// Reads SYMBOL[+0xOFFSET]=BYTES. Empty if `text` is anything else.
std::optional<kernel::Poke> parse_poke(std::string_view text) {
    const auto equals = text.find('=');
    const auto place = kernel::parse_place(text.substr(0, equals));
    if (equals == std::string_view::npos || !place) return std::nullopt;
    const auto digits = text.substr(equals + 1);
    kernel::Poke poke{place->symbol, place->offset, {}};
    for (std::size_t i = 0; i < digits.size(); i += 2) {
        std::uint8_t byte = 0;
        const auto* const begin = digits.data() + i;
        const auto* const last = begin + std::min<std::size_t>(2, digits.size() - i);
        const auto [end, error] = std::from_chars(begin, last, byte, 16);
        if (error != std::errc{} || end != begin + 2) return std::nullopt;
        poke.bytes.push_back(byte);
    }
    return poke.bytes.empty() ? std::nullopt : std::optional(poke);
}

std::vector<kernel::Poke> read_pokes(const Values& values) {
    std::vector<kernel::Poke> pokes;
    const auto text = values.text_if_given("poke");
    for (const auto piece : sweep::split_list(text ? std::string_view(*text) : "")) {
        const auto poke = parse_poke(piece);
        if (!poke) {
            values.fail(
                fmt::format("--poke must be SYMBOL+0xOFFSET=BYTES with bytes in hexadecimal, such as "
                            "paranoid_entry+0x80=0f1f440000, not '{}'",
                            piece));
        }
        pokes.push_back(*poke);
    }
    return pokes;
}

std::vector<std::string> read_ignored_memory(const Values& values) {
    const auto text = values.text_if_given(ignore_memory_option);
    if (text && text->empty()) values.fail("--ignore-memory needs the names of words");
    const auto names = sweep::split_list(text ? std::string_view(*text) : "");
    return {names.begin(), names.end()};
}

/// Reads a list of events, in which one may occur several times if `may_repeat` is set.
std::vector<vm::Event> parse_kernel_events(const std::string& text, bool may_repeat) {
    std::vector<vm::Event> events;
    if (may_repeat) {
        for (const auto piece : sweep::split_list(text)) events.push_back(sweep::parse_events(piece).front());
    } else {
        events = sweep::parse_events(text);
    }
    std::ranges::for_each(events, check_kernel_event);
    return events;
}

}  // namespace

void add_boot(OptionList& options) {
    add_text(options, "append", "WORDS", "more words for the kernel's command line, such as 'pti=on'");
    add_text(
        options, "memory", "MIB",
        fmt::format("the kernel's memory in MiB, {} to {} (default: {})", least_memory, most_memory, usual_memory));
}

std::uint64_t read_memory(const Values& values) {
    return std::uint64_t{values.number_if_given("memory", least_memory, most_memory).value_or(usual_memory)}
           << mebibyte_shift;
}

Words words_of_memory(std::uint64_t memory) {
    const auto mebibytes = memory >> mebibyte_shift;
    return mebibytes == usual_memory ? Words{} : Words{"--memory", std::to_string(mebibytes)};
}

void add_kernel(OptionList& options) {
    add_boot(options);
    add_linux_kernel(options);
}

void add_linux_kernel(OptionList& options) {
    add_text(options, "kernel", "FILE",
             "the kernel: a bzImage or a vmlinux of 64 bits, Linux 5.10 or newer (default: the one that `./dev setup` "
             "unpacked)");
    add_text(options, "symbols", "FILE",
             "a vmlinux or System.map of the same build (default: the kernel's own kallsyms); traces show the source "
             "lines of a vmlinux with debug information");
    std::string choices;
    for (const auto& [name, why, changes] : kernel::cpu_choices())
        choices += fmt::format("{}{} ({})", choices.empty() ? "" : "; ", name, why);
    add_text(options, "cpu", "LIST",
             fmt::format("the CPU that the kernel finds, comma-separated: {} (default: host)", choices));
    add_text(
        options, "init", "FILE",
        "a static program with workloads of your own (default: gatecrash's; gatecrash/workload.h says how to write "
        "one)");
    add_text(options, "poke", "PATCHES",
             "change bytes of the booted kernel first, to plant a bug or to try a fix: SYMBOL+0xOFFSET=BYTES in "
             "hexadecimal, comma-separated");
    add_text(options, ignore_memory_option, "NAMES",
             "do not compare these words of the kernel's memory, comma-separated: SYMBOL+0xOFFSET as a finding names "
             "it, or SYMBOL for all of its words");
    add_text(options, annotations_option, "FILE",
             "the vmlinux.o of the same build, with CONFIG_DEBUG_ENTRY=y: also check I18 (noinstr)");
}

void add_events(OptionList& options) {
    add_text(options, "events", "LIST",
             "events that may land, comma-separated: nmi, irq, irq=VECTOR, db (default: nmi)");
    add_text(options, "depth", "K", "maximum number of events in a schedule (default: 1)");
    add_flag(options, "in-order",
             "let the events land in the order of --events, which may then have one several times");
    add_flag(options, "no-prune", "also run schedules that are equivalent to one already run");
}

std::optional<KernelEvents> read_events(const Values& values) {
    KernelEvents read{.in_order = values.is_set("in-order")};
    if (!read.in_order && !values.has("events") && !values.has("depth")) return std::nullopt;
    try {
        if (const auto text = values.text_if_given("events")) read.events = parse_kernel_events(*text, read.in_order);
    } catch (const sweep::ScheduleError& error) {
        values.fail(fmt::format("--events {}", error.what()));
    }
    const auto all = read.in_order ? static_cast<unsigned>(read.events.size()) : 1;
    read.depth = values.number_if_given("depth", 0U, read.in_order ? all : max_depth).value_or(all);
    return read;
}

std::vector<sweep::SymbolRange> parse_kernel_window(const std::string& text) {
    if (text == "all") return {};
    auto ranges = sweep::parse_ranges(text);
    for (auto& range : ranges) {
        if (range.from == "entry" && range.to.empty()) range = {"__entry_text_start", "__entry_text_end", range.of};
    }
    return ranges;
}

void check_kernel_event(const vm::Event& event) {
    if (kernel::lands_on_kernels(event)) return;
    throw sweep::ScheduleError(
        fmt::format("{} cannot land on a kernel yet: nmi, irq, irq=VECTOR and db can", sweep::to_string(event)));
}

void refuse_stepper(const CommonOptions& options, const Values& values) {
    if (options.stepper) values.fail("--stepper does not work for a kernel: it is stepped with the trap flag");
}

KernelOptions read_kernel(const Values& values) {
    const auto cpu = values.text_if_given("cpu").value_or("");
    try {
        (void)kernel::parse_cpu(cpu);
    } catch (const std::invalid_argument& error) {
        values.fail(fmt::format("--cpu: {}", error.what()));
    }
    return {.kernel = values.text_if_given("kernel"),
            .symbols = values.text_if_given("symbols"),
            .init = values.text_if_given("init"),
            .cpu = cpu,
            .append = values.text_if_given("append").value_or(""),
            .memory = read_memory(values),
            .pokes = read_pokes(values),
            .ignored_memory = read_ignored_memory(values),
            .annotations = values.text_if_given(annotations_option)};
}

Words words_of(const KernelOptions& options) {
    Words words;
    const auto add = [&](const char* name, const std::optional<std::string>& value) {
        if (value) words.insert(words.end(), {name, *value});
    };
    add("--kernel", options.kernel);
    add("--symbols", options.symbols);
    add("--init", options.init);
    if (!options.cpu.empty()) add("--cpu", options.cpu);
    if (!options.append.empty()) add("--append", options.append);
    const auto memory = words_of_memory(options.memory);
    words.insert(words.end(), memory.begin(), memory.end());
    std::string pokes;
    for (const auto& poke : options.pokes) pokes += (pokes.empty() ? "" : ",") + text_of(poke);
    if (!pokes.empty()) add("--poke", pokes);
    if (!options.ignored_memory.empty())
        add("--ignore-memory", fmt::format("{}", fmt::join(options.ignored_memory, ",")));
    add("--annotations", options.annotations);
    return words;
}

}  // namespace gatecrash::cli
