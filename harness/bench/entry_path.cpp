#include "bench/entry_path.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <fnmatch.h>

#include <algorithm>
#include <iterator>
#include <sstream>

#include "gatecrash/abi.h"

namespace gatecrash::bench {
namespace {

using Kind = vm::Event::Kind;

constexpr EntryPath paths[] = {
    {"syscall-sysret", "SYSCALL, and SYSRET", Way::syscall, Return::sysret},
    {"syscall-frame-sysret", "SYSCALL with an IRET frame built, and SYSRET from what is in it", Way::syscall,
     Return::sysret, 3, true},
    {"syscall-iret", "SYSCALL with an IRET frame built, and IRET", Way::syscall, Return::iret, 3, true},
    {"sysenter-sysexit", "SYSENTER in 64-bit mode, and SYSEXIT", Way::sysenter, Return::sysexit},
    {.name = "sysenter32",
     .what = "SYSENTER in legacy mode, and SYSEXIT",
     .way = Way::sysenter,
     .by = Return::sysexit,
     .word_size = 4},
    {"int80-iret", "INT 0x80, and IRET", Way::gate, Return::iret, 3, false, GATECRASH_USER_IRQ},
    {"int80-iret-kernel", "INT 0x80 from CPL 0, and IRET", Way::gate, Return::iret, 0, false, GATECRASH_USER_IRQ},
    {"pf", "a read of an absent page; the handler skips it", Way::gate, Return::iret, 3, false, GATECRASH_VECTOR_PF},
    {"pf-kernel", "a read of an absent page from CPL 0; the handler skips it", Way::gate, Return::iret, 0, false,
     GATECRASH_VECTOR_PF},
    {"bp", "INT3", Way::gate, Return::iret, 3, false, GATECRASH_VECTOR_BP},
    {"bp-kernel", "INT3 from CPL 0", Way::gate, Return::iret, 0, false, GATECRASH_VECTOR_BP},
    {"ud", "UD2, as in Linux's WARN(); the handler skips it", Way::gate, Return::iret, 3, false, GATECRASH_VECTOR_UD},
    {"ud-kernel", "UD2 at CPL 0; the handler skips it", Way::gate, Return::iret, 0, false, GATECRASH_VECTOR_UD},
    {"db", "#DB of an instruction breakpoint", Way::gate, Return::iret, 3, false, GATECRASH_VECTOR_DB, Kind::db},
    {"db-kernel", "#DB of an instruction breakpoint, from CPL 0", Way::gate, Return::iret, 0, false,
     GATECRASH_VECTOR_DB, Kind::db},
    {"irq", "an external interrupt", Way::gate, Return::iret, 3, false, GATECRASH_FIRST_IRQ, Kind::irq},
    {"irq-kernel", "an external interrupt at CPL 0", Way::gate, Return::iret, 0, false, GATECRASH_FIRST_IRQ, Kind::irq},
    {"nmi", "an NMI", Way::gate, Return::iret, 3, false, GATECRASH_VECTOR_NMI, Kind::nmi},
    {"nmi-kernel", "an NMI at CPL 0", Way::gate, Return::iret, 0, false, GATECRASH_VECTOR_NMI, Kind::nmi},
};

bool any(const EntryPath&) { return true; }
bool is_64_bit(const EntryPath& path) { return path.is_64_bit(); }
bool is_from_user(const EntryPath& path) { return path.cpl == 3; }
bool has_frame(const EntryPath& path) { return path.has_frame(); }
bool is_gate(const EntryPath& path) { return path.way == Way::gate; }
bool is_framed_syscall(const EntryPath& path) { return path.way == Way::syscall && path.builds_frame; }
bool returns_by_iret(const EntryPath& path) { return path.by == Return::iret; }

constexpr PieceInfo pieces[] = {
    {Piece::verw, "verw", "out: VERW, which clears the buffers of CPUs with MDS", is_from_user},
    {Piece::swapgs, "swapgs", "SWAPGS; of a gate if CS says so", is_64_bit, Purpose::gs},
    {Piece::paranoid_rdmsr, "paranoid-rdmsr", "SWAPGS if the GS base, by RDMSR, is the user's", is_gate, Purpose::gs},
    {Piece::paranoid_fsgsbase, "paranoid-fsgsbase", "the GS base read and written by RDGSBASE and WRGSBASE", is_gate,
     Purpose::gs},
    {Piece::lfence, "lfence", "in: LFENCE after SWAPGS", is_64_bit, Purpose::other, Piece::swapgs},
    {Piece::cr3, "cr3", "MOV CR3, which flushes the TLB", any, Purpose::cr3},
    {Piece::cr3_pcid, "cr3-pcid", "MOV CR3 with PCID, which flushes nothing", is_64_bit, Purpose::cr3},
    {Piece::stack, "stack", "to the task stack, with the frame", is_from_user},
    {Piece::save, "save", "all registers but RSP pushed and popped", any},
    {Piece::clear, "clear", "in: those registers cleared once they are saved", any, Purpose::other, Piece::save},
    {Piece::ibrs, "ibrs", "WRMSR to SPEC_CTRL, in and out", is_from_user, Purpose::other, Piece::save},
    {Piece::rsb, "rsb", "in: 32 entries of the return stack stuffed", is_from_user},
    {Piece::context_cs, "context-cs", "context tracking that decides by the interrupted CPL", any, Purpose::context},
    {Piece::context_soft, "context-soft", "context tracking that saves and restores the state", any, Purpose::context},
    {Piece::exit_work, "exit-work", "out: a test for exit work", is_from_user},
    {Piece::espfix, "espfix", "out: a test for a stack segment of the LDT", returns_by_iret},
    {Piece::tif_iret, "tif-iret", "out: a test of one flag that says if only IRET can restore the state", has_frame},
    {Piece::sysret_rcx, "sysret-rcx", "out: a test that RCX equals RIP", has_frame},
    {Piece::sysret_canonical, "sysret-canonical", "out: a test that RIP is canonical", is_framed_syscall},
    {Piece::sysret_cs, "sysret-cs", "out: a test that CS is what SYSRET loads", is_framed_syscall},
    {Piece::sysret_r11, "sysret-r11", "out: a test that R11 equals RFLAGS", is_framed_syscall},
    {Piece::sysret_rf_tf, "sysret-rf-tf", "out: a test that RF and TF are clear", is_framed_syscall},
    {Piece::sysret_ss, "sysret-ss", "out: a test that SS is what SYSRET loads", is_framed_syscall},
};

constexpr bool are_in_order() {
    std::size_t place = 0;
    return std::ranges::all_of(pieces,
                               [&](const PieceInfo& each) { return static_cast<std::size_t>(each.piece) == place++; });
}
static_assert(are_in_order());

const PieceInfo* find_piece(std::string_view name) {
    const auto* found =
        std::ranges::find(pieces, name, [](const PieceInfo& piece) { return std::string_view(piece.name); });
    return found == std::end(pieces) ? nullptr : found;
}

const EntryPath* find_path(std::string_view name) {
    const auto* found =
        std::ranges::find(paths, name, [](const EntryPath& path) { return std::string_view(path.name); });
    return found == std::end(paths) ? nullptr : found;
}

void add(Composition& to, const PieceInfo& added) {
    if (to.has(added.piece)) return;
    if (!added.fits(*to.path)) {
        throw SelectionError(fmt::format("{} cannot be combined with {}", added.name, to.path->name));
    }
    if (added.needs) add(to, info(*added.needs));
    for (const auto piece : to.pieces) {
        const auto& other = info(piece);
        if (added.purpose != Purpose::other && other.purpose == added.purpose) {
            throw SelectionError(fmt::format("{} and {} are alternatives", other.name, added.name));
        }
    }
    to.pieces.insert(std::ranges::upper_bound(to.pieces, added.piece), added.piece);
}

template <typename Item>
std::string names_of(std::span<const Item> items) {
    std::vector<std::string> names;
    for (const auto& item : items) names.emplace_back(item.name);
    return fmt::format("{}", fmt::join(names, ", "));
}

/// Returns the composition that "PATH+PIECE+..." names.
Composition parse(const std::string& text) {
    std::istringstream words(text);
    std::string word;
    if (text.ends_with('+')) throw SelectionError(fmt::format("'{}' ends where the name of a piece must follow", text));
    std::getline(words, word, '+');
    Composition composition{find_path(word), {}};
    if (composition.path == nullptr) {
        throw SelectionError(fmt::format("no path matches '{}'; the paths are: {}", word, names_of(all_paths())));
    }
    while (std::getline(words, word, '+')) {
        const auto* piece = find_piece(word);
        if (piece == nullptr) {
            throw SelectionError(
                fmt::format("no piece is called '{}'; the pieces are: {}", word, names_of(all_pieces())));
        }
        add(composition, *piece);
    }
    return composition;
}

}  // namespace

const PieceInfo& info(Piece piece) { return pieces[static_cast<std::size_t>(piece)]; }

std::string Composition::name() const {
    std::string text = path->name;
    for (const auto piece : pieces) text += fmt::format("+{}", info(piece).name);
    return text;
}

bool Composition::has(Piece piece) const { return std::ranges::find(pieces, piece) != pieces.end(); }

std::string Composition::what() const {
    if (pieces.empty()) return path->what;
    const auto& last = info(pieces.back());
    const std::size_t needed = last.needs ? 1 : 0;
    return pieces.size() == 1 + needed && (!last.needs || has(*last.needs)) ? last.what : "";
}

std::span<const EntryPath> all_paths() { return paths; }
std::span<const PieceInfo> all_pieces() { return pieces; }

std::vector<Composition> all_compositions() {
    std::vector<Composition> all;
    for (const auto& path : paths) {
        all.push_back({&path, {}});
        for (const auto& piece : pieces) {
            if (!piece.fits(path)) continue;
            all.push_back({&path, {}});
            add(all.back(), piece);
        }
    }
    return all;
}

std::optional<unsigned> instructions_of(std::string_view path) {
    struct Count {
        std::string_view path;
        unsigned instructions;
    };
    // Counted by hand from the code.
    static constexpr Count counts[] = {
        {"syscall-sysret", 2},
        {"syscall-frame-sysret", 11},  // SYSCALL, SYSRET, 6 to build a frame, 3 to use it
        {"syscall-iret", 8},           // SYSCALL, 6 to build a frame, IRET
        {"sysenter-sysexit", 2},
        {"sysenter32", 2},
        {"int80-iret", 2},
        {"int80-iret-kernel", 2},
        {"pf", 4},  // the read, a step of RIP, dropping the error code, IRET
        {"pf-kernel", 4},
        {"bp", 2},
        {"bp-kernel", 2},
        {"ud", 3},  // UD2, a step of RIP, IRET
        {"ud-kernel", 3},
        {"db", 1},  // IRET; no instruction enters
        {"db-kernel", 1},
        {"irq", 1},
        {"irq-kernel", 1},
        {"nmi", 1},
        {"nmi-kernel", 1},
    };
    const auto found = std::ranges::find(counts, path, &Count::path);
    return found == std::end(counts) ? std::nullopt : std::optional(found->instructions);
}

std::vector<Composition> select_compositions(std::span<const std::string> patterns) {
    auto all = all_compositions();
    if (patterns.empty()) return all;
    std::vector<Composition> selected;
    const auto select = [&](const Composition& composition) {
        if (std::ranges::find(selected, composition) == selected.end()) selected.push_back(composition);
    };
    for (const auto& pattern : patterns) {
        bool matched = false;
        for (const auto& each : all) {
            if (::fnmatch(pattern.c_str(), each.name().c_str(), 0) != 0) continue;
            select(each);
            matched = true;
        }
        if (!matched) select(parse(pattern));
    }
    return selected;
}

}  // namespace gatecrash::bench
