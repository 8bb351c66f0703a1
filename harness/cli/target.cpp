#include "cli/target.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "cases/registry.hpp"
#include "cli/options.hpp"
#include "worker/guest.hpp"

namespace gatecrash::cli {

Target find_target(const std::string& name) {
    const auto cases = cases::all_cases();
    if (const auto selection = find_variant(cases, name); selection.variant != nullptr) {
        return {worker::image_of(worker::guest_of(selection)), selection};
    }
    std::error_code error;
    const auto status = std::filesystem::status(name, error);
    if (std::filesystem::is_directory(status)) throw UsageError(fmt::format("{} is a folder, not an ELF file", name));
    if (std::filesystem::exists(status)) return {worker::image_of(worker::GuestFile{name}), {}};
    throw UsageError(
        fmt::format("'{}' is neither a CASE/VARIANT (see `gatecrash list`; the cases are: {}) nor a file: {}", name,
                    case_names(cases), error ? error.message() : std::generic_category().message(ENOENT)));
}

void check_symbol(const std::string& symbol, const vm::Image& image) {
    if (image.symbols.find(symbol)) return;
    throw sweep::ScheduleError(
        fmt::format("{} has no symbol '{}': `nm` lists the symbols of an ELF file, and schedules that `run` or "
                    "`explore` print for this guest have the right ones",
                    image.name, symbol));
}

std::uint64_t address_of_symbol(const std::string& target, const std::string& symbol) {
    const auto image = find_target(target).image;
    check_symbol(symbol, image);
    return number(*image.symbols.find(symbol));
}

Words beginnings_of_schedules() {
    auto words = variant_names(cases::all_cases());
    for (auto& word : words) word += '@';
    return words;
}

void check_symbols(const sweep::Schedule& schedule, const vm::Image& image) {
    for (const auto& landing : schedule.landings) {
        if (!landing.boundary.index) check_symbol(landing.boundary.symbol, image);
    }
}

}  // namespace gatecrash::cli
