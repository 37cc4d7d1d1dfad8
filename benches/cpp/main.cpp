// Microseconds of one vector stored, retrieved and stored in a batch: by the adapter, by the documented classes, by the
// C interface, and by a map in memory that keeps nothing. Same vectors, same metadata, one thread.
// Usage: bench_cpp DIRECTORY [VECTORS] [DIMENSION]. `cargo xtask bench --cpp` builds and runs it.
#include "InMemoryDatabasePersistence.hpp"
#include "PersistentDatabasePersistence.hpp"
#include "jvdb/database_persistence_adapter.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <vector>

namespace {

constexpr std::size_t BATCH = 1000;

struct Work {
    std::size_t vectors, dimension;

    std::vector<float> values(std::size_t id) const { return std::vector<float>(dimension, static_cast<float>(id)); }
    jadevectordb::Vector vector(std::size_t id) const {
        jadevectordb::Vector vector;
        vector.id = std::to_string(id);
        vector.values = values(id);
        vector.metadata.score = 0.5f;
        vector.metadata.owner = "owner";
        vector.metadata.status = "active";
        vector.metadata.custom = {{"n", id}};
        return vector;
    }
    std::string metadata(std::size_t id) const { return vector_metadata(vector(id)); }
    static std::string vector_metadata(const jadevectordb::Vector& vector) {
        return jvdb::adapter::metadata_of(vector, false);
    }
};

void expect(bool done) {
    if (!done) throw std::runtime_error("a call failed");
}

/// Microseconds each, with what is stored made beforehand.
double each(std::size_t count, const std::function<void()>& all) {
    const auto start = std::chrono::steady_clock::now();
    all();
    return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count() /
           static_cast<double>(count);
}

void row(const char* name, double store, double retrieve, double batch) {
    std::printf("%-34s %9.2f %9.2f %9.2f\n", name, store, retrieve, batch);
}

void interface(const char* name, jadevectordb::DatabasePersistenceInterface& persistence, const Work& work) {
    jadevectordb::Database database;
    database.name = "bench";
    database.vectorDimension = static_cast<int>(work.dimension);
    const auto id = persistence.create_database(database).value();
    std::vector<jadevectordb::Vector> vectors;
    for (std::size_t i = 0; i < work.vectors; ++i) vectors.push_back(work.vector(i));
    const auto store = each(work.vectors, [&] {
        for (const auto& vector : vectors) expect(persistence.store_vector(id, vector).has_value());
    });
    const auto retrieve = each(work.vectors, [&] {
        for (const auto& vector : vectors) {
            expect(persistence.retrieve_vector(id, vector.id)->values.size() == work.dimension);
        }
    });
    std::vector<std::vector<jadevectordb::Vector>> batches;
    for (std::size_t i = 0; i < work.vectors; i += BATCH) {
        const auto begin = vectors.begin() + static_cast<std::ptrdiff_t>(i);
        batches.emplace_back(begin, begin + static_cast<std::ptrdiff_t>(std::min(BATCH, work.vectors - i)));
    }
    const auto batch = each(work.vectors, [&] {
        for (const auto& rows : batches) expect(persistence.batch_store_vectors(id, rows).has_value());
    });
    row(name, store, retrieve, batch);
}

struct Rows {
    std::vector<std::int64_t> ids;
    std::vector<std::vector<float>> values;
    std::vector<std::string> metadata;

    Rows(const Work& work, std::size_t first, std::size_t count) {
        for (std::size_t id = first; id < first + count; ++id) {
            ids.push_back(static_cast<std::int64_t>(id));
            values.push_back(work.values(id));
            metadata.push_back(work.metadata(id));
        }
    }
    static std::vector<Rows> batches(const Work& work) {
        std::vector<Rows> batches;
        for (std::size_t i = 0; i < work.vectors; i += BATCH) {
            batches.emplace_back(work, i, std::min(BATCH, work.vectors - i));
        }
        return batches;
    }
};

void documented(const char* name, DatabasePersistence& persistence, const Work& work) {
    persistence.create_database("bench", DatabaseSchema{work.dimension});
    const Rows all(work, 0, work.vectors);
    const auto store = each(work.vectors, [&] {
        for (std::size_t i = 0; i < work.vectors; ++i) {
            expect(persistence.store_vector("bench", all.ids[i], all.values[i], all.metadata[i]));
        }
    });
    const auto retrieve = each(work.vectors, [&] {
        for (const auto id : all.ids) expect(persistence.retrieve_vector("bench", id).has_value());
    });
    const auto batches = Rows::batches(work);
    const auto batch = each(work.vectors, [&] {
        for (const auto& rows : batches) expect(persistence.batch_store("bench", rows.ids, rows.values, rows.metadata));
    });
    row(name, store, retrieve, batch);
}

void c_interface(const std::string& directory, const Work& work) {
    auto storage = jvdb::Storage::open(directory);
    const auto database = storage.create("bench", static_cast<std::uint32_t>(work.dimension));
    const Rows all(work, 0, work.vectors);
    const auto store = each(work.vectors, [&] {
        for (std::size_t i = 0; i < work.vectors; ++i) {
            expect(jvdb_put(database.raw(), jvdb_key(i), all.values[i].data(), work.dimension, all.metadata[i].data(),
                            all.metadata[i].size(), nullptr) == JVDB_OK);
        }
    });
    float sum = 0;
    const auto retrieve = each(work.vectors, [&] {
        for (std::size_t i = 0; i < work.vectors; ++i) {
            jvdb_vector_t vector;
            expect(jvdb_get(database.raw(), jvdb_key(i), &vector, nullptr) == JVDB_OK);
            sum += vector.elements[work.dimension - 1];
            jvdb_vector_release(&vector);
        }
    });
    expect(sum >= 0);
    std::vector<std::uint64_t> ids;
    std::vector<const float*> rows;
    std::vector<const void*> metadata;
    std::vector<std::size_t> lengths;
    for (std::size_t i = 0; i < work.vectors; ++i) {
        ids.push_back(i);
        rows.push_back(all.values[i].data());
        metadata.push_back(all.metadata[i].data());
        lengths.push_back(all.metadata[i].size());
    }
    const auto batch = each(work.vectors, [&] {
        for (std::size_t i = 0; i < work.vectors; i += BATCH) {
            jvdb_batch_t batch{};
            batch.struct_size = sizeof batch;
            batch.count = std::min(BATCH, work.vectors - i);
            batch.dimension = work.dimension;
            batch.ids = &ids[i];
            batch.rows = &rows[i];
            batch.metadata = &metadata[i];
            batch.metadata_lengths = &lengths[i];
            expect(jvdb_put_batch(database.raw(), &batch, nullptr) == JVDB_OK);
        }
    });
    row("C interface, reads in place", store, retrieve, batch);
}

void map(const Work& work) {
    std::vector<jadevectordb::Vector> vectors;
    for (std::size_t i = 0; i < work.vectors; ++i) vectors.push_back(work.vector(i));
    std::unordered_map<std::string, jadevectordb::Vector> map;
    const auto store = each(work.vectors, [&] {
        for (const auto& vector : vectors) map[vector.id] = vector;
    });
    std::size_t sum = 0;
    const auto retrieve = each(work.vectors, [&] {
        for (const auto& vector : vectors) {
            const auto copy = map.at(vector.id);
            sum += copy.values.size();
        }
    });
    expect(sum == work.vectors * work.dimension);
    const auto batch = each(work.vectors, [&] {
        for (const auto& vector : vectors) map[vector.id] = vector;
    });
    row("std::unordered_map, keeps nothing", store, retrieve, batch);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 2 || argc > 4) {
        std::fprintf(stderr, "usage: bench_cpp DIRECTORY [VECTORS] [DIMENSION]\n");
        return 2;
    }
    try {
        const std::filesystem::path root = argv[1];
        const Work work{argc > 2 ? std::stoul(argv[2]) : 20000, argc > 3 ? std::stoul(argv[3]) : 384};
        std::printf("%zu vectors of dimension %zu, microseconds each\n", work.vectors, work.dimension);
        std::printf("%-34s %9s %9s %9s\n", "", "store", "retrieve", "batch");
        {
            jvdb::DatabasePersistenceAdapter adapter((root / "adapter").string());
            interface("adapter", adapter, work);
        }
        interface("adapter, in memory", *jvdb::DatabasePersistenceAdapter::in_memory(), work);
        {
            PersistentDatabasePersistence persistence((root / "documented").string());
            documented("PersistentDatabasePersistence", persistence, work);
        }
        InMemoryDatabasePersistence memory;
        documented("InMemoryDatabasePersistence", memory, work);
        c_interface((root / "c").string(), work);
        map(work);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "bench_cpp: %s\n", error.what());
        return 1;
    }
}
