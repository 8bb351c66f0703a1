#include "kernel/image_description.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <limits>
#include <nlohmann/json.hpp>

namespace gatecrash::kernel {
namespace {

using nlohmann::json;

/// Reads a number that JSON has as such, or as a text such as "0xf4": JSON has no hexadecimal numbers.
template <typename Number>
void read_number(const json& value, Number& number) {
    std::uint64_t read = 0;
    if (value.is_number_unsigned()) {
        read = value.get<std::uint64_t>();
    } else {
        const auto text = value.get<std::string>();
        const auto* const begin = text.data() + (text.starts_with("0x") ? 2 : 0);
        const auto* const last = text.data() + text.size();
        const auto [end, error] = std::from_chars(begin, last, read, begin == text.data() ? 10 : 16);
        if (error != std::errc{} || end != last) throw ImageError(fmt::format("'{}' is not a number", text));
    }
    if (read > std::numeric_limits<Number>::max())
        throw ImageError(fmt::format("{} is more than {}", read, std::numeric_limits<Number>::max()));
    number = static_cast<Number>(read);
}

/// A key of the description, as PART.KEY, and the function that reads its value.
struct Key {
    const char *part, *name;
    void (*read)(const json& value, ImageDescription& description);
};
constexpr std::array keys{
    Key{"serial", "port", [](const json& value, ImageDescription& to) { read_number(value, to.ports.serial); }},
    Key{"exit", "port", [](const json& value, ImageDescription& to) { read_number(value, to.ports.exit); }},
    Key{"exit", "good", [](const json& value, ImageDescription& to) { read_number(value, to.good_exit); }},
    Key{"nmi", "counter", [](const json& value, ImageDescription& to) { value.get_to(to.nmi_counter); }},
    Key{"irq", "counter", [](const json& value, ImageDescription& to) { value.get_to(to.irq_counter); }},
    Key{"irq", "vector", [](const json& value, ImageDescription& to) { read_number(value, to.irq_vector.emplace()); }},
    Key{"failures", "", [](const json& value, ImageDescription& to) { value.get_to(to.failures); }},
};

void read_key(const std::string& part, const std::string& name, const json& value, ImageDescription& description) {
    const auto path = name.empty() ? part : part + "." + name;
    const auto* const key =
        std::ranges::find_if(keys, [&](const Key& each) { return each.part == part && each.name == name; });
    if (key == keys.end()) {
        std::string known;
        for (const auto& each : keys)
            known +=
                fmt::format("{}{}{}{}", known.empty() ? "" : ", ", each.part, *each.name == 0 ? "" : ".", each.name);
        throw ImageError(fmt::format("no key '{}': a description has {}", path, known));
    }
    try {
        key->read(value, description);
    } catch (const json::exception& error) {
        throw ImageError(fmt::format("{} cannot be {}", path, value.dump()));
    } catch (const ImageError& error) {
        throw ImageError(fmt::format("{}: {}", path, error.what()));
    }
}

}  // namespace

ImageDescription read_description(std::string_view text, const std::string& name) {
    try {
        ImageDescription description;
        const auto document = json::parse(text);
        if (!document.is_object()) throw ImageError("not an object: begin with {");
        for (const auto& [part, value] : document.items()) {
            if (value.is_object()) {
                for (const auto& [key, each] : value.items()) read_key(part, key, each, description);
            } else {
                read_key(part, "", value, description);
            }
        }
        return description;
    } catch (const json::exception& error) {
        throw ImageError(fmt::format("{}: not JSON: {}", name, error.what()));
    } catch (const ImageError& error) {
        throw ImageError(fmt::format("{}: {}", name, error.what()));
    }
}

std::string to_text(const ImageDescription& description) {
    json irq{{"counter", description.irq_counter}};
    if (description.irq_vector) irq["vector"] = *description.irq_vector;
    return json{{"serial", {{"port", description.ports.serial}}},
                {"exit", {{"port", description.ports.exit}, {"good", description.good_exit}}},
                {"nmi", {{"counter", description.nmi_counter}}},
                {"irq", irq},
                {"failures", description.failures}}
        .dump();
}

}  // namespace gatecrash::kernel
