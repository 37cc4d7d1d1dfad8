// Each of the 22 calls, on disk and in memory, and where the two differ.
#include "fixture.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>

namespace {

class Calls : public testing::TestWithParam<bool> {
protected:
    Calls() : adapter(GetParam() ? DatabasePersistenceAdapter::in_memory()
                                 : std::make_unique<DatabasePersistenceAdapter>(directory.path.string())) {
        value(adapter->create_database(small_database("d", "name")));
    }
    bool in_memory() const { return GetParam(); }
    /// What is read back: a directory gives a vector that has no databaseId that of its database.
    Vector stored(Vector vector) const {
        if (!in_memory() && vector.databaseId.empty()) vector.databaseId = "d";
        return vector;
    }

    Directory directory;
    std::unique_ptr<DatabasePersistenceAdapter> adapter;
};

INSTANTIATE_TEST_SUITE_P(Modes, Calls, testing::Bool(),
                         [](const auto& mode) { return mode.param ? "Memory" : "Directory"; });

TEST_P(Calls, CreatesGetsListsUpdatesAndDeletesDatabases) {
    const auto full = full_database();
    EXPECT_EQ("full", value(adapter->create_database(full)));
    expect_same(full, value(adapter->get_database("full")));
    const auto all = value(adapter->list_databases());
    ASSERT_EQ(2u, all.size());
    EXPECT_TRUE(value(adapter->database_exists("full")));

    auto changed = full_database();
    changed.databaseId = "ignored";
    changed.description = "new";
    changed.retentionPolicy.reset();
    changed.updated_at = "2022";
    done(adapter->update_database("full", changed));
    changed.databaseId = "full";
    expect_same(changed, value(adapter->get_database("full")));
    done(adapter->store_vector("full", small_vector("v", 1, 8)));
    EXPECT_CODE(VECTOR_DIMENSION_MISMATCH, adapter->update_database("full", small_database("full", "n", 9)));
    EXPECT_CODE(INVALID_ARGUMENT, adapter->update_database("full", small_database("full", "")));
    EXPECT_CODE(NOT_FOUND, adapter->update_database("none", full));

    done(adapter->delete_database("full"));
    EXPECT_FALSE(value(adapter->database_exists("full")));
    EXPECT_FALSE(fs::exists(directory.path / "full"));
    EXPECT_CODE(NOT_FOUND, adapter->get_database("full"));
    EXPECT_CODE(NOT_FOUND, adapter->delete_database("full"));
    EXPECT_EQ(1u, value(adapter->list_databases()).size());
}

TEST_P(Calls, RefusesDatabasesThatCannotBe) {
    EXPECT_CODE(INVALID_ARGUMENT, adapter->create_database(small_database("a", "")));
    EXPECT_CODE(INVALID_ARGUMENT, adapter->create_database(small_database("a", "n", 0)));
    EXPECT_CODE(INVALID_ARGUMENT, adapter->create_database(small_database("a", "n", -1)));
    EXPECT_CODE(INVALID_ARGUMENT, adapter->create_database(small_database("a", "n", 65537)));
    for (const std::string& id : std::vector<std::string>{"..", ".", "a/b", "../x", std::string("a\0b", 3)}) {
        EXPECT_CODE(NOT_FOUND, adapter->get_database(id));
        EXPECT_CODE(NOT_FOUND, adapter->delete_database(id));
        EXPECT_FALSE(value(adapter->database_exists(id)));
        if (in_memory()) continue;
        EXPECT_CODE(INVALID_ARGUMENT, adapter->create_database(small_database(id, "n")));
        EXPECT_CODE(NOT_FOUND, adapter->get_database(id));
        EXPECT_CODE(NOT_FOUND, adapter->delete_database(id));
        EXPECT_FALSE(value(adapter->database_exists(id)));
    }
}

TEST_P(Calls, MakesAnIdAndTimesWhereThereAreNone) {
    const auto id = value(adapter->create_database(small_database("", "made")));
    EXPECT_FALSE(id.empty());
    const auto made = value(adapter->get_database(id));
    EXPECT_EQ(id, made.databaseId);
    EXPECT_EQ(20u, made.created_at.size());
    EXPECT_EQ(made.created_at, made.updated_at);
}

TEST_P(Calls, CreatesADatabaseAgainAsEachModeDoes) {
    const auto first = value(adapter->create_database(small_database("", "twice")));
    const auto second = value(adapter->create_database(small_database("", "twice")));
    EXPECT_EQ(in_memory(), first != second);
    done(adapter->store_vector("d", small_vector("v")));
    if (in_memory()) {
        value(adapter->create_database(small_database("", "twice", 5)));
        EXPECT_EQ("d", value(adapter->create_database(small_database("d", "other", 3))));
        EXPECT_EQ(0u, value(adapter->get_vector_count("d")));
        EXPECT_EQ(3, value(adapter->get_database("d")).vectorDimension);
    } else {
        EXPECT_CODE(ALREADY_EXISTS, adapter->create_database(small_database("", "twice", 5)));
        EXPECT_CODE(ALREADY_EXISTS, adapter->create_database(small_database("d", "name")));
        EXPECT_EQ(1u, value(adapter->get_vector_count("d")));
    }
}

TEST_P(Calls, FindsARenamedDatabaseByItsNewName) {
    const auto id = value(adapter->create_database(small_database("", "before")));
    done(adapter->update_database(id, small_database(id, "after")));
    EXPECT_NE(id, value(adapter->create_database(small_database("", "before"))));
    if (!in_memory()) {
        EXPECT_EQ(id, value(adapter->create_database(small_database("", "after"))));
    }
}

TEST_P(Calls, StoresRetrievesUpdatesAndDeletesVectors) {
    const auto full = full_vector("v");
    done(adapter->store_vector("d", full));
    expect_same(full, value(adapter->retrieve_vector("d", "v")));
    EXPECT_TRUE(value(adapter->vector_exists("d", "v")));

    const auto bare = small_vector("v", 2);
    done(adapter->store_vector("d", bare));
    expect_same(stored(bare), value(adapter->retrieve_vector("d", "v")));
    done(adapter->update_vector("d", full));
    expect_same(full, value(adapter->retrieve_vector("d", "v")));
    EXPECT_EQ(1u, value(adapter->get_vector_count("d")));

    done(adapter->delete_vector("d", "v"));
    EXPECT_FALSE(value(adapter->vector_exists("d", "v")));
    EXPECT_CODE(NOT_FOUND, adapter->retrieve_vector("d", "v"));
    EXPECT_CODE(NOT_FOUND, adapter->delete_vector("d", "v"));
    EXPECT_CODE(NOT_FOUND, adapter->update_vector("d", full));
    EXPECT_EQ(0u, value(adapter->get_vector_count("d")));
}

TEST_P(Calls, RefusesAnotherDimension) {
    for (const std::size_t dimension : {0, 3, 5}) {
        EXPECT_CODE(VECTOR_DIMENSION_MISMATCH, adapter->store_vector("d", small_vector("v", 1, dimension)));
        done(adapter->store_vector("d", small_vector("there")));
        EXPECT_CODE(VECTOR_DIMENSION_MISMATCH, adapter->update_vector("d", small_vector("there", 1, dimension)));
        EXPECT_CODE(VECTOR_DIMENSION_MISMATCH,
                    adapter->batch_store_vectors("d", {small_vector("a"), small_vector("b", 1, dimension)}));
    }
    EXPECT_EQ(std::vector<std::string>{"there"}, value(adapter->get_all_vector_ids("d")));
}

TEST_P(Calls, RetrievesInTheOrderAskedAndLeavesOutWhatIsMissing) {
    std::vector<Vector> batch;
    for (std::size_t i = 0; i < 10; ++i) batch.push_back(full_vector("v" + std::to_string(i), i));
    batch.push_back(full_vector("v3", 33));
    done(adapter->batch_store_vectors("d", batch));
    done(adapter->batch_store_vectors("d", {}));
    const auto found = value(adapter->retrieve_vectors("d", {"v7", "none", "v3", "v7", ""}));
    ASSERT_EQ(3u, found.size());
    expect_same(batch[7], found[0]);
    expect_same(batch[10], found[1]);
    expect_same(batch[7], found[2]);
    EXPECT_TRUE(value(adapter->retrieve_vectors("d", {})).empty());

    done(adapter->batch_delete_vectors("d", {"v7", "none", "v3"}));
    EXPECT_EQ(8u, value(adapter->get_vector_count("d")));
    const auto ids = value(adapter->get_all_vector_ids("d"));
    EXPECT_EQ((std::vector<std::string>{"v0", "v1", "v2", "v4", "v5", "v6", "v8", "v9"}), ids);
}

TEST_P(Calls, CreatesGetsListsUpdatesAndDeletesIndexes) {
    done(adapter->create_index("d", full_index("i")));
    const auto made = value(adapter->list_indexes("d"));
    ASSERT_EQ(1u, made.size());
    const std::string id = made[0].indexId;
    EXPECT_EQ(in_memory(), id != "i");
    auto expected = full_index(id);
    expect_same(expected, made[0]);
    EXPECT_EQ("d", made[0].databaseId);
    expect_same(expected, value(adapter->get_index("d", id)));
    EXPECT_TRUE(value(adapter->index_exists("d", id)));
    if (!in_memory()) {
        EXPECT_CODE(ALREADY_EXISTS, adapter->create_index("d", full_index("i")));
    }

    done(adapter->create_index("d", full_index("")));
    EXPECT_EQ(2u, value(adapter->list_indexes("d")).size());

    expected.status = "failed";
    expected.stats.reset();
    expected.updated_at = "2022";
    done(adapter->update_index("d", id, expected));
    expect_same(expected, value(adapter->get_index("d", id)));
    EXPECT_CODE(NOT_FOUND, adapter->update_index("d", "none", expected));

    done(adapter->delete_index("d", id));
    EXPECT_FALSE(value(adapter->index_exists("d", id)));
    EXPECT_CODE(NOT_FOUND, adapter->get_index("d", id));
    EXPECT_CODE(NOT_FOUND, adapter->delete_index("d", id));
    EXPECT_EQ(1u, value(adapter->list_indexes("d")).size());
}

TEST_P(Calls, AnswersForADatabaseThatIsNotThere) {
    EXPECT_CODE(NOT_FOUND, adapter->get_database("none"));
    EXPECT_CODE(NOT_FOUND, adapter->store_vector("none", small_vector("v")));
    EXPECT_CODE(NOT_FOUND, adapter->retrieve_vector("none", "v"));
    EXPECT_CODE(NOT_FOUND, adapter->retrieve_vectors("none", {"v"}));
    EXPECT_CODE(NOT_FOUND, adapter->update_vector("none", small_vector("v")));
    EXPECT_CODE(NOT_FOUND, adapter->delete_vector("none", "v"));
    EXPECT_CODE(NOT_FOUND, adapter->batch_store_vectors("none", {small_vector("v")}));
    EXPECT_CODE(NOT_FOUND, adapter->batch_delete_vectors("none", {"v"}));
    EXPECT_CODE(NOT_FOUND, adapter->create_index("none", full_index("i")));
    EXPECT_CODE(NOT_FOUND, adapter->get_index("none", "i"));
    EXPECT_CODE(NOT_FOUND, adapter->list_indexes("none"));
    EXPECT_CODE(NOT_FOUND, adapter->update_index("none", "i", full_index("i")));
    EXPECT_CODE(NOT_FOUND, adapter->delete_index("none", "i"));
    EXPECT_CODE(NOT_FOUND, adapter->get_all_vector_ids("none"));
    EXPECT_FALSE(value(adapter->database_exists("none")));
    EXPECT_FALSE(value(adapter->vector_exists("none", "v")));
    EXPECT_FALSE(value(adapter->index_exists("none", "i")));
    if (in_memory()) {
        EXPECT_EQ(0u, value(adapter->get_vector_count("none")));
    } else {
        EXPECT_CODE(NOT_FOUND, adapter->get_vector_count("none"));
    }
}

TEST_P(Calls, TakesIdsOfEveryLength) {
    std::vector<std::string> ids;
    for (std::size_t length = 0; length <= 500; ++length) ids.push_back(std::string(length, 'x'));
    // Longer than a key of the engine, alike in all that a key holds, and not text.
    for (const std::size_t length : {511, 512, 513, 2000, 70000}) {
        ids.push_back(std::string(length, 'y'));
        ids.push_back(std::string(length - 1, 'y') + 'z');
    }
    std::string characters;
    for (int i = 0; i < 500; ++i) characters += "\xF0\x9F\x8D\x8A";
    ids.push_back(characters);
    ids.push_back(std::string("\0\xFF/\n", 4));
    ids.push_back(std::string(448, '\0'));
    for (std::size_t i = 0; i < ids.size(); ++i) done(adapter->store_vector("d", full_vector(ids[i], i)));
    EXPECT_EQ(ids.size(), value(adapter->get_vector_count("d")));
    for (std::size_t i = 0; i < ids.size(); ++i) {
        expect_same(full_vector(ids[i], i), value(adapter->retrieve_vector("d", ids[i])));
    }
    done(adapter->batch_store_vectors("d", {full_vector(characters, 1)}));
    auto sorted = ids;
    std::sort(sorted.begin(), sorted.end());
    EXPECT_EQ(sorted, value(adapter->get_all_vector_ids("d")));
    done(adapter->batch_delete_vectors("d", ids));
    EXPECT_EQ(0u, value(adapter->get_vector_count("d")));
}

TEST_P(Calls, KeepsMetadataOfEveryShape) {
    Json deep = 1;
    for (int i = 0; i < 200; ++i) deep = Json{{"in", Json::array({std::move(deep)})}};
    const std::vector<Json> shapes{
        nullptr, true, 0, -1, INT64_MIN, UINT64_MAX, 0.1, -0.0, 1e308, 5e-324, "", "text", "\xC3\xA4\xF0\x9F\x8D\x8A",
        std::string("\xFF\xFE\0no text", 10), std::string(100000, 'x'), Json::array(), Json::object(),
        Json::binary({0, 255, 7}), INFINITY, Json::array({1, Json::array({-INFINITY}), "\xFF"}), deep};
    for (std::size_t i = 0; i < shapes.size(); ++i) {
        auto vector = full_vector("v" + std::to_string(i), i);
        vector.metadata.custom["shape"] = shapes[i];
        vector.index.parameters["shape"] = shapes[i];
        done(adapter->store_vector("d", vector));
        expect_same(vector, value(adapter->retrieve_vector("d", vector.id)));
    }
    auto vector = full_vector("strings");
    vector.metadata.source = vector.metadata.tags[0] = vector.shard = std::string("\x80\0\xC3", 3);
    vector.metadata.custom["nan"] = NAN;
    done(adapter->store_vector("d", vector));
    auto found = value(adapter->retrieve_vector("d", "strings"));
    EXPECT_TRUE(std::isnan(found.metadata.custom["nan"].get<double>()));
    vector.metadata.custom.erase("nan"), found.metadata.custom.erase("nan");
    expect_same(vector, found);
}

TEST_P(Calls, KeepsWhateverIsInAScoreThatNobodySet) {
    for (const std::uint32_t bits : {0u, 1u, 0x80000000u, 0x7F800000u, 0xFF800000u, 0x7FC00000u, 0x7F800001u,
                                     0xFFFFFFFFu, 0xCDCDCDCDu, 0x3DCCCCCDu}) {
        auto vector = small_vector("v");
        std::memcpy(&vector.metadata.score, &bits, sizeof bits);
        done(adapter->store_vector("d", vector));
        const auto found = value(adapter->retrieve_vector("d", "v"));
        EXPECT_EQ(0, std::memcmp(&bits, &found.metadata.score, sizeof bits)) << std::hex << bits;
        done(adapter->batch_store_vectors("d", {vector}));
    }
    // valgrind sees that what nobody set is looked at.
    if (std::getenv("JVDB_UNDER_VALGRIND") != nullptr) return;
    const auto vector = std::make_unique<Vector>();  // whatever the heap held before
    vector->id = "unset";
    vector->values = values_of(1);
    done(adapter->store_vector("d", *vector));
    EXPECT_EQ(vector->values, value(adapter->retrieve_vector("d", "unset")).values);
}

TEST_P(Calls, KeepsEveryBitOfTheValues) {
    auto vector = small_vector("v");
    const std::uint32_t bits[4]{0x7FC01234u, 0x80000000u, 1u, 0xFF800000u};
    std::memcpy(vector.values.data(), bits, sizeof bits);
    done(adapter->store_vector("d", vector));
    expect_same(stored(vector), value(adapter->retrieve_vector("d", "v")));
}

TEST_P(Calls, FlushesAllAndOne) {
    adapter->flush_all();
    adapter->flush_database("d");
    EXPECT_THROW(adapter->flush_database("none"), jvdb::Error);
}

}  // namespace
