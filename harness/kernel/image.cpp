#include "kernel/image.hpp"

#include "kernel/bootable.hpp"
#include "posix/file.hpp"

namespace gatecrash::kernel {

ImageFile read_image_file(const std::string& file) {
    const auto text = posix::read_file(file);
    const auto bytes = std::as_bytes(std::span(text));
    ImageFile read{read_bootable({bytes.begin(), bytes.end()}, file), {}};
    read.symbols = symbol_table(symbols_if_any(read.image));
    return read;
}

ImageEnd run_to_end(const kvm::System& system, const ImageFile& file, const ImageSetup& setup, unsigned seconds,
                    const std::function<void(char)>& sink) {
    KernelGuest guest(system, file.image, {setup.command_line, ""}, setup.memory);
    guest.connect(setup.description.ports, sink);
    auto stop = guest.run_for(seconds);
    const bool is_lost = stop == Stop{Ended{std::string(triple_fault)}};
    return {std::move(stop), is_lost ? "" : file.symbols.name_of(guest.rip())};
}

bool is_good(const Stop& stop, const ImageDescription& description) {
    return stop == Stop{Exited{description.good_exit}};
}

}  // namespace gatecrash::kernel
