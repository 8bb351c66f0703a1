// Ways into the kernel and back, and what kernels add to them: the names, what they are, and what goes with what.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "gatecrash/event.hpp"

namespace gatecrash::bench {

/// What leads into the kernel.
enum class Way : std::uint8_t {
    syscall,   ///< SYSCALL; no frame but what the entry builds itself
    sysenter,  ///< SYSENTER; in 64-bit mode Intel CPUs have it
    gate,      ///< an exception, INT n, interrupt or NMI: the CPU pushes a frame
};

/// What leads back.
enum class Return : std::uint8_t { sysret, sysexit, iret };

struct EntryPath {
    const char* name;
    const char* what;
    Way way;
    Return by;
    /// Of the code that enters, and to which it returns: 3 or 0.
    unsigned cpl = 3;
    /// The entry builds an IRET frame, as for any other exception (SYSCALL only).
    bool builds_frame = false;
    std::uint8_t vector = 0;  ///< of a gate
    /// What the harness lands there. Nothing: an instruction enters.
    std::optional<vm::Event::Kind> event{};
    /// Bytes: 4 in legacy mode.
    std::uint64_t word_size = 8;

    [[nodiscard]] bool is_64_bit() const { return word_size == 8; }
    [[nodiscard]] bool has_frame() const { return way == Way::gate || builds_frame; }
};

/// An instruction sequence that kernels have on their way in, on their way out, or both. In the order of the way in;
/// the way out is the same backwards.
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

/// Of pieces with the same purpose, only one is in a path. Any number have `other`.
enum class Purpose : std::uint8_t { other, gs, cr3, context };

struct PieceInfo {
    Piece piece;
    const char* name;
    const char* what;
    bool (*fits)(const EntryPath& path);
    Purpose purpose = Purpose::other;
    /// A piece without which this one makes no sense.
    std::optional<Piece> needs{};
};
[[nodiscard]] const PieceInfo& info(Piece piece);

/// A path and the pieces in it, each once, in their order.
struct Composition {
    const EntryPath* path = nullptr;
    std::vector<Piece> pieces;

    /// "PATH+PIECE+PIECE".
    [[nodiscard]] std::string name() const;
    [[nodiscard]] bool has(Piece piece) const;
    /// What the path is, or the piece on it that is looked at; nothing if there are several.
    [[nodiscard]] std::string what() const;
    bool operator==(const Composition&) const = default;
};

/// A word on the command line that selects nothing, with what there is instead.
struct SelectionError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

[[nodiscard]] std::span<const EntryPath> all_paths();
[[nodiscard]] std::span<const PieceInfo> all_pieces();
/// Each path bare, and with each piece that fits it (and what that needs).
[[nodiscard]] std::vector<Composition> all_compositions();
/// Of each pattern: the compositions of all_compositions() whose names it matches as a shell glob; or else the one that
/// it names itself, PATH+PIECE+..., in whatever order. No pattern: all. Throws SelectionError.
[[nodiscard]] std::vector<Composition> select_compositions(std::span<const std::string> patterns);

}  // namespace gatecrash::bench
