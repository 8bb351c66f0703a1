#include <fmt/format.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string_view>
#include <system_error>

#include "cli/commands.hpp"
#include "cli/output.hpp"
#include "cli/version.hpp"
#include "embedded_file.hpp"
#include "report/output_file.hpp"

namespace gatecrash::cli {
namespace {

namespace fs = std::filesystem;

extern "C" const EmbeddedFile gatecrash_skeleton[], gatecrash_skeleton_end[];

/// Makes a folder that is new or empty, so that a project neither overwrites nor mixes with other files.
void make_empty_folder(const fs::path& folder) {
    const auto refuse = [&](const std::string& why) {
        throw UsageError(fmt::format("cannot write a project into {}: {}", folder.string(), why));
    };
    std::error_code error;
    if (fs::exists(folder, error)) {
        if (!fs::is_directory(folder)) refuse("it is not a folder");
        if (!fs::is_empty(folder, error)) refuse(error ? error.message() : "it is not empty");
        return;
    }
    fs::create_directories(folder, error);
    if (error) refuse(error.message());
}

void write(const fs::path& path, std::string_view text) {
    std::ofstream stream(path, std::ios::binary);
    stream.write(text.data(), static_cast<std::streamsize>(text.size()));
    stream.close();
    if (!stream) {
        throw report::OutputWriteError(
            fmt::format("writing {} failed: {}", path.string(), std::generic_category().message(errno)));
    }
}

struct NewOptions {
    CommonOptions common;
    std::string folder;
};

NewOptions read_new(const Values& values) { return {read_common(values), values.only_argument("DIR")}; }

int write_skeleton(const NewOptions& options) {
    const fs::path folder = options.folder;
    Documents documents(new_command.name, destinations_of(options.common));
    make_empty_folder(folder);
    std::string text;
    std::vector<std::string> names;
    for (const auto* file = gatecrash_skeleton; file != gatecrash_skeleton_end; ++file) {
        write(folder / file->name, file->text());
        names.push_back((folder / file->name).string());
        text += fmt::format("wrote {}\n", names.back());
    }
    text += fmt::format(
        "\nNext:\n"
        "  cd '{}'\n"
        "  meson setup build && ninja -C build\n"
        "  gatecrash explore build/gs-by-cs.elf\n\n"
        "meson needs the pkg-config package gatecrash-guest, which `meson install` of gatecrash installs. See "
        "README.md.\n",
        folder.string());
    TextOutput(options.common).print(text);
    const nlohmann::ordered_json document{{"gatecrash", version}, {"files", names}};
    documents.write("--json", document.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n");
    return 0;
}

}  // namespace

const Command new_command{
    .name = "new",
    .arguments = " DIR",
    .summary = "create a project for your own entry code",
    .about =
        "DIR must be empty, or not exist yet. It gets an assembly file with an NMI entry that has a subtle\n"
        "bug, the same entry without the bug, a build file, and a page that says how to continue.\n",
    .examples = "  gatecrash new my-entry-code\n",
    .add_options = add_none,
    .prepare = prepare<read_new, write_skeleton>};

}  // namespace gatecrash::cli
