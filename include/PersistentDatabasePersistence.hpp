// Databases in a directory, one crash-safe file each: <storage_path>/<name>.jvdb.
#ifndef JVDB_PERSISTENT_DATABASE_PERSISTENCE_HPP
#define JVDB_PERSISTENT_DATABASE_PERSISTENCE_HPP

#include "jvdb/conversion/flat.hpp"
#include "jvdb/flush_interval.hpp"
#include "jvdb/log.hpp"
#include "jvdb/periodic.hpp"
#include "jvdb/storage_persistence.hpp"

namespace jadevectordb {

/// DatabasePersistence over a directory.
///
/// A forked child can destroy its parent's object, and ask it for storage_path(). Every other call throws jvdb::Error with
/// the code JVDB_ERROR_FORKED there, waits for nothing, and writes nothing. The flushes go on in the parent.
class PersistentDatabasePersistence : public StoragePersistence {
public:
    /// Opens a directory, creating it if it is missing. One object at a time, in any process, has it open.
    /// At most `max_open_files` (5 to 1000) databases have their file open at once; the least recently used is closed
    /// for the next. Every `flush_interval` (0 to 3600 s, 0 = never) everything is flushed.
    /// Files of format version 1, which an earlier program wrote, are converted once, and the originals kept.
    /// Throws std::runtime_error when the directory cannot be made, read or written, or is in use, and for what is out of
    /// range.
    explicit PersistentDatabasePersistence(std::string storage_path, std::size_t max_open_files = 100,
                                           std::chrono::seconds flush_interval = std::chrono::seconds(300))
        : StoragePersistence(jvdb::Storage::open(storage_path, options(max_open_files, flush_interval))),
          storage_path_(std::move(storage_path)) {
        jvdb::detail::log("info", "Initializing PersistentDatabasePersistence at ", storage_path_);
        jvdb::detail::log("info", "LRU cache configured with max_open_files=", max_open_files);
        if (flush_interval.count() == 0) {
            jvdb::detail::log("info", "No periodic flush: interval=0s");
        } else {
            jvdb::detail::log("info", "Starting periodic flush with interval=", flush_interval.count(), "s");
        }
        reports_ = jvdb::conversion::Flat::of_directory(storage_path_, "PersistentDatabasePersistence");
    }

    /// What was converted when the directory was opened; each report also lies beside its file.
    const std::vector<jvdb::conversion::Report>& conversion_reports() const noexcept { return reports_; }

    void flush() override {
        const auto duration = storage().flush();
        jvdb::detail::log("info", "PersistentDatabasePersistence: flush completed, storage path: ", storage_path_,
                          ", flush_duration_ms=", static_cast<double>(duration.count()) / 1000);
    }

    /// Flushes every `interval` from now on, in place of an interval given here before, and beside that of the constructor.
    /// Throws std::invalid_argument for one that is not within 1 ms to 365 days.
    template <class Rep, class Period>
    void start_periodic_flush(std::chrono::duration<Rep, Period> interval) {
        if (!periodic_.is_here()) {
            throw jvdb::Error(JVDB_ERROR_FORKED,
                              "start_periodic_flush: " + storage_path_ + " was opened by the parent of this process");
        }
        periodic_.start(interval, [this] {
            try {
                PersistentDatabasePersistence::flush();
            } catch (const std::exception& error) {
                jvdb::detail::log("error", "PersistentDatabasePersistence: flush failed: ", error.what());
            }
        });
    }

    /// Stops what start_periodic_flush() began; a flush that runs is waited for. Does nothing in a forked child.
    void stop_periodic_flush() { periodic_.stop(); }

    /// The directory, as it was given.
    const std::string& storage_path() const noexcept { return storage_path_; }

private:
    static jvdb_options_t options(std::size_t max_open_files, std::chrono::seconds flush_interval) {
        // Zero is the default in jvdb_options_t, and out of range here.
        if (max_open_files == 0) {
            throw jvdb::Error(JVDB_ERROR_INVALID_ARGUMENT, "invalid max_open_files: 0 is not within 5..=1000");
        }
        jvdb_options_t options{};
        options.max_open_files = max_open_files;
        options.flush_interval_ms = jvdb::detail::flush_interval_ms(flush_interval);
        return options;
    }

    std::string storage_path_;
    std::vector<jvdb::conversion::Report> reports_;
    /// Last, so that it ends first.
    jvdb::detail::Periodic periodic_;
};

}  // namespace jadevectordb

#ifndef JVDB_NO_USING
using jadevectordb::PersistentDatabasePersistence;
#endif

#endif  // JVDB_PERSISTENT_DATABASE_PERSISTENCE_HPP
