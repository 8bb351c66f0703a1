// The messages between the program outside and the agent inside the machine.
//
// A frame is a 4-byte little-endian payload length, one byte of Message, and the payload. Integers in a payload are
// little-endian, texts are a 4-byte length and the bytes. Both sides are built from this header, and the agent is part
// of the key of a saved state. So the two never disagree, and no version number is needed.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gatecrash::machines {

/// Name of the virtio-serial port that connects the two sides.
inline constexpr std::string_view port_name = "gatecrash.agent";

/// I/O port of the first parallel port. On a machine without virtio, the agent writes to that port, and reads from the
/// second serial port.
inline constexpr unsigned short parallel_port = 0x378;

/// The environment variable, set on the kernel's command line, that tells the agent which of the two connections it
/// has.
inline constexpr const char* port_variable = "GATECRASH_PORT";
inline constexpr std::string_view serial_port = "serial";

/// Bytes that the receiver of a 16550 serial port holds. If one more comes while interrupts are off, a byte is lost.
inline constexpr std::size_t serial_window = 16;

/// Bytes of the longest payload. A longer one means that the stream is broken.
inline constexpr std::uint32_t max_payload = 1U << 20;

/// Bytes of a file or a stream that travel in one frame.
inline constexpr std::size_t chunk_size = 64U << 10;

/// Bytes of standard input that may be on their way: sent, and not yet reported as `input_taken`. It limits what
/// the agent keeps for a program that does not read.
inline constexpr std::size_t input_window = 4 * chunk_size;

enum class Message : std::uint8_t {
    // These messages go to the agent.
    hello = 1,     ///< u64 nanoseconds since the epoch: set the clock, answer `ready`
    run,           ///< RunRequest: start the program
    signal,        ///< u32 signal number for the program's process group
    resize,        ///< u32 rows, u32 columns
    close_stream,  ///< u8 Stream: nobody reads it any more
    ping,          ///< answer `pong`
    input,         ///< bytes for the program's standard input; empty at its end
    // These go both ways, and carry files. Data frames follow a begin frame until `size` bytes have come.
    file_begin,  ///< text path, u32 mode, u64 size in bytes
    file_data,   ///< bytes
    /// To the agent, if the machine has a FileWindow. Text path, u32 mode, u64 size in bytes, u32 number of pieces, and
    /// three u64 for each. The rest of the file is zero.
    file_pieces,
    // These come from the agent.
    file_skip,  ///< u64 bytes of the file, in the place of file_data, that are zero
    ready,      ///< text kernel release
    failed,     ///< text why the machine or the launch cannot continue
    output,     ///< u8 Stream, bytes
    exited,     ///< u32 exit code, 128+n for death by signal n
    pong,
    input_taken,   ///< u32 bytes of standard input that the program's pipe took
    input_closed,  ///< nobody reads standard input any more
    received,      ///< u32 bytes read from the serial port: as many more may come
};

enum class Stream : std::uint8_t { out = 0, err = 1 };

/// Thrown for a frame that the other side cannot have sent.
class ProtocolError : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

/// A part of a file that lies in the memory that both sides share.
struct FilePiece {
    std::uint64_t in_file;    ///< bytes from the beginning of the file
    std::uint64_t in_window;  ///< bytes from the beginning of that memory
    std::uint64_t size;

    bool operator==(const FilePiece&) const = default;
};

struct Frame {
    Message message{};
    std::string payload;

    bool operator==(const Frame&) const = default;
};

/// Builds a payload.
class PayloadWriter {
  public:
    PayloadWriter& u8(std::uint8_t value);
    PayloadWriter& u32(std::uint32_t value);
    PayloadWriter& u64(std::uint64_t value);
    PayloadWriter& text(std::string_view value);
    PayloadWriter& bytes(std::string_view value);
    std::string take() { return std::move(payload_); }

  private:
    std::string payload_;
};

/// Takes a payload apart. Every method throws ProtocolError if the payload is too short.
class PayloadReader {
  public:
    explicit PayloadReader(std::string_view payload) : rest_(payload) {}
    std::uint8_t u8();
    std::uint32_t u32();
    std::uint64_t u64();
    std::string text();
    std::string_view rest() { return std::exchange(rest_, {}); }
    /// Throws ProtocolError if something is left over.
    void end() const;

  private:
    std::string_view take(std::size_t size);
    std::string_view rest_;
};

/// Appends one encoded frame to `out`. Throws ProtocolError if the payload is over max_payload.
void append_frame(std::string& out, Message message, std::string_view payload = {});

/// Bytes that wait to be written somewhere, a piece at a time.
class ByteQueue {
  public:
    /// Returns a string to append to. Keep everything that is already in it.
    std::string& tail() { return bytes_; }
    std::string_view waiting() const { return std::string_view(bytes_).substr(position_); }
    std::size_t size() const { return bytes_.size() - position_; }
    bool empty() const { return size() == 0; }
    /// Drops the first `size` waiting bytes.
    void consume(std::size_t size);
    void clear() { consume(size()); }

  private:
    std::string bytes_;
    std::size_t position_ = 0;  ///< index of the first waiting byte
};

/// Turns a byte stream, in pieces of any size, back into frames.
class FrameReader {
  public:
    void feed(std::string_view bytes) { buffer_.tail().append(bytes); }
    /// Returns the next whole frame. Empty if more bytes are needed. Throws ProtocolError for an impossible length.
    std::optional<Frame> next();
    /// True if the stream ended inside a frame.
    bool in_frame() const { return !buffer_.empty(); }

  private:
    ByteQueue buffer_;
};

/// A program to run, and how to run it.
struct RunRequest {
    std::string program;
    std::vector<std::string> arguments;  ///< argv, argv[0] included
    std::vector<std::string> environment;
    std::string directory;
    std::vector<std::string> outputs;  ///< files to send back after the program ended
    bool has_input = false;            ///< standard input comes in `input` frames; otherwise it is empty
    bool out_is_terminal = false;
    bool err_is_terminal = false;
    std::uint32_t rows = 0;
    std::uint32_t columns = 0;

    bool operator==(const RunRequest&) const = default;
    std::string encode() const;
    static RunRequest decode(std::string_view payload);
};

}  // namespace gatecrash::machines
