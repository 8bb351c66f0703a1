#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "vm/boot/guest_code.hpp"
#include "vm/memory.hpp"

namespace gatecrash::vm {

/// One entry into a handler, as the guest itself recorded it.
struct Record {
    std::uint64_t vector, error, rip, cs, rflags, rsp, ss;  ///< `error` is 0 for a vector that has none
    std::uint64_t frame;                                    ///< guest-virtual address where the CPU pushed RIP
    std::uint64_t cr2;
    std::uint64_t dr6;  ///< only for vector 1
};

/// A handler that records its entry, executes `body`, and returns by IRETQ.
struct RecordingHandler {
    std::uint8_t vector;
    unsigned ist;  ///< 0: none
    std::function<void(Code&)> body;

    /// In a body: the offsets from RSP of what the CPU pushed.
    static constexpr int frame_rip = 16, frame_cs = 24, frame_rflags = 32;
};

/// Makes handlers that record each delivery in the first page of GuestCode::data. The page begins with a count, and has
/// the records from `record_size` on. The bytes between are free.
class Recorder {
  public:
    static constexpr std::size_t record_shift = 7, record_size = 1 << record_shift;
    static constexpr unsigned most_records = page_size / record_size - 1;

    /// Records at most `max_records` deliveries, up to `most_records`. The next delivery rings DONE.
    Recorder(GuestCode& code, unsigned max_records) : code_(code), max_records_(max_records) {}

    struct Start {
        std::uint8_t vector;
        std::uint64_t address, next;  ///< of the handler's first two instructions
    };
    /// Adds `handlers` to the code. Every other exception gets a handler that rings FATAL after recording. Returns
    /// where each handler starts.
    std::vector<Start> emit(std::span<const RecordingHandler> handlers);

    /// Returns the deliveries so far, in order.
    [[nodiscard]] static std::vector<Record> records(const GuestMemory& memory, unsigned max_records);

  private:
    void emit_recorder(Xbyak::Label& recorder);
    [[nodiscard]] Start emit_handler(const RecordingHandler& handler, const Xbyak::Label& recorder);

    GuestCode& code_;
    unsigned max_records_;
};

}  // namespace gatecrash::vm
