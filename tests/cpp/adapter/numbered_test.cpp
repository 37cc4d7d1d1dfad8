// The bytes beside a vector: none for defaults, the documented record for the rest, what earlier versions wrote, and what
// nobody wrote.
#include "fixture.hpp"

#include <limits>
#include <random>

namespace {

using jvdb::adapter::Home;

std::string bytes_of(const Vector& vector, const Home& home = {}, bool with_id = false) {
    std::string bytes;
    jvdb::adapter::write_metadata(bytes, vector, home, with_id);
    return bytes;
}

/// From memory of exactly that size, so that a sanitizer sees whoever reads behind it.
Vector vector_of(std::string_view bytes, const Home& home = {}) {
    const std::vector<char> exact(bytes.begin(), bytes.end());
    const auto values = values_of(1);
    Vector vector;
    jvdb::adapter::read_vector(vector, "v", values.data(), values.size(), {exact.data(), exact.size()}, home);
    return vector;
}

Vector odd_vector() {
    auto vector = full_vector("v");
    vector.metadata.score = std::bit_cast<float>(0x7fc12345u);
    vector.metadata.owner = "Caf\xE9";
    auto binary = Json::binary({1, 2, 0xff});
    vector.metadata.custom = {{"binary", binary},
                              {"minus", -5},
                              {"least", std::numeric_limits<std::int64_t>::min()},
                              {"most", std::numeric_limits<std::uint64_t>::max()},
                              {"endless", std::numeric_limits<double>::infinity()},
                              {"tagged", Json::binary({7}, 300)},
                              {"list", Json::array({1.5, false, nullptr, Json::object(), Json::array()})}};
    return vector;
}

TEST(Compact, DefaultsAreNoBytes) {
    auto vector = small_vector("v");
    EXPECT_EQ("", bytes_of(vector));
    expect_same(vector, vector_of(""));
    vector.databaseId = "home";
    EXPECT_EQ("", bytes_of(vector, {"home", true}));
    expect_same(vector, vector_of("", {"home", true}));
    // In memory a vector without a databaseId has none when it is read.
    EXPECT_EQ(std::string_view("\x01\xb8\x01\x01\xf6", 5), bytes_of(vector, {"home", false}));
    expect_same(vector, vector_of(bytes_of(vector, {"home", false}), {"home", false}));
}

TEST(Compact, DefaultsAreNoBytesInAFileEither) {
    Directory directory;
    DatabasePersistenceAdapter adapter(directory.path);
    value(adapter.create_database(small_database("d", "n")));
    auto vector = small_vector("v");
    done(adapter.store_vector("d", vector));
    vector.id = "at home", vector.databaseId = "d";
    done(adapter.batch_store_vectors("d", {vector}));
    for (const char* id : {"v", "at home"}) {
        EXPECT_EQ("", adapter.storage().database("d").get(id)->metadata());
        EXPECT_EQ("d", value(adapter.retrieve_vector("d", id)).databaseId);
    }
}

TEST(Compact, BytesAreThoseOfTheDocument) {
    auto vector = small_vector("v");
    vector.metadata.tags = {"a", ""};
    vector.metadata.score = 0.5f;
    vector.metadata.custom = {{"n", 1}, {"f", -2.5}};
    vector.version = -2;
    vector.deleted = true;
    const char expected[] =
        "\x01\xb8\x05"
        "\x05\x82\x61\x61\x60"
        "\x09\xfa\x3f\x00\x00\x00"
        "\x0b\xa2\x61\x66\xfb\xc0\x04\x00\x00\x00\x00\x00\x00\x61\x6e\x01"
        "\x15\x21"
        "\x16\xf5";
    EXPECT_EQ(std::string_view(expected, sizeof expected - 1), bytes_of(vector));
    expect_same(vector, vector_of(bytes_of(vector)));
}

TEST(Compact, WhateverIsInAVectorComesBack) {
    for (const auto& vector : {full_vector("v"), odd_vector()}) expect_same(vector, vector_of(bytes_of(vector)));
    for (const std::size_t length : {0u, 23u, 24u, 255u, 256u, 65535u, 65536u}) {
        auto vector = small_vector("v");
        vector.shard.assign(length, 's');
        vector.metadata.tags.assign(length, "t");
        vector.version = static_cast<int>(length);
        expect_same(vector, vector_of(bytes_of(vector)));
        vector.version = -vector.version;
        expect_same(vector, vector_of(bytes_of(vector)));
    }
}

TEST(Compact, AnUnsetScoreKeepsItsBits) {
    for (const std::uint32_t bits : {0x80000000u, 1u, 0x7f800001u, 0xffffffffu}) {
        auto vector = small_vector("v");
        vector.metadata.score = std::bit_cast<float>(bits);
        EXPECT_EQ(bits, std::bit_cast<std::uint32_t>(vector_of(bytes_of(vector)).metadata.score));
    }
}

TEST(Compact, MembersOfALaterVersionArePassedOver) {
    EXPECT_EQ("s", vector_of(std::string("\x01\xb8\x03\x13\x61s\x17\x82\x01\xa1\x61x\xf6\x19\x03\xe8\x60", 17)).shard);
}

// What the adapter wrote before it wrote numbered records.

TEST(Compact, JsonOfAnEarlierVersionIsRead) {
    expect_same(small_vector("v"), vector_of(R"({"deleted":false,"metadata":{"score":0.0},"version":1})"));
    expect_same(
        full_vector("v"),
        vector_of(
            R"({"databaseId":"elsewhere","deleted":true,"embedding_model":{"input_type":"text","name":"model","provider":)"
            R"("provider","version":"3"},"index":{"parameters":{"M":16,"deep":{"a":{"b":[1,2]}}},"type":"HNSW","version":"2"},)"
            R"("metadata":{"category":"category","created_at":"2020","custom":{"":true,"f":0.1,"list":[1,"two",{"three":3}],)"
            R"("n":1,"null":null},"owner":"owner","permissions":["read","write"],"score":0.10000000149011612,"source":"source",)"
            R"("status":"active","tags":["a","","a"],"updated_at":"2021"},"replicas":["node-1","node-2"],"shard":"shard-1",)"
            R"("version":7})"));
}

TEST(Compact, CborOfAnEarlierVersionIsRead) {
    const char written[] =
        "\xa8jdatabaseIdielsewheregdeleted\xf5oembedding_model\xa4jinput_typedtextdnameemodelhproviderhproviderg"
        "version\x61"
        "3eindex\xa3jparameters\xa2\x61M\x10\x64\x64\x65\x65p\xa1\x61\x61\xa1\x61\x62\x82\x01\x02\x64typedHNSWgversion\x61"
        "2hmetadata\xaahcategoryhcategoryjcreated_at\x64"
        "2020fcustom\xa3\x61\x62\x43\x01\x02\xff\x65minus$cnan\xf9|\x00\x65owner\x64\x43\x61\x66\xe9kpermissions\x82\x64read"
        "\x65write\x65score\xa1\x64\x62its\x1a\x7f\xc1#Efsourcefsourcefstatusfactive\x64tags\x83\x61\x61`\x61\x61jupdated_at\x64"
        "2021hreplicas\x82\x66node-1\x66node-2\x65shardgshard-1gversion\x07";
    auto expected = odd_vector();
    expected.metadata.custom = {
        {"nan", std::numeric_limits<double>::infinity()}, {"b", Json::binary({1, 2, 0xff})}, {"minus", -5}};
    expect_same(expected, vector_of({written, sizeof written - 1}));
}

TEST(Compact, RecordsOfAnEarlierVersionAreReadBesideNewOnesAndReplacedByThem) {
    Directory directory;
    DatabasePersistenceAdapter adapter(directory.path);
    value(adapter.create_database(small_database("d", "n")));
    const std::string old = R"({"deleted":false,"metadata":{"owner":"o","score":0.0},"version":2})";
    const std::string id(600, 'x');
    std::string buffer;
    {
        auto database = adapter.storage().database("d");
        database.put("old", values_of(1), old);
        database.put(jvdb::adapter::key_of(id, buffer), values_of(2), R"({"id":")" + id + R"(","version":3})");
    }
    done(adapter.store_vector("d", full_vector("new")));
    EXPECT_EQ((std::vector<std::string>{"new", "old", id}), value(adapter.get_all_vector_ids("d")));
    auto vector = value(adapter.retrieve_vector("d", "old"));
    EXPECT_EQ(std::tuple("o", 2, "d"), std::tuple(vector.metadata.owner, vector.version, vector.databaseId));
    EXPECT_EQ(3, value(adapter.retrieve_vector("d", id)).version);
    done(adapter.update_vector("d", vector));
    EXPECT_EQ(1, adapter.storage().database("d").get("old")->metadata().front());
    expect_same(vector, value(adapter.retrieve_vector("d", "old")));
}

TEST(Compact, ACutRecordIsDataLossAtEveryByte) {
    const auto adapter = DatabasePersistenceAdapter::in_memory();
    value(adapter->create_database(small_database("d", "n")));
    for (const auto& whole : {bytes_of(full_vector("v")), bytes_of(odd_vector())}) {
        for (std::size_t length = 1; length < whole.size(); ++length) {
            adapter->storage().database("d").put("v", values_of(1), whole.substr(0, length));
            const auto found = adapter->retrieve_vector("d", "v");
            ASSERT_EQ(ErrorCode::DATA_LOSS, code(found)) << length;
            EXPECT_NE(std::string::npos, found.error().message.find("vector v of database d: a record is not what it"))
                << found.error().message;
        }
        adapter->storage().database("d").put("v", values_of(1), whole + '\0');
        EXPECT_CODE(DATA_LOSS, adapter->retrieve_vector("d", "v"));
    }
}

TEST(Compact, WhatNoRecordIsIsDataLoss) {
    const auto adapter = DatabasePersistenceAdapter::in_memory();
    value(adapter->create_database(small_database("d", "n")));
    using namespace std::string_literals;
    const auto endless = "\x9b\x0f\xff\xff\xff\xff\xff\xff\xff"s;
    std::string arrays, deep = "\x01\xb8\x01\x0b\xa1\x61x"s + std::string(100000, '\x81') + '\0';
    for (int i = 0; i < 900; ++i) arrays += "\x99\x40\x00"s;
    const std::vector<std::string> wrong{
        "\x01"s,                               // no map
        "\x01\x81\x00"s,                       // an array
        "\x01\xbf\xff"s,                       // no length that is known beforehand
        "\x01\xb8\x02\x13\x61s\x13\x61s"s,     // a member twice
        "\x01\xb8\x02\x13\x61s\x04\x61s"s,     // out of order
        "\x01\xb8\x01\x61s\x61s"s,             // a member that is no number
        "\x01\xb8\x01\x13\x01"s,               // a shard that is a number
        "\x01\xb8\x01\x13\x41s"s,              // or bytes
        "\x01\xb8\x01\x02\xf6"s,               // a source that is null
        "\x01\xb8\x01\x05\x61s"s,              // tags that are no array
        "\x01\xb8\x01\x09\x01"s,               // a score that is a whole number
        "\x01\xb8\x01\x0b\x80"s,               // a custom that is an array
        "\x01\xb8\x01\x0b\xa2\x61x\x01\x61x\x02"s,                 // a name twice
        "\x01\xb8\x01\x0b\xa1\x61x\xc1\x01"s,                      // a tag of no bytes
        "\x01\xb8\x01\x0b\xa1\x61x\xf9\x00\x00"s,                  // a float of 16 bits
        "\x01\xb8\x01\x0b\xa1\x61x\x1c"s,                          // no head
        "\x01\xb8\x01\x0b\xa1\x61x\x3b\xff\xff\xff\xff\xff\xff\xff\xff"s,  // below -2^63
        "\x01\xb8\x01\x15\x1a\xff\xff\xff\xff"s,                   // a version that no int is
        "\x01\xb8\x01\x15\xf5"s,                                   // or that is true
        "\x01\xb8\x01\x16\x01"s,                                   // a deleted that is 1
        "\x01\xb8\x01\x1b\xff\xff\xff\xff\xff\xff\xff\xff\x00"s,   // the last of all numbers
        "\x01\xb8\x01\x13\x7b\xff\xff\xff\xff\xff\xff\xff\xff"s,   // a text of all memory
        "\x01\xb8\x01\x05"s + endless,
        "\x01\xb8\x01\x0b\xa1\x61x"s + endless,
        "\x01\xb8\x01\x0b\xa1\x61x"s + arrays + std::string(1 << 15, '\0'),
        deep,
        "\x01\xb8\x01\x17"s + std::string(100000, '\x81'),
        "plain text"s,
        "{"s,
        "{\"version\":\"x\"}"s,
    };
    for (std::size_t at = 0; at < wrong.size(); ++at) {
        adapter->storage().database("d").put("v", values_of(1), wrong[at]);
        EXPECT_EQ(ErrorCode::DATA_LOSS, code(adapter->retrieve_vector("d", "v"))) << at;
        EXPECT_EQ(ErrorCode::DATA_LOSS, code(adapter->retrieve_vectors("d", {"v"}))) << at;
    }
}

TEST(Compact, BytesThatNobodyWroteAreAVectorOrARefusal) {
    std::mt19937_64 random(11);
    const std::vector<std::string> seeds{bytes_of(full_vector("v")), bytes_of(odd_vector()), std::string("\x01\xb8\x02", 3)};
    std::size_t read = 0, refused = 0;
    for (int round = 0; round < 100000; ++round) {
        auto bytes = seeds[random() % seeds.size()];
        for (auto changes = random() % 8; changes > 0; --changes) {
            const auto at = random() % bytes.size();
            switch (random() % 4) {
                case 0: bytes[at] = static_cast<char>(random()); break;
                case 1: bytes[at] = static_cast<char>(bytes[at] ^ (1 << random() % 8)); break;
                case 2: bytes.insert(at, 1, static_cast<char>(random())); break;
                default: bytes.erase(at, random() % 4); break;
            }
            if (bytes.empty()) bytes = "\x01";
        }
        bytes[0] = 1;
        try {
            // What was read can be stored, and is read again.
            const auto stored = bytes_of(vector_of(bytes));
            ASSERT_TRUE(stored == bytes_of(vector_of(stored))) << "round " << round;
            ++read;
        } catch (const jvdb::adapter::Refusal& refusal) {
            ASSERT_EQ(jvdb::adapter::Code::DATA_LOSS, refusal.code) << refusal.what();
            ++refused;
        }
    }
    EXPECT_GT(read, 1000u);
    EXPECT_GT(refused, 1000u);
}

}  // namespace
