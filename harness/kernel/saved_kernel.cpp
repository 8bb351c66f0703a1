#include "kernel/saved_kernel.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <span>
#include <string_view>
#include <system_error>
#include <type_traits>

#include "gatecrash/workload.h"
#include "kernel/guest_cpu.hpp"
#include "kernel/kernel_guest.hpp"
#include "posix/error.hpp"
#include "posix/file.hpp"
#include "vm/page.hpp"
#include "vm/state/registers.hpp"

namespace gatecrash::kernel {
namespace {

using Json = nlohmann::json;

constexpr std::string_view file_begin = "gatecrash kernel 3\n";

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
            {"irq_count", to_json(facts.irq_count)},
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
    facts.irq_count = to_address(json.at("irq_count"));
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

    [[nodiscard]] bool is_at_end() const { return bytes_.empty(); }
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

std::string packed(const std::vector<KernelSymbol>& symbols) {
    std::string bytes;
    for (const auto& symbol : symbols) {
        append_value(bytes, symbol.address);
        append_value(bytes, symbol.type);
        append_value(bytes, static_cast<std::uint16_t>(symbol.name.size()));
        bytes += symbol.name;
    }
    return bytes;
}

/// Returns everything that comes before the memory. The first line has the sizes of what follows.
std::string everything_but_memory(const SavedKernel& kernel) {
    auto workloads = Json::array();
    for (const auto& [name, what] : kernel.head.workloads) workloads.push_back({{"name", name}, {"what", what}});
    std::string rest;
    append_value(rest, kernel.cpu);
    append_value(rest, kernel.devices);
    for (const auto& entry : kernel.cpuid) append_value(rest, entry);
    const auto symbols = packed(kernel.symbols);
    const Json head{{"version", kernel.head.version},      {"workloads", workloads},
                    {"facts", to_json(kernel.head.facts)}, {"cpuid", kernel.cpuid.size()},
                    {"symbols", symbols.size()},           {"memory", kernel.memory.size()}};
    return std::string(file_begin) + head.dump(-1, ' ', true, Json::error_handler_t::replace) + "\n" + rest + symbols;
}

constexpr std::uint64_t page_aligned(std::uint64_t size) { return (size + vm::page_size - 1) & ~(vm::page_size - 1); }

void write_at(int file, std::uint64_t offset, std::span<const std::byte> bytes) {
    if (::lseek(file, static_cast<off_t>(offset), SEEK_SET) < 0) posix::throw_errno("lseek");
    posix::write_all(file, text_of(bytes));
}

/// Returns the bytes of a file that come before its memory.
std::string read_to(int file, std::uint64_t size) {
    std::string bytes(size, '\0');
    std::uint64_t done = 0;
    while (done < size) {
        const auto got = ::pread(file, bytes.data() + done, size - done, static_cast<off_t>(done));
        if (got < 0) fail_reading(std::generic_category().message(errno));
        if (got == 0) break;
        done += static_cast<std::uint64_t>(got);
    }
    bytes.resize(done);
    return bytes;
}

/// Reads the first line after the name of the format.
Json read_first_line(int file) {
    constexpr std::uint64_t most = 1 << 20;
    const auto bytes = read_to(file, most);
    if (!bytes.starts_with(file_begin)) fail_reading("it is not one, or another version of gatecrash made it");
    const auto end = bytes.find('\n', file_begin.size());
    if (end == std::string::npos) fail_reading("it is truncated");
    auto head = Json::parse(bytes.substr(file_begin.size(), end - file_begin.size()));
    head["begin"] = end + 1;
    return head;
}

}  // namespace

SavedKernel boot(const kvm::System& system, const BootImage& image, std::vector<KernelSymbol> symbols,
                 const KernelFacts& facts, const BootInput& input, std::uint64_t memory_size, unsigned seconds) {
    const auto owner = std::make_shared<KernelGuest>(system, image, input, memory_size);
    auto& guest = *owner;
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
    saved.memory = guest.memory();
    saved.owner = owner;
    return saved;
}

void write_kernel(const SavedKernel& kernel, const std::filesystem::path& file) {
    static constexpr vm::Page zero{};
    const auto begin = everything_but_memory(kernel);
    const auto fd = posix::open_file(file, O_WRONLY | O_CREAT | O_TRUNC);
    posix::write_all(fd.get(), begin);
    const auto memory_at = page_aligned(begin.size());
    if (::ftruncate(fd.get(), static_cast<off_t>(memory_at + kernel.memory.size())) != 0)
        posix::throw_errno(file.string());
    for (std::uint64_t at = 0; at < kernel.memory.size(); at += vm::page_size) {
        const auto page = kernel.memory.subspan(at, vm::page_size);
        if (!vm::same_page(page.data(), zero.data())) write_at(fd.get(), memory_at + at, page);
    }
}

KernelFile::KernelFile(const std::filesystem::path& file) {
    try {
        file_ = posix::open_file(file, O_RDONLY);
        const auto json = read_first_line(file_.get());
        head_ = {json.at("version").get<std::string>(), {}, to_facts(json.at("facts"))};
        for (const auto& row : json.at("workloads"))
            head_.workloads.push_back({row.at("name").get<std::string>(), row.at("what").get<std::string>()});
        cpuid_.resize(json.at("cpuid").get<std::size_t>());
        memory_size_ = json.at("memory").get<std::uint64_t>();
        const auto begin = json.at("begin").get<std::uint64_t>(), symbols = json.at("symbols").get<std::uint64_t>();
        const auto size = begin + sizeof cpu_ + sizeof devices_ + cpuid_.size() * sizeof cpuid_[0] + symbols;
        memory_at_ = page_aligned(size);
        struct stat status {};
        if (::fstat(file_.get(), &status) != 0) posix::throw_errno(file.string());
        if (static_cast<std::uint64_t>(status.st_size) != memory_at_ + memory_size_) fail_reading("it is truncated");
        const auto bytes = read_to(file_.get(), size);
        ValueReader reader(std::string_view(bytes).substr(begin));
        cpu_ = reader.take<CpuState>();
        devices_ = reader.take<DeviceState>();
        for (auto& entry : cpuid_) entry = reader.take<kvm_cpuid_entry2>();
        symbols_ = reader.take(symbols);
    } catch (const Json::exception& error) {
        fail_reading(error.what());
    } catch (const std::system_error& error) {
        fail_reading(error.what());
    }
}

std::vector<KernelSymbol> KernelFile::symbols() const {
    std::vector<KernelSymbol> symbols;
    for (ValueReader reader(symbols_); !reader.is_at_end();) {
        KernelSymbol symbol;
        symbol.address = reader.take<vm::Virtual>();
        symbol.type = reader.take<char>();
        symbol.name = reader.take(reader.take<std::uint16_t>());
        symbols.push_back(std::move(symbol));
    }
    return symbols;
}

kvm::Mapping KernelFile::map_memory() const {
    return kvm::Mapping::private_file(file_.get(), memory_size_, memory_at_);
}

kvm::Mapping KernelFile::map_memory_apart_from(const std::byte* other) const {
    return kvm::Mapping::apart_from(other, file_.get(), memory_size_, memory_at_);
}

}  // namespace gatecrash::kernel
