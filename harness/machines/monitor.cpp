#include "machines/monitor.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <thread>

#include "machines/machine_error.hpp"

namespace gatecrash::machines {

namespace {

constexpr std::chrono::seconds answer_limit{30};

}  // namespace

Monitor::Monitor(int connection, std::string machine) : connection_(connection), machine_(std::move(machine)) {
    read_message();  // the greeting
    command("qmp_capabilities");
}

nlohmann::json Monitor::read_message() {
    for (;;) {
        if (const auto end = received_.find('\n'); end != std::string::npos) {
            const auto line = received_.substr(0, end);
            received_.erase(0, end + 1);
            try {
                return nlohmann::json::parse(line);
            } catch (const nlohmann::json::exception& error) {
                throw MachineError(fmt::format("QEMU's monitor sent an invalid answer: {}", error.what()));
            }
        }
        pollfd fd{.fd = connection_, .events = POLLIN, .revents = 0};
        const int ready = ::poll(&fd, 1, std::chrono::milliseconds(answer_limit).count());
        if (ready < 0 && errno == EINTR) continue;
        std::array<char, 4096> bytes{};
        const auto got = ready > 0 ? ::read(connection_, bytes.data(), bytes.size()) : 0;
        if (got <= 0) throw MachineError("QEMU's monitor does not answer");
        received_.append(bytes.data(), static_cast<std::size_t>(got));
    }
}

void Monitor::send_text(const std::string& text, int fd) {
    iovec bytes{.iov_base = const_cast<char*>(text.data()), .iov_len = text.size()};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
    msghdr message{};
    message.msg_iov = &bytes;
    message.msg_iovlen = 1;
    if (fd >= 0) {
        message.msg_control = control.data();
        message.msg_controllen = control.size();
        auto* header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        std::memcpy(CMSG_DATA(header), &fd, sizeof(fd));
    }
    // The text is far smaller than a socket's buffer, so it goes whole or not at all.
    if (::sendmsg(connection_, &message, MSG_NOSIGNAL) < 0) throw MachineError("QEMU's monitor does not listen");
}

nlohmann::json Monitor::command(const std::string& name, const nlohmann::json& arguments, int fd) {
    send_text(nlohmann::json{{"execute", name}, {"arguments", arguments}}.dump() + "\n", fd);
    for (;;) {
        auto message = read_message();
        if (message.contains("return")) return message["return"];
        if (message.contains("error")) {
            throw MachineError(fmt::format("QEMU refuses `{}`: {}", name, message["error"].value("desc", "")));
        }
        // Anything else is an event.
    }
}

void Monitor::ignore_shared_memory() {
    command("migrate-set-capabilities", {{"capabilities", {{{"capability", "x-ignore-shared"}, {"state", true}}}}});
}

std::string Monitor::pass(int fd) {
    // QEMU 8.2 learned to use a file by its name, and QEMU 11 takes no other one.
    constexpr int knows_files = 9;
    if (command("query-version").at("qemu").at("major").get<int>() >= knows_files)
        return fmt::format("file:/proc/{}/fd/{}", ::getpid(), fd);
    command("getfd", {{"fdname", "devices"}}, fd);
    return "fd:devices";
}

void Monitor::restore_devices(int fd) {
    ignore_shared_memory();
    command("migrate-incoming", {{"uri", pass(fd)}});
}

void Monitor::save_devices(int fd) {
    ignore_shared_memory();
    command("stop");
    command("migrate", {{"uri", pass(fd)}});
    const auto deadline = std::chrono::steady_clock::now() + answer_limit;
    for (;;) {
        const auto progress = command("query-migrate");
        const auto status = progress.value("status", "");
        if (status == "completed") return;
        if (status == "failed" || status == "cancelled") {
            throw MachineError(
                fmt::format("QEMU cannot save the {} machine: {}", machine_, progress.value("error-desc", status)));
        }
        if (std::chrono::steady_clock::now() > deadline) {
            throw MachineError(fmt::format("QEMU did not finish saving the {} machine in time", machine_));
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
}

}  // namespace gatecrash::machines
