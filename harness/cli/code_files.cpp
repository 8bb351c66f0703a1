#include "cli/code_files.hpp"

#include <fmt/format.h>

#include <span>

#include "posix/file.hpp"

namespace gatecrash::cli {

check::CodeFile read_code(const std::string& file) {
    const auto text = posix::read_file(file);
    const auto bytes = std::as_bytes(std::span(text));
    return check::read_code_file({bytes.begin(), bytes.end()}, file);
}

check::Annotations read_annotations(const std::string& object, const check::CodeFile& linked) {
    const auto code = read_code(object);
    try {
        return check::read_annotations(code, linked);
    } catch (const kernel::ImageError& error) {
        throw kernel::ImageError(fmt::format("{}: {}", object, error.what()));
    }
}

}  // namespace gatecrash::cli
