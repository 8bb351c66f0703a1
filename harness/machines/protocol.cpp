#include "machines/protocol.hpp"

namespace gatecrash::machines {

namespace {

constexpr std::size_t header_size = 5;

template <typename Integer>
void append_integer(std::string& out, Integer value) {
    for (std::size_t i = 0; i < sizeof(value); ++i) out.push_back(static_cast<char>(value >> (8 * i)));
}

template <typename Integer>
Integer read_integer(std::string_view bytes) {
    Integer value = 0;
    for (std::size_t i = 0; i < sizeof(value); ++i) {
        value |= static_cast<Integer>(static_cast<unsigned char>(bytes[i])) << (8 * i);
    }
    return value;
}

void write_texts(PayloadWriter& writer, const std::vector<std::string>& texts) {
    writer.u32(static_cast<std::uint32_t>(texts.size()));
    for (const auto& text : texts) writer.text(text);
}

std::vector<std::string> read_texts(PayloadReader& reader) {
    std::vector<std::string> texts;
    // Does not call reserve(): the count comes from the stream, and only the texts themselves prove it.
    for (std::uint32_t count = reader.u32(); count > 0; --count) texts.push_back(reader.text());
    return texts;
}

}  // namespace

PayloadWriter& PayloadWriter::u8(std::uint8_t value) {
    payload_.push_back(static_cast<char>(value));
    return *this;
}

PayloadWriter& PayloadWriter::u32(std::uint32_t value) {
    append_integer(payload_, value);
    return *this;
}

PayloadWriter& PayloadWriter::u64(std::uint64_t value) {
    append_integer(payload_, value);
    return *this;
}

PayloadWriter& PayloadWriter::text(std::string_view value) {
    u32(static_cast<std::uint32_t>(value.size()));
    return bytes(value);
}

PayloadWriter& PayloadWriter::bytes(std::string_view value) {
    payload_.append(value);
    return *this;
}

std::string_view PayloadReader::take(std::size_t size) {
    if (size > rest_.size()) throw ProtocolError("a frame's payload is too short");
    const auto taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
}

std::uint8_t PayloadReader::u8() { return read_integer<std::uint8_t>(take(1)); }
std::uint32_t PayloadReader::u32() { return read_integer<std::uint32_t>(take(4)); }
std::uint64_t PayloadReader::u64() { return read_integer<std::uint64_t>(take(8)); }
std::string PayloadReader::text() { return std::string(take(u32())); }

void PayloadReader::end() const {
    if (!rest_.empty()) throw ProtocolError("a frame's payload is too long");
}

void append_frame(std::string& out, Message message, std::string_view payload) {
    if (payload.size() > max_payload) throw ProtocolError("a frame's payload is over the limit");
    append_integer(out, static_cast<std::uint32_t>(payload.size()));
    out.push_back(static_cast<char>(message));
    out.append(payload);
}

void ByteQueue::consume(std::size_t size) {
    position_ += size;
    // Moves the rest to the front only if that is less work than what was consumed since the last move.
    if (position_ >= bytes_.size() - position_) {
        bytes_.erase(0, position_);
        position_ = 0;
    }
}

std::optional<Frame> FrameReader::next() {
    const auto waiting = buffer_.waiting();
    if (waiting.size() < header_size) return std::nullopt;
    const auto size = read_integer<std::uint32_t>(waiting);
    if (size > max_payload) throw ProtocolError("a frame's length is impossible");
    if (waiting.size() < header_size + size) return std::nullopt;
    Frame frame{static_cast<Message>(waiting[4]), std::string(waiting.substr(header_size, size))};
    buffer_.consume(header_size + size);
    return frame;
}

std::string RunRequest::encode() const {
    PayloadWriter writer;
    writer.text(program).text(directory);
    write_texts(writer, arguments);
    write_texts(writer, environment);
    write_texts(writer, outputs);
    writer.u8(has_input ? 1 : 0).u8(out_is_terminal ? 1 : 0).u8(err_is_terminal ? 1 : 0).u32(rows).u32(columns);
    return writer.take();
}

RunRequest RunRequest::decode(std::string_view payload) {
    PayloadReader reader(payload);
    RunRequest request;
    request.program = reader.text();
    request.directory = reader.text();
    request.arguments = read_texts(reader);
    request.environment = read_texts(reader);
    request.outputs = read_texts(reader);
    request.has_input = reader.u8() != 0;
    request.out_is_terminal = reader.u8() != 0;
    request.err_is_terminal = reader.u8() != 0;
    request.rows = reader.u32();
    request.columns = reader.u32();
    reader.end();
    return request;
}

}  // namespace gatecrash::machines
