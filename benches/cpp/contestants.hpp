// What is measured: the faces of C and C++, each a set of calls on the same vectors, and a map in memory that keeps nothing.
// It knows nothing of time.
#pragma once

#include "InMemoryDatabasePersistence.hpp"
#include "PersistentDatabasePersistence.hpp"
#include "jvdb/database_persistence_adapter.hpp"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <shared_mutex>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <vector>

namespace bench {

constexpr std::size_t BATCH = 1000;

inline void expect(bool done) {
    if (!done) throw std::runtime_error("a call failed");
}

/// The vectors: with nothing but defaults beside id and values, or with what an application has.
struct Work {
    std::vector<jadevectordb::Vector> vectors;
    /// Metadata of the faces that take bytes.
    std::vector<std::string> metadata;
    /// In which they are read.
    std::vector<std::size_t> order;
    std::size_t dimension;

    Work(std::size_t count, std::size_t its_dimension, bool described) : dimension(its_dimension) {
        for (std::size_t id = 0; id < count; ++id) {
            auto& vector = vectors.emplace_back();
            vector.id = std::to_string(id);
            vector.values.assign(dimension, static_cast<float>(id));
            vector.metadata.score = 0;
            metadata.emplace_back();
            order.push_back(id);
            if (!described) continue;
            vector.metadata.score = 0.5f;
            vector.metadata.owner = "owner";
            vector.metadata.status = "active";
            vector.metadata.custom = {{"n", id}};
            metadata.back() = R"({"owner":"owner","score":0.5,"status":"active","n":)" + vector.id + "}";
        }
        std::shuffle(order.begin(), order.end(), std::mt19937_64(1));
    }
};

struct Contestant {
    virtual ~Contestant() = default;
    virtual void store(std::size_t at) = 0;
    virtual void retrieve(std::size_t at) = 0;
    /// Stores `count` from `first` on in one step.
    virtual void batch(std::size_t first, std::size_t count) = 0;
};

class Adapter : public Contestant {
public:
    Adapter(const Work& work, std::unique_ptr<jadevectordb::DatabasePersistenceInterface> persistence)
        : work_(work), persistence_(std::move(persistence)) {
        jadevectordb::Database database;
        database.name = "bench";
        database.vectorDimension = static_cast<int>(work.dimension);
        id_ = persistence_->create_database(database).value();
        for (std::size_t i = 0; i < work.vectors.size(); i += BATCH) {
            const auto begin = work.vectors.begin() + static_cast<std::ptrdiff_t>(i);
            batches_.emplace_back(begin, begin + static_cast<std::ptrdiff_t>(std::min(BATCH, work.vectors.size() - i)));
        }
    }

    void store(std::size_t at) override { expect(persistence_->store_vector(id_, work_.vectors[at]).has_value()); }
    void retrieve(std::size_t at) override {
        expect(persistence_->retrieve_vector(id_, work_.vectors[at].id)->values.size() == work_.dimension);
    }
    void batch(std::size_t first, std::size_t) override {
        expect(persistence_->batch_store_vectors(id_, batches_[first / BATCH]).has_value());
    }

private:
    const Work& work_;
    std::unique_ptr<jadevectordb::DatabasePersistenceInterface> persistence_;
    std::string id_;
    std::vector<std::vector<jadevectordb::Vector>> batches_;
};

class Documented : public Contestant {
public:
    Documented(const Work& work, std::unique_ptr<DatabasePersistence> persistence)
        : work_(work), persistence_(std::move(persistence)) {
        persistence_->create_database("bench", DatabaseSchema{work.dimension});
        for (std::size_t i = 0; i < work.vectors.size(); ++i) {
            if (i % BATCH == 0) batches_.emplace_back();
            batches_.back().ids.push_back(static_cast<std::int64_t>(i));
            batches_.back().values.push_back(work.vectors[i].values);
            batches_.back().metadata.push_back(work.metadata[i]);
        }
    }

    void store(std::size_t at) override {
        const auto id = static_cast<std::int64_t>(at);
        expect(persistence_->store_vector("bench", id, work_.vectors[at].values, work_.metadata[at]));
    }
    void retrieve(std::size_t at) override {
        expect(persistence_->retrieve_vector("bench", static_cast<std::int64_t>(at)).has_value());
    }
    void batch(std::size_t first, std::size_t) override {
        const auto& rows = batches_[first / BATCH];
        expect(persistence_->batch_store("bench", rows.ids, rows.values, rows.metadata));
    }

private:
    struct Rows {
        std::vector<std::int64_t> ids;
        std::vector<std::vector<float>> values;
        std::vector<std::string> metadata;
    };

    const Work& work_;
    std::unique_ptr<DatabasePersistence> persistence_;
    std::vector<Rows> batches_;
};

/// Reads in place.
class CInterface : public Contestant {
public:
    CInterface(const Work& work, const std::string& directory)
        : work_(work), storage_(jvdb::Storage::open(directory)),
          database_(storage_.create("bench", static_cast<std::uint32_t>(work.dimension))) {
        for (std::size_t i = 0; i < work.vectors.size(); ++i) {
            ids_.push_back(i);
            rows_.push_back(work.vectors[i].values.data());
            metadata_.push_back(work.metadata[i].data());
            lengths_.push_back(work.metadata[i].size());
        }
    }

    void store(std::size_t at) override {
        expect(jvdb_put(database_.raw(), jvdb_key(at), rows_[at], work_.dimension, metadata_[at], lengths_[at], nullptr) ==
               JVDB_OK);
    }
    void retrieve(std::size_t at) override {
        jvdb_vector_t vector;
        expect(jvdb_get(database_.raw(), jvdb_key(at), &vector, nullptr) == JVDB_OK);
        expect(vector.elements[work_.dimension - 1] == static_cast<float>(at));
        jvdb_vector_release(&vector);
    }
    void batch(std::size_t first, std::size_t count) override {
        jvdb_batch_t batch{};
        batch.struct_size = sizeof batch;
        batch.count = count;
        batch.dimension = work_.dimension;
        batch.ids = &ids_[first];
        batch.rows = &rows_[first];
        batch.metadata = &metadata_[first];
        batch.metadata_lengths = &lengths_[first];
        expect(jvdb_put_batch(database_.raw(), &batch, nullptr) == JVDB_OK);
    }

private:
    const Work& work_;
    jvdb::Storage storage_;
    jvdb::Database database_;
    std::vector<std::uint64_t> ids_;
    std::vector<const float*> rows_;
    std::vector<const void*> metadata_;
    std::vector<std::size_t> lengths_;
};

/// What a program would write that keeps nothing: copies in and out.
class Map : public Contestant {
public:
    explicit Map(const Work& work) : work_(work) {}

    void store(std::size_t at) override {
        const auto& vector = work_.vectors[at];
        const std::unique_lock lock(mutex_);
        map_[vector.id] = vector;
    }
    void retrieve(std::size_t at) override { expect(find(work_.vectors[at].id)->values.size() == work_.dimension); }
    void batch(std::size_t first, std::size_t count) override {
        const std::unique_lock lock(mutex_);
        for (std::size_t at = first; at < first + count; ++at) map_[work_.vectors[at].id] = work_.vectors[at];
    }

private:
    std::optional<jadevectordb::Vector> find(const std::string& id) const {
        const std::shared_lock lock(mutex_);
        const auto found = map_.find(id);
        if (found == map_.end()) return std::nullopt;
        return found->second;
    }

    const Work& work_;
    mutable std::shared_mutex mutex_;
    std::unordered_map<std::string, jadevectordb::Vector> map_;
};

/// In the order of the table; the last one is what the others are compared with.
inline const std::vector<std::string> NAMES{"adapter", "adapter, in memory", "PersistentDatabasePersistence",
                                            "InMemoryDatabasePersistence", "C interface, reads in place",
                                            "std::unordered_map, std::shared_mutex"};

inline std::unique_ptr<Contestant> contestant(const std::string& name, const Work& work, const std::string& directory) {
    using jvdb::DatabasePersistenceAdapter;
    if (name == NAMES[0]) return std::make_unique<Adapter>(work, std::make_unique<DatabasePersistenceAdapter>(directory));
    if (name == NAMES[1]) return std::make_unique<Adapter>(work, DatabasePersistenceAdapter::in_memory());
    if (name == NAMES[2]) {
        return std::make_unique<Documented>(work, std::make_unique<PersistentDatabasePersistence>(directory));
    }
    if (name == NAMES[3]) return std::make_unique<Documented>(work, std::make_unique<InMemoryDatabasePersistence>());
    if (name == NAMES[4]) return std::make_unique<CInterface>(work, directory);
    if (name == NAMES[5]) return std::make_unique<Map>(work);
    throw std::runtime_error("no contestant " + name);
}

}  // namespace bench
