// The progress of some work, and the file from which interrupted work resumes.
#pragma once

#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "report/machine_description.hpp"
#include "report/output_file.hpp"
#include "worker/protocol.hpp"

namespace gatecrash::worker {

/// Records what is done, and where each worker is.
struct Journal {
    struct Worker {
        std::vector<Ending> done;
        std::optional<Saved> at;  ///< the checkpoint of the sweep after those
    };

    std::string version;               ///< version of this program
    std::vector<std::string> command;  ///< the arguments that decide what is swept
    std::string guests;                ///< a digest of all guests
    report::MachineDescription machine;
    std::vector<Worker> workers;  ///< each has every N-th part of each sweep
};

[[nodiscard]] std::string to_text(const Journal& journal);
/// Reads the text of a journal. Throws ProtocolError.
[[nodiscard]] Journal read_journal(std::string_view text);

/// Thrown for a journal from which this work cannot resume. `what()` says why, in one line.
class JournalError : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

/// Reads the journal in the file `name`. Returns `mine`, which has no workers, if there is no such file or it is empty.
/// Throws JournalError if the journal belongs to other work than `mine`, or its number of workers is not `jobs`.
[[nodiscard]] Journal resume(const std::string& name, const Journal& mine, std::optional<unsigned> jobs);

/// The file that keeps a journal, if any does.
class JournalFile {
  public:
    JournalFile() = default;
    /// Throws report::OutputPathError, and JournalError if the file cannot be used.
    explicit JournalFile(const std::string& name);

    [[nodiscard]] bool is_kept() const { return file_.has_value(); }
    /// Notes that the journal has changed since it was saved.
    void changed() { is_unsaved_ = true; }
    /// Saves the journal if it has changed and its machine is known. Throws report::OutputWriteError.
    void save(const Journal& journal);
    /// Calls save() if the last one was a while ago.
    void save_if_due(const Journal& journal);

  private:
    std::optional<report::OutputFile> file_;
    bool is_unsaved_ = false;
    std::chrono::steady_clock::time_point saved_{};
};

}  // namespace gatecrash::worker
