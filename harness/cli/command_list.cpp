#include "commands.hpp"
#include "output.hpp"
#include "select.hpp"
#include "version.hpp"

namespace gatecrash::cli {

int list(const Options& options) {
    const auto selections = select(explore::all_cases(), options.patterns);
    auto json = open_json(options);
    TextOutput(options).print(report::text_listing(selections));
    if (json) json->write(report::json_listing(version, selections));
    return 0;
}

}  // namespace gatecrash::cli
