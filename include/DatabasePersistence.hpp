// What the persistence classes have in common: the schema of a database, the figures of a storage, and the interface
// that a DatabaseService takes a std::shared_ptr of. Nothing here depends on how anything is stored.
//
// These names are usable unqualified; define JVDB_NO_USING before the first include to keep them in their namespace.
#ifndef JVDB_DATABASE_PERSISTENCE_HPP
#define JVDB_DATABASE_PERSISTENCE_HPP

#include <cstddef>
#include <cstdint>
#include <locale>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace jadevectordb {

/// Distance the vectors of a database are meant for.
enum class DistanceMetric { COSINE, EUCLIDEAN, DOT_PRODUCT };

/// Index the vectors of a database are meant for. Kept and given back; the storage builds none.
enum class IndexType { HNSW, IVF, LSH, FLAT };

/// Shape of a database, fixed when it is created.
struct DatabaseSchema {
    /// Elements of each vector, 1 to 65,536.
    std::size_t dimension = 0;
    /// Kept and given back; the storage computes none.
    DistanceMetric distance_metric = DistanceMetric::COSINE;
    /// Kept and given back.
    IndexType index_type = IndexType::HNSW;
};

/// State of a storage.
struct StorageStats {
    /// Databases in the storage.
    std::size_t total_databases = 0;
    /// Vectors in all of them.
    std::size_t total_vectors = 0;
    /// Bytes of all files.
    std::size_t total_bytes = 0;
    /// Databases whose file is open now.
    std::size_t open_files = 0;
    /// Their limit.
    std::size_t max_open_files = 0;
    /// Databases closed to make room for others within the last 60 seconds.
    double lru_evictions_per_minute = 0;
    /// Milliseconds the last completed flush took.
    double flush_duration_ms = 0;
    /// Bytes that no completed flush covers yet.
    std::size_t unflushed_bytes = 0;
};

/// The figures that monitoring reads, as lines in Prometheus' text format.
inline std::string metrics_text(const StorageStats& stats) {
    std::ostringstream text;
    text.imbue(std::locale::classic());
    const auto gauge = [&](const char* name, auto value) {
        text << "# TYPE jadevectordb_" << name << " gauge\njadevectordb_" << name << ' ' << value << '\n';
    };
    gauge("databases", stats.total_databases);
    gauge("vectors", stats.total_vectors);
    gauge("storage_bytes", stats.total_bytes);
    gauge("open_files", stats.open_files);
    gauge("max_open_files", stats.max_open_files);
    gauge("lru_evictions_per_minute", stats.lru_evictions_per_minute);
    gauge("flush_duration_ms", stats.flush_duration_ms);
    gauge("unflushed_bytes", stats.unflushed_bytes);
    return text.str();
}

/// Databases of vectors under non-negative 64-bit ids, each with a text of metadata (JSON by convention, up to 16 MiB).
///
/// Every call may run on any thread. `false` and `std::nullopt` are answers: no such database, no such id, a vector of
/// another dimension, a negative id; last_error() says which. When the storage itself fails (a full disk, a damaged
/// file, ...), a call throws jvdb::Error, a std::runtime_error, and has changed nothing.
///
/// A stored vector survives the death of the process at once, and a loss of power after the next flush.
class DatabasePersistence {
public:
    /// A copy of a vector, and of its metadata.
    using VectorWithMetadata = std::pair<std::vector<float>, std::string>;

    virtual ~DatabasePersistence() = default;

    /// False when it exists.
    virtual bool create_database(const std::string& name, const DatabaseSchema& schema) = 0;
    /// Removes the database and its file. False when absent.
    virtual bool delete_database(const std::string& name) = 0;
    /// Schema of a database.
    virtual std::optional<DatabaseSchema> get_database_schema(const std::string& name) const = 0;
    /// Names, sorted.
    virtual std::vector<std::string> list_databases() const = 0;

    /// Stores or replaces.
    virtual bool store_vector(const std::string& database, std::int64_t id, const std::vector<float>& vector,
                              const std::string& metadata = "") = 0;
    /// A copy; nothing if there is none.
    virtual std::optional<VectorWithMetadata> retrieve_vector(const std::string& database, std::int64_t id) const = 0;
    /// False if there was none.
    virtual bool delete_vector(const std::string& database, std::int64_t id) = 0;
    /// Stores all or none. `metadata_list` is empty or as long as the other two.
    virtual bool batch_store(const std::string& database, const std::vector<std::int64_t>& ids,
                             const std::vector<std::vector<float>>& vectors,
                             const std::vector<std::string>& metadata_list = {}) = 0;
    /// Ids of all vectors, ascending. Empty for a database that does not exist.
    virtual std::vector<std::int64_t> list_vector_ids(const std::string& database) const = 0;

    /// Returns when everything stored before survives a loss of power.
    virtual void flush() = 0;
    /// The same for one database. False when absent.
    virtual bool flush_database(const std::string& name) = 0;
    /// Figures of this moment.
    virtual StorageStats get_storage_stats() const = 0;

    /// Why the last call on this thread that answered `false` or `std::nullopt` did so.
    static const std::string& last_error() { return reason(); }

protected:
    DatabasePersistence() = default;
    DatabasePersistence(const DatabasePersistence&) = delete;
    DatabasePersistence& operator=(const DatabasePersistence&) = delete;

    /// Where last_error() is kept.
    static std::string& reason() {
        thread_local std::string reason;
        return reason;
    }
};

}  // namespace jadevectordb

#ifndef JVDB_NO_USING
using jadevectordb::DatabasePersistence;
using jadevectordb::DatabaseSchema;
using jadevectordb::DistanceMetric;
using jadevectordb::IndexType;
using jadevectordb::StorageStats;
using jadevectordb::metrics_text;
#endif

#endif  // JVDB_DATABASE_PERSISTENCE_HPP
