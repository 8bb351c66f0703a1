#include "machines/agent_stall.hpp"

#include <fcntl.h>
#include <sys/io.h>
#include <sys/mman.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <cstdint>

#include "posix/error.hpp"
#include "posix/file.hpp"

namespace gatecrash::machines {

namespace {

constexpr long wake_every = 5'000'000;       // ns
constexpr std::uint16_t nmi_after = 11'932;  // 10 ms in ticks of the timer chip, at 1.193182 MHz

/// The timer chip (8254). After the command, counter 0 takes one write of both bytes, and counts down once.
constexpr unsigned short timer_counter = 0x40;
constexpr unsigned short timer_control = 0x43;
constexpr unsigned char count_down_once = 0x30;

/// The I/O APIC. A write to its beginning chooses a register, which is then accessed at +16. The timer chip, which the
/// kernel no longer needs, is at pin 2.
constexpr off_t io_apic = 0xfec00000;
constexpr std::size_t io_apic_size = 4096;
constexpr std::uint32_t pin_low = 0x10 + 2 * 2;
constexpr std::uint32_t pin_high = pin_low + 1;
constexpr std::uint32_t deliver_nmi = 4U << 8;

void connect_timer_to_nmi() {
    const auto memory = posix::open_file("/dev/mem", O_RDWR | O_SYNC);
    void* const mapped = ::mmap(nullptr, io_apic_size, PROT_READ | PROT_WRITE, MAP_SHARED, memory.get(), io_apic);
    if (mapped == MAP_FAILED) posix::throw_errno("the I/O APIC");
    auto* const registers = static_cast<volatile std::uint32_t*>(mapped);
    const auto write = [registers](std::uint32_t index, std::uint32_t value) {
        registers[0] = index;
        registers[4] = value;
    };
    write(pin_high, 0);
    write(pin_low, deliver_nmi);
    ::munmap(mapped, io_apic_size);
}

}  // namespace

StallBreaker::StallBreaker() : timer_(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)) {
    if (!timer_) posix::throw_errno("timerfd_create");
    if (::ioperm(timer_counter, timer_control - timer_counter + 1, 1) != 0) posix::throw_errno("the timer chip");
    connect_timer_to_nmi();
    put_off();
    const itimerspec period{.it_interval = {.tv_sec = 0, .tv_nsec = wake_every},
                            .it_value = {.tv_sec = 0, .tv_nsec = wake_every}};
    if (::timerfd_settime(timer_.get(), 0, &period, nullptr) != 0) posix::throw_errno("timerfd_settime");
}

void StallBreaker::put_off() const {
    std::uint64_t expirations = 0;
    [[maybe_unused]] const auto ignored = ::read(timer_.get(), &expirations, sizeof(expirations));
    outb(count_down_once, timer_control);
    outb(nmi_after & 0xff, timer_counter);
    outb(nmi_after >> 8, timer_counter);
}

}  // namespace gatecrash::machines
