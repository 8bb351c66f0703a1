// Lists the paths by which code enters and leaves the kernel, and the pieces that kernels add to them. Each has a name
// and a description, and says what it can be combined with.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "gatecrash/event.hpp"

namespace gatecrash::bench {

/// The ways into the kernel.
enum class Way : std::uint8_t {
    syscall,   ///< SYSCALL: there is no frame unless the entry builds one
    sysenter,  ///< SYSENTER: in 64-bit mode only Intel CPUs have it
    gate,      ///< an exception, INT n, interrupt or NMI: the CPU pushes a frame
};

/// The ways back out of the kernel.
enum class Return : std::uint8_t { sysret, sysexit, iret };

struct EntryPath {
    const char* name;
    const char* what;
    Way way;
    Return by;
    /// The CPL of the code that enters, and to which the kernel returns: 3 or 0.
    unsigned cpl = 3;
    /// The entry builds an IRET frame, as for any other exception (SYSCALL only).
    bool builds_frame = false;
    std::uint8_t vector = 0;  ///< vector of the gate, for Way::gate
    /// The event that the harness lands. Empty if an instruction enters.
    std::optional<vm::Event::Kind> event{};
    /// Bytes of a word: 4 in legacy mode.
    std::uint64_t word_size = 8;

    [[nodiscard]] bool is_64_bit() const { return word_size == 8; }
    [[nodiscard]] bool has_frame() const { return way == Way::gate || builds_frame; }
};

/// An instruction sequence that kernels have on their way in, on their way out, or both. The order is that of the way
/// in; on the way out it is reversed.
enum class Piece : std::uint8_t {
    verw,
    swapgs,
    paranoid_rdmsr,
    paranoid_fsgsbase,
    lfence,
    cr3,
    cr3_pcid,
    stack,
    save,
    clear,
    ibrs,
    rsb,
    context_cs,
    context_soft,
    exit_work,
    espfix,
    tif_iret,
    sysret_rcx,
    sysret_canonical,
    sysret_cs,
    sysret_r11,
    sysret_rf_tf,
    sysret_ss,
};

/// A path has at most one piece of each purpose, but any number with `other`.
enum class Purpose : std::uint8_t { other, gs, cr3, context };

struct PieceInfo {
    Piece piece;
    const char* name;
    const char* what;
    bool (*fits)(const EntryPath& path);
    Purpose purpose = Purpose::other;
    /// The piece without which this one makes no sense.
    std::optional<Piece> needs{};
};
[[nodiscard]] const PieceInfo& info(Piece piece);

/// A path and the pieces in it, each once, in their order.
struct Composition {
    const EntryPath* path = nullptr;
    std::vector<Piece> pieces;

    /// Returns "PATH+PIECE+PIECE".
    [[nodiscard]] std::string name() const;
    [[nodiscard]] bool has(Piece piece) const;
    /// Describes the path or, if there is only one piece besides what that needs, the piece. Empty for several pieces.
    [[nodiscard]] std::string what() const;
    bool operator==(const Composition&) const = default;
};

/// Thrown for a word on the command line that selects nothing. `what()` lists the alternatives.
struct SelectionError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

[[nodiscard]] std::span<const EntryPath> all_paths();
[[nodiscard]] std::span<const PieceInfo> all_pieces();
/// Returns how many instructions the path of that name has without pieces, on any machine. Empty for other names.
[[nodiscard]] std::optional<unsigned> instructions_of(std::string_view path);
/// Returns each path alone, and with each piece that fits it (and what that piece needs).
[[nodiscard]] std::vector<Composition> all_compositions();
/// Returns what the patterns select; everything if there is no pattern. A pattern selects those of all_compositions()
/// whose names it matches as a shell glob. If there are none, it selects the one that it names itself: PATH+PIECE+...,
/// with the pieces in any order. Throws SelectionError.
[[nodiscard]] std::vector<Composition> select_compositions(std::span<const std::string> patterns);

}  // namespace gatecrash::bench
