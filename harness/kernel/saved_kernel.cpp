#include "kernel/saved_kernel.hpp"

#include <fmt/format.h>
#include <zstd.h>

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>
#include <type_traits>

#include "gatecrash/workload.h"
#include "kernel/guest_cpu.hpp"
#include "kernel/kernel_guest.hpp"
#include "vm/state/registers.hpp"

namespace gatecrash::kernel {
namespace {

using Json = nlohmann::json;

constexpr std::string_view file_begin = "gatecrash kernel 2\n";

[[noreturn]] void fail_reading(const std::string& why) {
    throw ImageError("the saved kernel cannot be read: " + why + ". Delete it, and it will be made again");
}

// --- the program's table ---------------------------------------------------------------------------------------------

std::string text_at(KernelGuest& guest, std::uint64_t address) {
    constexpr std::size_t longest = 200;
    std::string text(longest, '\0');
    text.resize(guest.read(vm::Virtual{address}, std::as_writable_bytes(std::span(text))));
    return text.c_str();
}

std::vector<WorkloadInfo> workloads_of(KernelGuest& guest) {
    constexpr std::uint64_t most = 1000, words_a_row = 3;
    const auto& regs = guest.cpu().regs();
    const auto table = regs.rbx, count = regs.rcx;
    if (count == 0 || count > most) {
        throw ImageError(
            fmt::format("the init program has {} workloads: it must have 1 to {}. gatecrash/workload.h says "
                        "how it tells them",
                        count, most));
    }
    std::vector<WorkloadInfo> workloads;
    for (std::uint64_t i = 0; i < count; ++i) {
        const auto row = table + i * words_a_row * sizeof(std::uint64_t);
        const auto name = guest.word_at(vm::Virtual{row}), what = guest.word_at(vm::Virtual{row + 8});
        if (!name || !what) throw ImageError("the init program's table of workloads is not in its memory");
        workloads.push_back({text_at(guest, *name), text_at(guest, *what)});
        const auto is_fit = [](char c) { return c == '-' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z'); };
        const auto& text = workloads.back().name;
        if (text.empty() || !std::ranges::all_of(text, is_fit)) {
            throw ImageError(
                fmt::format("a workload of the init program is called '{}': names have lower-case letters, "
                            "digits and '-'",
                            text));
        }
    }
    return workloads;
}

// --- the file --------------------------------------------------------------------------------------------------------

Json to_json(const AddressRange& range) { return {number(range.begin), number(range.end)}; }
AddressRange to_range(const Json& json) {
    return {vm::Virtual{json.at(0).get<std::uint64_t>()}, vm::Virtual{json.at(1).get<std::uint64_t>()}};
}
Json to_json(const std::optional<vm::Virtual>& address) { return address ? Json(number(*address)) : Json(); }
std::optional<vm::Virtual> to_address(const Json& json) {
    if (json.is_null()) return std::nullopt;
    return vm::Virtual{json.get<std::uint64_t>()};
}

Json to_json(const KernelFacts& facts) {
    auto ranges = Json::array(), failures = Json::array();
    for (const auto& range : facts.without_breakpoints) ranges.push_back(to_json(range));
    for (const auto& [address, name] : facts.failures) failures.push_back({number(address), name});
    return {{"entry_text", to_json(facts.entry_text)},
            {"without_breakpoints", ranges},
            {"catchers", number(facts.catchers)},
            {"failures", failures},
            {"per_cpu_offset", number(facts.per_cpu_offset)},
            {"nmi_count", to_json(facts.nmi_count)},
            {"resched_count", to_json(facts.resched_count)},
            {"task_stack", to_json(facts.task_stack)},
            {"irq_stack", to_json(facts.irq_stack)},
            {"current_task", to_json(facts.current_task)},
            {"task_size", facts.task_size},
            {"log", to_json(facts.log.text)},
            {"log_ring", to_json(facts.log.ring)},
            {"log_layout", facts.log.layout},
            {"nmi_code", facts.nmi_code}};
}

KernelFacts to_facts(const Json& json) {
    KernelFacts facts;
    facts.entry_text = to_range(json.at("entry_text"));
    for (const auto& range : json.at("without_breakpoints")) facts.without_breakpoints.push_back(to_range(range));
    facts.catchers = vm::Virtual{json.at("catchers").get<std::uint64_t>()};
    for (const auto& failure : json.at("failures"))
        facts.failures.emplace(vm::Virtual{failure.at(0).get<std::uint64_t>()}, failure.at(1).get<std::string>());
    facts.per_cpu_offset = vm::Virtual{json.at("per_cpu_offset").get<std::uint64_t>()};
    facts.nmi_count = to_address(json.at("nmi_count"));
    facts.resched_count = to_address(json.at("resched_count"));
    facts.task_stack = to_address(json.at("task_stack"));
    facts.irq_stack = to_address(json.at("irq_stack"));
    facts.current_task = to_address(json.at("current_task"));
    facts.task_size = json.at("task_size").get<std::uint32_t>();
    facts.log = {to_range(json.at("log")), to_address(json.at("log_ring")),
                 json.at("log_layout").get<std::vector<std::uint32_t>>()};
    facts.nmi_code = json.at("nmi_code").get<std::string>();
    return facts;
}

template <typename Value>
void append_value(std::string& to, const Value& value) {
    static_assert(std::is_trivially_copyable_v<Value>);
    to.append(reinterpret_cast<const char*>(&value), sizeof value);
}

/// Reads values one after another, and throws at the end of the bytes.
class ValueReader {
  public:
    explicit ValueReader(std::string_view bytes) : bytes_(bytes) {}

    std::string_view take(std::uint64_t size) {
        if (size > bytes_.size()) fail_reading("it is truncated");
        const auto taken = bytes_.substr(0, size);
        bytes_.remove_prefix(size);
        return taken;
    }
    template <typename Value>
    Value take() {
        Value value;
        std::memcpy(&value, take(sizeof value).data(), sizeof value);
        return value;
    }

  private:
    std::string_view bytes_;
};

void append_symbols(std::string& to, const std::vector<KernelSymbol>& symbols) {
    append_value(to, std::uint64_t{symbols.size()});
    for (const auto& symbol : symbols) {
        append_value(to, symbol.address);
        append_value(to, symbol.type);
        append_value(to, static_cast<std::uint16_t>(symbol.name.size()));
        to += symbol.name;
    }
}

std::vector<KernelSymbol> take_symbols(ValueReader& reader) {
    std::vector<KernelSymbol> symbols;
    for (auto count = reader.take<std::uint64_t>(); count > 0; --count) {
        KernelSymbol symbol;
        symbol.address = reader.take<vm::Virtual>();
        symbol.type = reader.take<char>();
        symbol.name = reader.take(reader.take<std::uint16_t>());
        symbols.push_back(std::move(symbol));
    }
    return symbols;
}

/// Appends the pages that are not zero, each after its number.
void append_memory(std::string& to, std::span<const std::byte> memory) {
    static constexpr vm::Page zero{};
    append_value(to, std::uint64_t{memory.size()});
    for (std::uint64_t page = 0; page < memory.size() / vm::page_size; ++page) {
        const auto* const bytes = memory.data() + page * vm::page_size;
        if (std::memcmp(bytes, zero.data(), vm::page_size) == 0) continue;
        append_value(to, page);
        to.append(reinterpret_cast<const char*>(bytes), vm::page_size);
    }
    append_value(to, ~std::uint64_t{0});
}

std::vector<std::byte> take_memory(ValueReader& reader) {
    constexpr std::uint64_t most = std::uint64_t{4} << 30;
    const auto size = reader.take<std::uint64_t>();
    if (size > most || size % vm::page_size != 0) fail_reading("its memory has an impossible size");
    std::vector<std::byte> memory(size);
    for (auto page = reader.take<std::uint64_t>(); page != ~std::uint64_t{0}; page = reader.take<std::uint64_t>()) {
        if (page >= size / vm::page_size) fail_reading("it has a page outside of its memory");
        std::memcpy(memory.data() + page * vm::page_size, reader.take(vm::page_size).data(), vm::page_size);
    }
    return memory;
}

/// The readable part of a file, and the compressed one.
struct Parts {
    Json head;
    std::string_view rest;
};

Parts split(std::string_view file) {
    if (!file.starts_with(file_begin)) fail_reading("it is not one, or another version of gatecrash made it");
    file.remove_prefix(file_begin.size());
    const auto end = file.find('\n');
    if (end == std::string_view::npos) fail_reading("it is truncated");
    try {
        return {Json::parse(file.substr(0, end)), file.substr(end + 1)};
    } catch (const Json::exception& error) {
        fail_reading(error.what());
    }
}

std::string unpack(std::string_view packed) {
    const auto size = ZSTD_getFrameContentSize(packed.data(), packed.size());
    constexpr unsigned long long most = 8ULL << 30;
    if (size > most) fail_reading("its compressed part is damaged");
    std::string unpacked(size, '\0');
    const auto done = ZSTD_decompress(unpacked.data(), unpacked.size(), packed.data(), packed.size());
    if (ZSTD_isError(done) != 0 || done != size) fail_reading("its compressed part is truncated or damaged");
    return unpacked;
}

}  // namespace

SavedKernel boot(const kvm::System& system, const BootImage& image, std::vector<KernelSymbol> symbols,
                 const KernelFacts& facts, const BootInput& input, std::uint64_t memory_size, unsigned seconds) {
    KernelGuest guest(system, image, input, memory_size);
    guest.set_log(facts.log);
    const auto expect = [&](std::uint16_t port, const char* name) {
        const auto rung = guest.run_to_doorbell(seconds);
        if (rung == port) return;
        throw ImageError(
            fmt::format("the init program rings doorbell {:#x}, and {} must come first: "
                        "gatecrash/workload.h has the order",
                        rung, name));
    };
    expect(GATECRASH_DOORBELL_OPEN, "OPEN");
    auto regs = guest.cpu().regs();
    regs.rflags |= vm::rflags_iopl;
    guest.cpu().set_regs(regs);
    expect(GATECRASH_DOORBELL_NEXT, "NEXT");

    SavedKernel saved{{image.version, workloads_of(guest), facts},
                      std::move(symbols),
                      kernel_cpuid(system.supported_cpuid(), input.cpu),
                      {},
                      {},
                      {}};
    saved.cpu = guest.cpu_state();
    saved.devices = read_devices(guest.vm(), guest.cpu());
    silence_interrupts(saved.devices);
    saved.memory.assign(guest.memory().begin(), guest.memory().end());
    return saved;
}

std::string to_file(const SavedKernel& kernel) {
    auto workloads = Json::array();
    for (const auto& [name, what] : kernel.head.workloads) workloads.push_back({{"name", name}, {"what", what}});
    const Json head{{"version", kernel.head.version}, {"workloads", workloads}, {"facts", to_json(kernel.head.facts)}};
    std::string rest;
    append_symbols(rest, kernel.symbols);
    append_value(rest, std::uint64_t{kernel.cpuid.size()});
    for (const auto& entry : kernel.cpuid) append_value(rest, entry);
    append_value(rest, kernel.cpu);
    append_value(rest, kernel.devices);
    append_memory(rest, kernel.memory);
    // Level 1: the file is made on an emulated machine, too.
    constexpr int level = 1;
    std::string packed(ZSTD_compressBound(rest.size()), '\0');
    packed.resize(ZSTD_compress(packed.data(), packed.size(), rest.data(), rest.size(), level));
    return std::string(file_begin) + head.dump(-1, ' ', true, Json::error_handler_t::replace) + "\n" + packed;
}

SavedKernel read_saved_kernel(std::string_view file) {
    SavedKernel kernel;
    kernel.head = read_head(file);
    const auto packed = split(file).rest;
    const auto rest = unpack(packed);
    ValueReader reader(rest);
    kernel.symbols = take_symbols(reader);
    for (auto count = reader.take<std::uint64_t>(); count > 0; --count)
        kernel.cpuid.push_back(reader.take<kvm_cpuid_entry2>());
    kernel.cpu = reader.take<CpuState>();
    kernel.devices = reader.take<DeviceState>();
    kernel.memory = take_memory(reader);
    return kernel;
}

SavedKernelHead read_head(std::string_view file) {
    const auto json = split(file).head;
    try {
        SavedKernelHead head{json.at("version").get<std::string>(), {}, to_facts(json.at("facts"))};
        for (const auto& row : json.at("workloads"))
            head.workloads.push_back({row.at("name").get<std::string>(), row.at("what").get<std::string>()});
        return head;
    } catch (const Json::exception& error) {
        fail_reading(error.what());
    }
}

}  // namespace gatecrash::kernel
