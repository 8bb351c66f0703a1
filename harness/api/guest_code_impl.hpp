#pragma once

#include <array>
#include <map>
#include <optional>

#include "gatecrash/guest_code.hpp"
#include "vm/boot/guest_code.hpp"
#include "vm/boot/image.hpp"
#include "vm/boot/recorder.hpp"

namespace gatecrash {

constexpr unsigned max_records = vm::Recorder::most_records;

struct GuestCode::Impl {
    vm::GuestCode code;
    std::map<Vector, Handler> handlers;
    unsigned bells_rung_once = 0;

    /// The latest image, and how much code it has.
    struct Built {
        vm::Image image;
        std::size_t kernel_size, user_size;
    };
    std::optional<Built> built;

    /// Returns the image; the first call builds it. Throws std::logic_error if the code has changed since then.
    [[nodiscard]] const vm::Image& image();
    void build();
};

}  // namespace gatecrash
