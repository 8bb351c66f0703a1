// Talks to QEMU's monitor in QMP (docs/interop/qmp-spec.txt of QEMU).
#pragma once

#include <chrono>
#include <nlohmann/json.hpp>
#include <string>

namespace gatecrash::machines {

class Monitor {
  public:
    /// `connection` is the other end of the one that QEMU was given; the caller still owns it. `machine` is the name
    /// for messages. Throws MachineError if QEMU does not answer.
    Monitor(int connection, std::string machine);

    /// Runs one command and returns its result. Sends the descriptor `fd` along, if it is not negative. Throws
    /// MachineError with QEMU's own words if QEMU refuses.
    nlohmann::json command(const std::string& name, const nlohmann::json& arguments = nlohmann::json::object(),
                           int fd = -1);

    /// Stops the machine and saves all of it but its memory to the file `fd`.
    void save_devices(int fd);
    /// Makes a QEMU that was started with `-incoming defer` continue from what save_devices() saved.
    void restore_devices(int fd);

  private:
    nlohmann::json read_message();
    /// Keeps memory that is a file out of what QEMU writes and reads: it needs no saving.
    void ignore_shared_memory();
    /// Lets QEMU use the file `fd`, and returns a URI for it.
    std::string pass(int fd);
    void send_text(const std::string& text, int fd);

    int connection_;
    std::string machine_;
    std::string received_;
};

}  // namespace gatecrash::machines
