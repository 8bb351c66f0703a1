#include "worker/journal.hpp"

#include <filesystem>
#include <system_error>

#include "posix/file.hpp"

namespace gatecrash::worker {
namespace {

constexpr std::chrono::milliseconds file_pause{250};

}  // namespace

std::string to_text(const Journal& journal) {
    auto workers = Json::array();
    for (const auto& worker : journal.workers) {
        auto done = Json::array();
        for (const auto& ending : worker.done) done.push_back(to_json(ending));
        workers.push_back({{"done", done}, {"at", worker.at ? to_json(*worker.at) : Json()}});
    }
    return dump({{"gatecrash", journal.version},
                 {"resume", journal.command},
                 {"guests", journal.guests},
                 {"machine", report::to_json(journal.machine)},
                 {"workers", workers}}) +
           "\n";
}

Journal read_journal(std::string_view content) {
    return parsed(content, "a file that --resume made", [](const Json& json) {
        Journal journal;
        journal.version = report::text(json, "gatecrash");
        journal.command = json.at("resume").get<std::vector<std::string>>();
        journal.guests = report::text(json, "guests");
        journal.machine = report::to_machine(json.at("machine"));
        for (const auto& object : json.at("workers")) {
            auto& worker = journal.workers.emplace_back();
            for (const auto& ending : object.at("done")) worker.done.push_back(to_ending(ending));
            if (!object.at("at").is_null()) worker.at = to_saved(object.at("at"));
        }
        if (journal.workers.empty()) throw report::JsonError("it has no workers");
        return journal;
    });
}

Journal resume(const std::string& name, const Journal& mine, std::optional<unsigned> jobs) {
    try {
        std::error_code error;
        if (const auto size = std::filesystem::file_size(name, error); error || size == 0) return mine;
        auto journal = read_journal(posix::read_file(name));
        if (journal.version != mine.version) throw JournalError("it is from gatecrash " + journal.version);
        if (journal.command != mine.command) throw JournalError("it belongs to another command, or to other options");
        if (journal.guests != mine.guests)
            throw JournalError("its guests or their expectation files have changed since");
        if (jobs && *jobs != journal.workers.size()) {
            throw JournalError(fmt::format("it was made with --jobs {}", journal.workers.size()));
        }
        return journal;
    } catch (const ProtocolError& error) {
        throw JournalError(error.what());
    } catch (const std::system_error& error) {
        throw JournalError(error.code().message());
    }
}

JournalFile::JournalFile(const std::string& name) {
    try {
        file_.emplace(name);
    } catch (const std::system_error& error) {
        throw JournalError(error.code().message());
    }
}

void JournalFile::save(const Journal& journal) {
    if (!file_ || !is_unsaved_ || journal.machine.name.empty()) return;
    file_->write(to_text(journal));
    is_unsaved_ = false;
    saved_ = std::chrono::steady_clock::now();
}

void JournalFile::save_if_due(const Journal& journal) {
    if (is_unsaved_ && std::chrono::steady_clock::now() - saved_ >= file_pause) save(journal);
}

}  // namespace gatecrash::worker
