// jvdb::Storage: a directory of databases, and every call on it. Included by jvdb.hpp.
#ifndef JVDB_HANDLES_STORAGE_HPP
#define JVDB_HANDLES_STORAGE_HPP

#include "database.hpp"
#include "elements.hpp"
#include "error.hpp"
#include "finding.hpp"
#include "names.hpp"

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace jvdb {

/// What a database has beside its vectors, under a name.
struct Attribute {
    /// 1 to 512 bytes.
    std::string name;
    /// Up to 16 MiB, borrowed.
    Bytes value;
};

/// A directory of databases, or memory that plays one. The last to go: databases and cursors are released before it.
class Storage {
public:
    /// A directory, created if it is missing.
    static Storage open(const std::string& path, jvdb_options_t options = {}) {
        options.struct_size = sizeof options;
        jvdb_storage_t* storage = nullptr;
        detail::done([&](auto error) { return jvdb_open(detail::text(path, "path"), &options, &storage, error); });
        return Storage(storage);
    }

    /// Memory: no files; all is gone at the end.
    static Storage memory(jvdb_options_t options = {}) {
        options.struct_size = sizeof options;
        jvdb_storage_t* storage = nullptr;
        detail::done([&](auto error) { return jvdb_open_memory(&options, &storage, error); });
        return Storage(storage);
    }

    /// Creates a database. Throws if there is one of this name.
    Database create(const std::string& name, std::uint32_t dimension, std::int32_t metric = JVDB_METRIC_COSINE) {
        jvdb_database_t* database = nullptr;
        detail::done([&](auto error) {
            return jvdb_create(raw(), detail::text(name, "name"), dimension, metric, &database, error);
        });
        return Database(database);
    }

    /// The same for a database that has attributes from the moment that there is one: neither a crash nor a failure leaves one
    /// without them.
    Database create(const std::string& name, std::uint32_t dimension, std::int32_t metric,
                    const std::vector<Attribute>& attributes) {
        std::vector<jvdb_attribute_t> raw_attributes;
        for (const auto& [its_name, value] : attributes) {
            raw_attributes.push_back({detail::text(its_name, "name"), value.data(), value.size()});
        }
        jvdb_database_t* database = nullptr;
        detail::done([&](auto error) {
            return jvdb_create_with(raw(), detail::text(name, "name"), dimension, metric, raw_attributes.data(),
                                    raw_attributes.size(), &database, error);
        });
        return Database(database);
    }

    /// Opens a database, and creates it if there is none. Throws if there is one of another dimension or metric.
    Database open_or_create(const std::string& name, std::uint32_t dimension,
                            std::int32_t metric = JVDB_METRIC_COSINE) {
        jvdb_database_t* database = nullptr;
        detail::done([&](auto error) {
            return jvdb_open_or_create(raw(), detail::text(name, "name"), dimension, metric, &database, error);
        });
        return Database(database);
    }

    /// Opens a database, and keeps its file open while the handle lives. Throws if there is none.
    Database database(const std::string& name) const {
        jvdb_database_t* database = nullptr;
        detail::done(
            [&](auto error) { return jvdb_database_open(raw(), detail::text(name, "name"), &database, error); });
        return Database(database);
    }

    /// Whether there is a database of this name.
    bool exists(const std::string& name) const {
        return detail::done([&](auto error) { return jvdb_exists(raw(), detail::text(name, "name"), error); });
    }

    /// Removes a database and its file. Throws if there is none.
    void drop(const std::string& name) {
        detail::done([&](auto error) { return jvdb_drop(raw(), detail::text(name, "name"), error); });
    }

    /// Names, sorted.
    std::vector<std::string> list() const {
        jvdb_names_t* listed = nullptr;
        detail::done([&](auto error) { return jvdb_list(raw(), &listed, error); });
        return detail::list(detail::Handle<jvdb_names_t, jvdb_names_free>(listed));
    }

    /// Repairs a damaged database that no handle holds. Dimension and metric only if the file does not tell them.
    Repaired repair(const std::string& name, std::uint32_t dimension = 0, std::int32_t metric = JVDB_METRIC_COSINE) {
        Repaired repaired;
        repaired.figures.struct_size = sizeof repaired.figures;
        jvdb_findings_t* found = nullptr;
        detail::done([&](auto error) {
            return jvdb_repair(raw(), detail::text(name, "name"), dimension, metric, &repaired.figures, &found, error);
        });
        const detail::Findings findings(found);
        repaired.findings = detail::list(findings);
        if (const char* backup = jvdb_findings_backup(findings.get())) repaired.backup = backup;
        return repaired;
    }

    /// Flushes every database; returns when everything acknowledged before is durable.
    std::chrono::microseconds flush() {
        std::uint64_t duration = 0;
        detail::done([&](auto error) { return jvdb_storage_flush(raw(), &duration, error); });
        return std::chrono::microseconds(duration);
    }

    /// Figures of this moment, as jvdb_storage_stats() gives them.
    jvdb_storage_stats_t stats() const {
        jvdb_storage_stats_t stats{};
        stats.struct_size = sizeof stats;
        detail::done([&](auto error) { return jvdb_storage_stats(raw(), &stats, error); });
        return stats;
    }

    /// Flushes, closes, and says if that failed; the destructor does the same and says nothing.
    void close() {
        detail::done([&](auto error) { return jvdb_close(handle_.release(), error); });
    }

    /// For calls of jvdb.h.
    jvdb_storage_t* raw() const noexcept { return handle_.get(); }

private:
    explicit Storage(jvdb_storage_t* handle) noexcept : handle_(handle) {}

    detail::Handle<jvdb_storage_t, detail::close_quietly> handle_;
};

}  // namespace jvdb

#endif  // JVDB_HANDLES_STORAGE_HPP
