// What the tests of the adapter have in common: a directory of their own, full records, and comparison by every member.
#pragma once

#include "jvdb/database_persistence_adapter.hpp"

#include <bit>
#include <cstring>
#include <filesystem>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <vector>

namespace fs = std::filesystem;
using jadevectordb::Database;
using jadevectordb::ErrorCode;
using jadevectordb::Index;
using jadevectordb::Vector;
using jvdb::DatabasePersistenceAdapter;
using Json = nlohmann::json;

/// A directory that goes with the test.
class Directory {
public:
    Directory() {
        std::string pattern = (fs::temp_directory_path() / "jvdb-adapter-XXXXXX").string();
        path = ::mkdtemp(pattern.data());
    }
    ~Directory() { fs::remove_all(path); }
    Directory(const Directory&) = delete;
    Directory& operator=(const Directory&) = delete;

    fs::path path;
};

/// The code of an error; SUCCESS for none.
template <class Result>
ErrorCode code(const Result& result) {
    return result ? ErrorCode::SUCCESS : result.error().code;
}

#define EXPECT_CODE(expected, call)                                                          \
    do {                                                                                     \
        const auto result_ = (call);                                                         \
        EXPECT_EQ(ErrorCode::expected, code(result_)) << (result_ ? "" : result_.error().message); \
    } while (false)

/// The value of a call that must succeed.
template <class T>
T value(jadevectordb::Result<T> result) {
    if (!result) throw std::runtime_error(result.error().message);
    return std::move(*result);
}

inline void done(const jadevectordb::Result<void>& result) {
    if (!result) throw std::runtime_error(result.error().message);
}

inline Database small_database(const std::string& id, const std::string& name, int dimension = 4) {
    Database database;
    database.databaseId = id;
    database.name = name;
    database.vectorDimension = dimension;
    return database;
}

inline Database full_database() {
    Database database = small_database("full", "Full \"name\" \xC3\xA4", 8);
    database.description = "a\nb\\c";
    database.owner = "owner";
    database.indexType = "IVF";
    database.indexParameters = {{"nlist", "100"}, {"", "empty"}};
    database.sharding = {"range", 7};
    database.replication = {3, false};
    database.embeddingModels = {{"m", "1", "p", "text", 8, {{"a", "b"}}, "active"}, {}};
    database.metadataSchema = {{"color", "string"}};
    database.retentionPolicy = std::make_unique<Database::RetentionPolicy>();
    database.retentionPolicy->maxAgeDays = 30;
    database.retentionPolicy->archiveOnExpire = true;
    database.accessControl = {{"admin", "reader"}, {"read"}};
    database.created_at = "2020-01-01T00:00:00Z";
    database.updated_at = "2021-01-01T00:00:00Z";
    return database;
}

inline void expect_same(const Database& a, const Database& b) {
    EXPECT_EQ(a.databaseId, b.databaseId);
    EXPECT_EQ(a.name, b.name);
    EXPECT_EQ(a.description, b.description);
    EXPECT_EQ(a.owner, b.owner);
    EXPECT_EQ(a.vectorDimension, b.vectorDimension);
    EXPECT_EQ(a.indexType, b.indexType);
    EXPECT_EQ(a.indexParameters, b.indexParameters);
    EXPECT_EQ(a.sharding.strategy, b.sharding.strategy);
    EXPECT_EQ(a.sharding.numShards, b.sharding.numShards);
    EXPECT_EQ(a.replication.factor, b.replication.factor);
    EXPECT_EQ(a.replication.sync, b.replication.sync);
    ASSERT_EQ(a.embeddingModels.size(), b.embeddingModels.size());
    for (std::size_t i = 0; i < a.embeddingModels.size(); ++i) {
        const auto &x = a.embeddingModels[i], &y = b.embeddingModels[i];
        EXPECT_EQ(std::tie(x.name, x.version, x.provider, x.inputType, x.outputDimension, x.parameters, x.status),
                  std::tie(y.name, y.version, y.provider, y.inputType, y.outputDimension, y.parameters, y.status));
    }
    EXPECT_EQ(a.metadataSchema, b.metadataSchema);
    ASSERT_EQ(!a.retentionPolicy, !b.retentionPolicy);
    if (a.retentionPolicy) {
        EXPECT_EQ(a.retentionPolicy->maxAgeDays, b.retentionPolicy->maxAgeDays);
        EXPECT_EQ(a.retentionPolicy->archiveOnExpire, b.retentionPolicy->archiveOnExpire);
    }
    EXPECT_EQ(a.accessControl.roles, b.accessControl.roles);
    EXPECT_EQ(a.accessControl.defaultPermissions, b.accessControl.defaultPermissions);
    EXPECT_EQ(a.created_at, b.created_at);
    EXPECT_EQ(a.updated_at, b.updated_at);
}

inline std::vector<float> values_of(std::size_t seed, std::size_t dimension = 4) {
    std::vector<float> values(dimension);
    for (std::size_t i = 0; i < dimension; ++i) values[i] = static_cast<float>(seed) + static_cast<float>(i) / 8;
    return values;
}

inline Vector small_vector(const std::string& id, std::size_t seed = 1, std::size_t dimension = 4) {
    Vector vector;
    vector.id = id;
    vector.values = values_of(seed, dimension);
    vector.metadata.score = 0;
    return vector;
}

inline Vector full_vector(const std::string& id, std::size_t seed = 1, std::size_t dimension = 4) {
    Vector vector = small_vector(id, seed, dimension);
    vector.databaseId = "elsewhere";
    vector.metadata.source = "source";
    vector.metadata.created_at = "2020";
    vector.metadata.updated_at = "2021";
    vector.metadata.tags = {"a", "", "a"};
    vector.metadata.owner = "owner";
    vector.metadata.permissions = {"read", "write"};
    vector.metadata.category = "category";
    vector.metadata.score = 0.1f;
    vector.metadata.status = "active";
    vector.metadata.custom = {{"n", 1}, {"f", 0.1}, {"null", nullptr}, {"list", {1, "two", {{"three", 3}}}}, {"", true}};
    vector.index = {"HNSW", "2", {{"M", 16}, {"deep", {{"a", {{"b", {1, 2}}}}}}}};
    vector.embedding_model = {"model", "3", "provider", "text"};
    vector.shard = "shard-1";
    vector.replicas = {"node-1", "node-2"};
    vector.version = 7;
    vector.deleted = true;
    return vector;
}

inline void expect_same(const Vector& a, const Vector& b) {
    EXPECT_EQ(a.id, b.id);
    EXPECT_EQ(a.databaseId, b.databaseId);
    ASSERT_EQ(a.values.size(), b.values.size());
    EXPECT_EQ(0, std::memcmp(a.values.data(), b.values.data(), a.values.size() * sizeof(float)));
    const auto &x = a.metadata, &y = b.metadata;
    EXPECT_EQ(std::tie(x.source, x.created_at, x.updated_at, x.tags, x.owner, x.permissions, x.category, x.status),
              std::tie(y.source, y.created_at, y.updated_at, y.tags, y.owner, y.permissions, y.category, y.status));
    EXPECT_EQ(std::bit_cast<std::uint32_t>(x.score), std::bit_cast<std::uint32_t>(y.score));
    EXPECT_EQ(x.custom, y.custom);
    EXPECT_EQ(std::tie(a.index.type, a.index.version, a.index.parameters),
              std::tie(b.index.type, b.index.version, b.index.parameters));
    const auto &m = a.embedding_model, &n = b.embedding_model;
    EXPECT_EQ(std::tie(m.name, m.version, m.provider, m.input_type),
              std::tie(n.name, n.version, n.provider, n.input_type));
    EXPECT_EQ(std::tie(a.shard, a.replicas, a.version, a.deleted), std::tie(b.shard, b.replicas, b.version, b.deleted));
}

inline Index full_index(const std::string& id) {
    Index index;
    index.indexId = id;
    index.type = "LSH";
    index.parameters = {{"bits", "16"}};
    index.status = "ready";
    index.created_at = "2020";
    index.updated_at = "2021";
    index.stats = std::make_unique<Index::Stats>();
    index.stats->vectorCount = 5;
    index.stats->sizeBytes = 1LL << 40;
    index.stats->buildTimeMs = 6;
    return index;
}

/// But for the database, which is that where the index is.
inline void expect_same(const Index& a, const Index& b) {
    EXPECT_EQ(std::tie(a.indexId, a.type, a.parameters, a.status, a.created_at, a.updated_at),
              std::tie(b.indexId, b.type, b.parameters, b.status, b.created_at, b.updated_at));
    ASSERT_EQ(!a.stats, !b.stats);
    if (!a.stats) return;
    EXPECT_EQ(std::tie(a.stats->vectorCount, a.stats->sizeBytes, a.stats->buildTimeMs),
              std::tie(b.stats->vectorCount, b.stats->sizeBytes, b.stats->buildTimeMs));
}
