// JSON that nests deeper than a program can follow ends in an error, and never in the end of the program.
#include "fixture.hpp"

namespace {

/// Arrays within arrays.
Json nested(std::size_t levels) {
    Json value = 1;
    for (std::size_t level = 0; level < levels; ++level) {
        Json outer = Json::array();
        outer.push_back(std::move(value));
        value = std::move(outer);
    }
    return value;
}

class Nesting : public testing::TestWithParam<std::size_t> {
protected:
    Nesting() { value(adapter->create_database(small_database("d", "name"))); }

    /// Stores bytes as another face of the library may.
    void store(const std::string& metadata) {
        adapter->storage().database("d").put("v", values_of(1), metadata);
    }

    std::unique_ptr<DatabasePersistenceAdapter> adapter = DatabasePersistenceAdapter::in_memory();
};

INSTANTIATE_TEST_SUITE_P(Levels, Nesting, testing::Values(1001, 60000, 200000, 2000000));

TEST_P(Nesting, IsRefusedWhereItIsStored) {
    auto vector = small_vector("v");
    vector.metadata.custom["deep"] = nested(GetParam());
    EXPECT_CODE(INVALID_ARGUMENT, adapter->store_vector("d", vector));
    EXPECT_CODE(INVALID_ARGUMENT, adapter->update_vector("d", vector));
    std::vector<Vector> batch;
    batch.push_back(std::move(vector));
    EXPECT_CODE(INVALID_ARGUMENT, adapter->batch_store_vectors("d", batch));
    auto other = small_vector("v");
    other.index.parameters["deep"] = nested(GetParam());
    EXPECT_CODE(INVALID_ARGUMENT, adapter->store_vector("d", other));
    EXPECT_EQ(0u, value(adapter->get_vector_count("d")));
}

TEST_P(Nesting, IsDamageWhereItIsStored) {
    store(R"({"metadata":{"custom":{"deep":)" + std::string(GetParam(), '[') + std::string(GetParam(), ']') + "}}}");
    EXPECT_CODE(DATA_LOSS, adapter->retrieve_vector("d", "v"));
    EXPECT_CODE(DATA_LOSS, adapter->retrieve_vectors("d", {"v"}));
    store(std::string(GetParam(), '{'));
    EXPECT_CODE(DATA_LOSS, adapter->retrieve_vector("d", "v"));
    store("{\"metadata\":" + std::string(GetParam(), '[') + "7");
    EXPECT_CODE(DATA_LOSS, adapter->retrieve_vector("d", "v"));
    store(std::string(GetParam(), '\x81') + '\x01');  // CBOR: arrays of one
    EXPECT_CODE(DATA_LOSS, adapter->retrieve_vector("d", "v"));
    std::string maps;
    for (std::size_t level = 0; level < GetParam(); ++level) maps += "\xA1\x61k";
    store(maps + '\x01');
    EXPECT_CODE(DATA_LOSS, adapter->retrieve_vector("d", "v"));
}

TEST_P(Nesting, InADescriptionHidesNoOtherDatabase) {
    const auto deep = std::string(GetParam(), '\x81') + '\x01';
    value(adapter->create_database(small_database("other", "other")));
    adapter->storage().database("d").set_attribute("database", deep);
    adapter->storage().database("d").set_attribute("indexes", deep);
    EXPECT_CODE(DATA_LOSS, adapter->get_database("d"));
    EXPECT_CODE(DATA_LOSS, adapter->list_indexes("d"));
    EXPECT_EQ(1u, value(adapter->list_databases()).size());
}

TEST(NestingAllowed, OfTheDeepestAllowedComesBack) {
    const auto adapter = DatabasePersistenceAdapter::in_memory();
    value(adapter->create_database(small_database("d", "name")));
    for (const bool text : {true, false}) {
        auto vector = small_vector("v");
        vector.metadata.custom["deep"] = nested(990);
        if (!text) vector.metadata.custom["bytes"] = "\xFF";
        done(adapter->store_vector("d", vector));
        EXPECT_EQ(vector.metadata.custom, value(adapter->retrieve_vector("d", "v")).metadata.custom);
    }
}

}  // namespace
