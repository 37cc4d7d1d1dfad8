// Databases in a directory, one crash-safe file each: <storage_path>/<name>.jvdb.
#ifndef JVDB_PERSISTENT_DATABASE_PERSISTENCE_HPP
#define JVDB_PERSISTENT_DATABASE_PERSISTENCE_HPP

#include "jvdb/log.hpp"
#include "jvdb/storage_persistence.hpp"

namespace jadevectordb {

class PersistentDatabasePersistence : public StoragePersistence {
public:
    /// Opens a directory, creating it if it is missing. One object at a time, in any process, has it open.
    /// At most `max_open_files` (5 to 1000) databases have their file open at once; the least recently used is closed
    /// for the next. Every `flush_interval` (0 to 3600 s, 0 = never) everything is flushed.
    /// Throws std::runtime_error when the directory cannot be made, read or written, or is in use.
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
    }

    void flush() override {
        const auto duration = storage().flush();
        jvdb::detail::log("info", "PersistentDatabasePersistence: flush completed, storage path: ", storage_path_,
                          ", flush_duration_ms=", static_cast<double>(duration.count()) / 1000);
    }

    const std::string& storage_path() const noexcept { return storage_path_; }

private:
    static jvdb_options_t options(std::size_t max_open_files, std::chrono::seconds flush_interval) {
        // Zero is the default in jvdb_options_t, and out of range here.
        if (max_open_files == 0) {
            throw jvdb::Error(JVDB_ERROR_INVALID_ARGUMENT, "invalid max_open_files: 0 is not within 5..=1000");
        }
        jvdb_options_t options{};
        options.max_open_files = max_open_files;
        options.flush_interval_ms =
            flush_interval.count() == 0 ? JVDB_OFF : std::chrono::milliseconds(flush_interval).count();
        return options;
    }

    std::string storage_path_;
};

}  // namespace jadevectordb

#ifndef JVDB_NO_USING
using jadevectordb::PersistentDatabasePersistence;
#endif

#endif  // JVDB_PERSISTENT_DATABASE_PERSISTENCE_HPP
