#include "check/walk.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <string_view>
#include <unordered_set>

#include "check/branch_targets.hpp"
#include "check/code_map.hpp"
#include "check/decoder.hpp"

namespace gatecrash::check {
namespace {

/// A run of instructions that a path enters at its start. All blocks of a path name the one before.
struct Block {
    std::uint64_t address = 0;
    std::uint64_t branch = 0;  ///< the instruction that goes here
    std::int32_t before = -1;  ///< index of the block with that instruction; -1 where code is entered
    std::uint8_t depth = 0;    ///< annotated regions around it
};

class Walker {
  public:
    Walker(const CodeMap& map, const Annotations& annotations)
        : map_(map),
          file_(map.file()),
          sections_(map.sections()),
          decoder_(file_.bits),
          annotations_(annotations),
          patched_(read_patched_sites(file_)),
          seen_(sections_.size()) {
        for (std::size_t i = 0; i < sections_.size(); ++i) seen_[i].resize(sections_[i].bytes.size());
    }

    WalkResult walk(const std::vector<EntryPoint>& entries) {
        for (const auto& entry : entries) {
            if (map_.is_checked(entry.address)) {
                enter(entry.address);
            } else {
                const auto* range = file_.range_of(entry.address);
                add(Rule::entry_outside, entry.address,
                    fmt::format("the entry point {} is in {}", entry.name,
                                range == nullptr ? "no section" : range->name));
            }
        }
        run();
        // Functions first: a label in the middle of a function may be inside of an annotated region.
        for (const bool functions : {true, false}) {
            for (const auto& symbol : file_.symbols) {
                if (symbol.is_function != functions || was_seen(symbol.address)) continue;
                const auto& section = sections_[map_.section_of(symbol.address)];
                if (CodeMap::is_int3(symbol.address, section)) continue;  // a label at the end of a function
                enter(symbol.address);
                run();
            }
        }
        if (annotations_.are_lost) {
            result_.unchecked.push_back({"leaves-section", "the link of this kernel discarded its annotations"});
            result_.unchecked.push_back({"unbalanced-annotation", "the link of this kernel discarded its annotations"});
        }
        std::ranges::sort(result_.instructions);
        return std::move(result_);
    }

  private:
    static constexpr std::uint8_t max_depth = 6;

    /// True if a path has reached the address, or if it is not in a checked section.
    [[nodiscard]] bool was_seen(std::uint64_t address) const {
        const auto i = map_.section_of(address);
        return !map_.is_checked(address) || seen_[i][address - sections_[i].address] != 0;
    }

    void enter(std::uint64_t address) { add_block({address, address, -1, 0}); }
    void add_block(const Block& block) {
        const auto i = map_.section_of(block.address);
        const auto seen = seen_[i][block.address - sections_[i].address];
        if ((seen & (1U << block.depth)) != 0) return;
        blocks_.push_back(block);
        waiting_.push_back(static_cast<std::int32_t>(blocks_.size() - 1));
    }
    /// Breadth first, so that the path to a finding is short.
    void run() {
        while (!waiting_.empty()) {
            const auto block = waiting_.front();
            waiting_.pop_front();
            run(block);
        }
    }

    void run(std::int32_t index) {
        block_ = index;
        depth_ = blocks_[static_cast<std::size_t>(index)].depth;
        auto address = blocks_[static_cast<std::size_t>(index)].address;
        const auto i = map_.section_of(address);
        const auto& section = sections_[i];
        while (true) {
            if (!section.contains(address)) {
                add(Rule::no_instruction, address - 1, fmt::format("the path runs off the end of {}", section.name));
                return;
            }
            if (!change_depth(address, address == blocks_[static_cast<std::size_t>(index)].address)) return;
            auto& seen = seen_[i][address - section.address];
            if ((seen & (1U << depth_)) != 0) return;
            const auto decoded = decoder_.decode(section.bytes.subspan(address - section.address), address);
            if (!decoded) {
                add(Rule::no_instruction, address, "the path reaches bytes that are no instruction");
                return;
            }
            if (seen == 0 && map_.is_checked(address)) result_.instructions.push_back(address);
            seen = static_cast<std::uint8_t>(seen | 1U << depth_);
            const bool may_go_on = !patched_.empty() && check_patched(*decoded);
            if (!follow(*decoded, section) && !may_go_on) return;
            address = decoded->next();
        }
    }

    /// Applies the notes at an address. Returns false if the path ends here. A note needs no instruction of its own. So
    /// the end of a region can also be the target of a branch from outside.
    bool change_depth(std::uint64_t address, bool is_target) {
        if (annotations_.changes.empty()) return true;
        const auto found = annotations_.changes.find(address);
        if (found == annotations_.changes.end()) return true;
        const auto& [begins, ends] = found->second;
        if (ends > depth_ && !is_target) {
            add(Rule::unbalanced_annotation, address, "an annotated region ends here that the path has not begun");
            return false;
        }
        const auto depth = depth_ - std::min<unsigned>(ends, depth_) + begins;
        if (depth > max_depth) {
            add(Rule::unbalanced_annotation, address,
                fmt::format("more than {} annotated regions are inside of each other", max_depth));
            return false;
        }
        depth_ = static_cast<std::uint8_t>(depth);
        return true;
    }

    /// Follows the branch that a patched instruction may be. Returns true if the path may also go on after it.
    bool check_patched(const Decoded& decoded) {
        const auto found = patched_.find(decoded.address);
        if (found == patched_.end()) return false;
        const auto& [reason, target] = found->second;
        add(Rule::patched_site, decoded.address, fmt::format("the site of {}", reason));
        if (target) {
            auto jump = decoded;
            jump.flow = Flow::jump;
            jump.target = *target;
            go(jump, "jumps to");
        }
        return target.has_value();
    }

    /// Follows one instruction. Returns false if the path does not go on to the next one.
    bool follow(const Decoded& decoded, const Range& section) {
        switch (decoded.flow) {
            case Flow::next:
                return true;
            case Flow::breakpoint:
                if (map_.is_fill(decoded.address, section)) return false;
                add(Rule::breakpoint_inside, decoded.address, "an INT3");
                return true;
            case Flow::stop:
                return false;
            case Flow::leave:
                end_path(decoded.address);
                return false;
            case Flow::indirect_jump:
                add(Rule::indirect_branch, decoded.address, is_far(decoded) ? "a far jump" : "an indirect jump");
                return false;
            case Flow::indirect_call:
                // Its target may be anywhere, which an annotation allows.
                if (depth_ == 0)
                    add(Rule::indirect_branch, decoded.address, is_far(decoded) ? "a far call" : "an indirect call");
                return map_.call_returns(decoded, section);
            case Flow::conditional_jump:
                go(decoded, "jumps to");
                return true;
            case Flow::jump:
                if (is_return_thunk(map_.name_at(decoded.target))) {
                    end_path(decoded.address);
                } else {
                    go(decoded, "jumps to");
                }
                return false;
            case Flow::call:
                break;
        }
        call(decoded);
        return map_.call_returns(decoded, section);
    }

    void end_path(std::uint64_t address) {
        if (depth_ != 0) add(Rule::unbalanced_annotation, address, "the path ends inside an annotated region");
    }

    [[nodiscard]] static bool is_far(const Decoded& decoded) {
        return decoded.instruction.meta.branch_type == ZYDIS_BRANCH_TYPE_FAR;
    }

    /// Follows a jump.
    void go(const Decoded& decoded, std::string_view verb) {
        if (map_.is_followed(decoded.target)) {
            add_block({decoded.target, decoded.address, block_, depth_});
        } else {
            check_target(decoded, verb);
        }
    }

    void call(const Decoded& decoded) {
        if (!map_.is_checked(decoded.target)) {
            check_target(decoded, "calls");
        } else {
            // A function begins outside of annotated regions. A call of a place inside of the same function only
            // pushes an address, as the filling of a return stack buffer does.
            const bool is_function = file_.symbol_at(decoded.target) != nullptr;
            add_block({decoded.target, decoded.address, block_, is_function ? std::uint8_t{0} : depth_});
        }
    }

    /// Checks a branch that leaves the sections. A hook in them is protected as they are.
    void check_target(const Decoded& decoded, std::string_view verb) {
        const auto name = map_.name_at(decoded.target);
        const auto hook = hook_of(name);
        if (hook && (hook->is_inserted_by_compiler || !is_allowed())) {
            add(Rule::instrumentation_hook, decoded.address, fmt::format("{} {}, {}", verb, name, hook->what));
        } else if (is_indirect_thunk(name)) {
            if (depth_ == 0 || decoded.flow != Flow::call)
                add(Rule::indirect_branch, decoded.address,
                    fmt::format("a branch to {}, which makes it indirect", name));
        } else if (!is_allowed() && is_static_call(name)) {
            add(Rule::indirect_branch, decoded.address, fmt::format("{} {}, a static call", verb, name));
        } else if (!is_allowed()) {
            const auto* range = file_.range_of(decoded.target);
            if (range != nullptr && is_thunk_section(range->name)) return;
            add(Rule::leaves_section, decoded.address,
                fmt::format("{} {}, which is in {}", verb, file_.name_of(decoded.target),
                            range == nullptr ? "another file" : range->name));
        }
    }
    [[nodiscard]] bool is_allowed() const { return depth_ > 0 || annotations_.are_lost; }

    void add(Rule rule, std::uint64_t address, std::string message) {
        if (!found_.insert(address * 32 + static_cast<std::uint64_t>(rule)).second) return;
        Finding finding{rule, address, std::move(message), {}};
        if (rule != Rule::entry_outside) finding.path = path_to(blocks_, block_, address);
        result_.findings.push_back(std::move(finding));
    }

    const CodeMap& map_;
    const CodeFile& file_;
    const std::vector<Range>& sections_;
    Decoder decoder_;
    const Annotations& annotations_;
    std::unordered_map<std::uint64_t, PatchedSite> patched_;
    std::vector<std::vector<std::uint8_t>> seen_;  ///< for each byte of each section, a bit for each depth
    std::vector<Block> blocks_;
    std::deque<std::int32_t> waiting_;  ///< indices of blocks
    std::int32_t block_ = -1;
    std::uint8_t depth_ = 0;
    std::unordered_set<std::uint64_t> found_;  ///< addresses and rules of findings
    WalkResult result_;
};

}  // namespace

WalkResult walk(const CodeMap& map, const std::vector<EntryPoint>& entries, const Annotations& annotations) {
    return Walker(map, annotations).walk(entries);
}

}  // namespace gatecrash::check
