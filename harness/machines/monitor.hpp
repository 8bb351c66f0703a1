// QEMU's monitor, spoken to in QMP (docs/interop/qmp-spec.txt of QEMU).
#pragma once

#include <chrono>
#include <nlohmann/json.hpp>
#include <string>

namespace gatecrash::machines {

class Monitor {
  public:
    /// `connection` is the near end of what QEMU was given, and stays the caller's. `machine` is the name for messages.
    /// Throws MachineError when QEMU does not answer.
    Monitor(int connection, std::string machine);

    /// Runs one command and returns its result; `fd`, if any, goes along. Throws MachineError with QEMU's own words
    /// when it refuses.
    nlohmann::json command(const std::string& name, const nlohmann::json& arguments = nlohmann::json::object(),
                           int fd = -1);

    /// Stops the machine and saves it, but for its memory, to the file `fd`.
    void save_devices(int fd);
    /// Has a QEMU started with `-incoming defer` go on from what save_devices() saved.
    void restore_devices(int fd);

  private:
    nlohmann::json read_message();
    /// Memory that is a file needs no saving, and stays out of what QEMU writes and reads.
    void ignore_shared_memory();
    void send_text(const std::string& text, int fd);

    int connection_;
    std::string machine_;
    std::string received_;
};

}  // namespace gatecrash::machines
