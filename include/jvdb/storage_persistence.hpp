// DatabasePersistence over a jvdb::Storage: names, ids and answers of the documented classes in terms of jvdb.hpp.
// It keeps nothing but the storage; a database is pinned for the length of a call and never longer, so that any number
// of databases can be used with few files open.
#ifndef JVDB_STORAGE_PERSISTENCE_HPP
#define JVDB_STORAGE_PERSISTENCE_HPP

#include "../DatabasePersistence.hpp"
#include "../jvdb.hpp"

#include <algorithm>
#include <array>

namespace jadevectordb {

/// What the documented classes do, over a jvdb::Storage.
class StoragePersistence : public DatabasePersistence {
public:
    bool create_database(const std::string& name, const DatabaseSchema& schema) override {
        if (schema.dimension > UINT32_MAX) {
            throw jvdb::Error(JVDB_ERROR_INVALID_ARGUMENT, "invalid dimension: " + std::to_string(schema.dimension));
        }
        const auto index = INDEX_TYPES.at(static_cast<std::size_t>(schema.index_type));
        return answer(false, exists, [&] {
            storage_.create(name, static_cast<std::uint32_t>(schema.dimension),
                            static_cast<std::int32_t>(schema.distance_metric), {{INDEX_TYPE, index}});
            return true;
        });
    }

    bool delete_database(const std::string& name) override {
        return answer(false, absent, [&] {
            storage_.drop(name);
            return true;
        });
    }

    std::optional<DatabaseSchema> get_database_schema(const std::string& name) const override {
        return answer(std::optional<DatabaseSchema>(), absent, [&] {
            const auto database = storage_.database(name);
            const auto index = database.attribute(INDEX_TYPE).value_or("");
            const auto found = std::find(INDEX_TYPES.begin(), INDEX_TYPES.end(), index);
            return std::optional(DatabaseSchema{
                database.dimension(), static_cast<DistanceMetric>(database.metric()),
                found == INDEX_TYPES.end() ? IndexType::HNSW : static_cast<IndexType>(found - INDEX_TYPES.begin())});
        });
    }

    std::vector<std::string> list_databases() const override { return storage_.list(); }

    bool store_vector(const std::string& database, std::int64_t id, const std::vector<float>& vector,
                      const std::string& metadata = "") override {
        return answer(false, refused, [&] {
            storage_.database(database).put(key(id), vector, metadata);
            return true;
        });
    }

    /// A copy; nothing if there is none.
    std::optional<VectorWithMetadata> retrieve_vector(const std::string& database, std::int64_t id) const override {
        return answer(std::optional<VectorWithMetadata>(), refused, [&] {
            std::optional<VectorWithMetadata> copy;
            if (const auto found = storage_.database(database).get(key(id))) {
                copy.emplace(std::piecewise_construct, std::forward_as_tuple(found->begin(), found->end()),
                             std::forward_as_tuple(found->metadata()));
            } else {
                no_vector(database, id);
            }
            return copy;
        });
    }

    /// False if there was none.
    bool delete_vector(const std::string& database, std::int64_t id) override {
        return answer(false, refused,
                      [&] { return storage_.database(database).erase(key(id)) || no_vector(database, id); });
    }

    bool batch_store(const std::string& database, const std::vector<std::int64_t>& ids,
                     const std::vector<std::vector<float>>& vectors,
                     const std::vector<std::string>& metadata_list = {}) override {
        return answer(false, refused, [&] {
            storage_.database(database).put(Columns(database, ids, vectors, metadata_list).batch());
            return true;
        });
    }

    std::vector<std::int64_t> list_vector_ids(const std::string& database) const override {
        std::vector<std::int64_t> ids;
        answer(false, absent, [&] {
            storage_.database(database).visit_keys([&](jvdb_key_t key) {
                if (key.bytes != nullptr || key.number > INT64_MAX) return;  // stored through another face
                ids.push_back(static_cast<std::int64_t>(key.number));
            });
            return true;
        });
        std::sort(ids.begin(), ids.end());
        return ids;
    }

    void flush() override { storage_.flush(); }

    /// The same for one database. False when absent.
    bool flush_database(const std::string& name) override {
        return answer(false, absent, [&] {
            storage_.database(name).flush();
            return true;
        });
    }

    /// Figures of this moment.
    StorageStats get_storage_stats() const override {
        const auto stats = storage_.stats();
        StorageStats result;
        result.total_databases = stats.databases;
        result.total_vectors = stats.vectors;
        result.total_bytes = stats.bytes_on_disk;
        result.open_files = stats.open_files;
        result.max_open_files = stats.max_open_files;
        result.lru_evictions_per_minute = stats.evictions_per_minute;
        result.flush_duration_ms = static_cast<double>(stats.last_flush_us) / 1000;
        result.unflushed_bytes = stats.unflushed_bytes;
        return result;
    }

    /// For calls of jvdb.hpp: zero-copy reads, byte keys, figures of one database.
    jvdb::Storage& storage() noexcept { return storage_; }

protected:
    /// Takes the storage.
    explicit StoragePersistence(jvdb::Storage storage) : storage_(std::move(storage)) {}

private:
    /// Attribute that keeps DatabaseSchema::index_type, as one of INDEX_TYPES.
    static constexpr const char* INDEX_TYPE = "index_type";
    static constexpr std::array<std::string_view, 4> INDEX_TYPES{"HNSW", "IVF", "LSH", "FLAT"};

    // Which errors are answers.
    static bool exists(jvdb_status_t code) noexcept { return code == JVDB_ERROR_ALREADY_EXISTS; }
    static bool absent(jvdb_status_t code) noexcept {
        return code == JVDB_ERROR_NOT_FOUND || code == JVDB_ERROR_DROPPED || code == JVDB_ERROR_INVALID_ARGUMENT;
    }
    static bool refused(jvdb_status_t code) noexcept { return absent(code) || code == JVDB_ERROR_DIMENSION_MISMATCH; }

    /// Makes a call; errors that are answers become `otherwise`.
    template <class T, class Call>
    static T answer(T otherwise, bool (*is_answer)(jvdb_status_t), Call&& call) {
        try {
            return call();
        } catch (const jvdb::Error& error) {
            if (!is_answer(error.code())) throw;
            reason() = error.what();
            return otherwise;
        }
    }

    static bool no_vector(const std::string& database, std::int64_t id) {
        reason() = "no vector " + std::to_string(id) + " in database \"" + database + "\"";
        return false;
    }

    [[noreturn]] static void refuse(const std::string& why) { throw jvdb::Error(JVDB_ERROR_INVALID_ARGUMENT, why); }

    static std::uint64_t key(std::int64_t id) {
        if (id < 0) refuse("invalid id: " + std::to_string(id) + " is negative");
        return static_cast<std::uint64_t>(id);
    }

    /// A batch in terms of jvdb.h: pointers to what the caller has, which is not copied.
    class Columns {
    public:
        Columns(const std::string& database, const std::vector<std::int64_t>& ids,
                const std::vector<std::vector<float>>& vectors, const std::vector<std::string>& metadata_list) {
            if (ids.size() != vectors.size() || (!metadata_list.empty() && metadata_list.size() != ids.size())) {
                refuse("invalid batch for database \"" + database + "\": " + std::to_string(ids.size()) + " ids, " +
                       std::to_string(vectors.size()) + " vectors, " + std::to_string(metadata_list.size()) +
                       " metadata");
            }
            dimension_ = vectors.empty() ? 0 : vectors.front().size();
            keys_.reserve(ids.size());
            rows_.reserve(ids.size());
            for (std::size_t i = 0; i < ids.size(); ++i) {
                if (vectors[i].size() != dimension_) {
                    refuse("invalid batch for database \"" + database + "\": vector " + std::to_string(ids[i]) +
                           " has " + std::to_string(vectors[i].size()) + " elements, the first one " +
                           std::to_string(dimension_));
                }
                keys_.push_back(key(ids[i]));
                rows_.push_back(vectors[i].data());
            }
            for (const auto& metadata : metadata_list) {
                metadata_.push_back(metadata.data());
                lengths_.push_back(metadata.size());
            }
        }

        jvdb_batch_t batch() const noexcept {
            jvdb_batch_t batch{};
            batch.count = keys_.size();
            batch.dimension = dimension_;
            batch.ids = keys_.data();
            batch.rows = rows_.data();
            batch.metadata = metadata_.empty() ? nullptr : metadata_.data();
            batch.metadata_lengths = lengths_.empty() ? nullptr : lengths_.data();
            return batch;
        }

    private:
        std::size_t dimension_;
        std::vector<std::uint64_t> keys_;
        std::vector<const float*> rows_;
        std::vector<const void*> metadata_;
        std::vector<std::size_t> lengths_;
    };

    jvdb::Storage storage_;
};

}  // namespace jadevectordb

#endif  // JVDB_STORAGE_PERSISTENCE_HPP
