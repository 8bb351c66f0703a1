// Makes what `gatecrash list --covers` prints.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "report/listing.hpp"
#include "suite/catalogue.hpp"

namespace gatecrash::report {

/// A variant that covers a row, and the CPUs on which it has the verdict of its list.
struct CoveringVariant {
    std::string name;   ///< CASE/VARIANT
    std::string where;  ///< "on amd" or "not on amd" if the verdict depends on the vendor, otherwise empty
};
/// Returns a text such as "sysret/unchecked (not on amd)".
[[nodiscard]] std::string to_string(const CoveringVariant& variant);

/// A row of the catalogue, and the variants that name it.
struct Coverage {
    suite::CatalogueRow row;
    std::vector<CoveringVariant> breaks, holds;  ///< a variant whose verdict depends on the vendor is in both
    std::vector<vm::Behaviour> needs;            ///< behaviours that one of these variants needs

    /// True if there is a variant that breaks, and one that holds.
    [[nodiscard]] bool is_covered() const { return !breaks.empty() && !holds.empty(); }
    [[nodiscard]] bool is_open() const { return breaks.empty() && holds.empty(); }
};

/// Returns the coverage of each row. Throws std::invalid_argument if a variant names a row that the catalogue does not
/// have.
[[nodiscard]] std::vector<Coverage> coverage_of(std::span<const suite::CatalogueRow> rows,
                                                std::span<const Selection> selections);
[[nodiscard]] std::string text_coverage(std::span<const Coverage> coverage);
[[nodiscard]] std::string json_coverage(const std::string& version, std::span<const Coverage> coverage);

}  // namespace gatecrash::report
