// What programs written for the in-memory class rely on, and a difference from it would break.
#include "fixture.hpp"
#include "in_memory_model.hpp"

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <random>
#include <sstream>
#include <sys/resource.h>

namespace {

/// Every call, at random, over a few ids, some of which exist: the adapter in memory answers as the model does.
class Differential {
public:
    explicit Differential(unsigned seed) : random_(seed) {}

    void run(std::size_t calls) {
        for (std::size_t call = 0; call < calls && !testing::Test::HasFailure(); ++call) step();
    }

private:
    std::size_t below(std::size_t count) { return random_() % count; }
    const std::string& one_of(const std::vector<std::string>& list) { return list[below(list.size())]; }
    std::string database_id() { return one_of(databases_); }
    std::string vector_id() { return one_of(vectors_); }

    Database database() {
        auto database = small_database(below(4) == 0 ? "" : database_id(), below(8) == 0 ? "" : "name",
                                       static_cast<int>(below(5)) - 1 + (below(3) > 0 ? 2 : 0));
        database.description = std::to_string(below(100));
        return database;
    }

    Vector vector() {
        auto vector = below(2) == 0 ? full_vector(vector_id(), below(50), below(5)) : small_vector(vector_id(), 1, 3);
        if (below(3) == 0) vector.databaseId.clear();
        return vector;
    }

    std::vector<Vector> some_vectors() {
        std::vector<Vector> batch(below(4));
        for (auto& vector : batch) vector = this->vector();
        return batch;
    }

    std::vector<std::string> some_ids() {
        std::vector<std::string> ids(below(5));
        for (auto& id : ids) id = vector_id();
        return ids;
    }

    /// Indexes get ids of their own on both sides; both are asked for the one of the same place.
    std::pair<std::string, std::string> index_ids(const std::string& database) {
        const auto ours = adapter_->list_indexes(database), theirs = model_.list_indexes(database);
        if (!ours || !theirs || ours->empty() || theirs->size() != ours->size() || below(5) == 0) return {"none", "none"};
        const auto place = below(ours->size());
        return {(*ours)[place].indexId, (*theirs)[place].indexId};
    }

    template <class Ours, class Theirs>
    bool same_code(const char* call, const std::string& about, const Ours& ours, const Theirs& theirs) {
        EXPECT_EQ(code(theirs), code(ours)) << call << " " << about << ": " << (ours ? "" : ours.error().message);
        return ours && theirs;
    }

    void step() {
        const auto id = database_id();
        switch (below(21)) {
            case 0: {
                auto database = this->database();
                if (database.databaseId.empty()) database.databaseId = database_id();
                same_code("create_database", database.databaseId, adapter_->create_database(database),
                          model_.create_database(database));
                break;
            }
            case 1: {
                const auto ours = adapter_->get_database(id), theirs = model_.get_database(id);
                if (!same_code("get_database", id, ours, theirs)) break;
                EXPECT_EQ(theirs->databaseId, ours->databaseId);
                EXPECT_EQ(std::tie(theirs->name, theirs->vectorDimension, theirs->description),
                          std::tie(ours->name, ours->vectorDimension, ours->description));
                break;
            }
            case 2: EXPECT_EQ(model_.list_databases()->size(), value(adapter_->list_databases()).size()); break;
            case 3: {
                const auto database = this->database();
                // A database with vectors keeps its dimension: the one difference.
                const auto there = model_.get_database(id);
                if (there && there->vectorDimension != database.vectorDimension && *model_.get_vector_count(id) > 0) break;
                same_code("update_database", id, adapter_->update_database(id, database),
                          model_.update_database(id, database));
                break;
            }
            case 4:
                if (below(4) == 0) {
                    same_code("delete_database", id, adapter_->delete_database(id), model_.delete_database(id));
                }
                break;
            case 5: case 6: {
                const auto vector = this->vector();
                same_code("store_vector", vector.id, adapter_->store_vector(id, vector), model_.store_vector(id, vector));
                break;
            }
            case 7: case 8: {
                const auto vector = vector_id();
                const auto ours = adapter_->retrieve_vector(id, vector), theirs = model_.retrieve_vector(id, vector);
                if (same_code("retrieve_vector", vector, ours, theirs)) expect_same(*theirs, *ours);
                break;
            }
            case 9: {
                const auto ids = some_ids();
                const auto ours = adapter_->retrieve_vectors(id, ids), theirs = model_.retrieve_vectors(id, ids);
                if (!same_code("retrieve_vectors", id, ours, theirs)) break;
                ASSERT_EQ(theirs->size(), ours->size());
                for (std::size_t i = 0; i < ours->size(); ++i) expect_same((*theirs)[i], (*ours)[i]);
                break;
            }
            case 10: {
                const auto vector = this->vector();
                same_code("update_vector", vector.id, adapter_->update_vector(id, vector),
                          model_.update_vector(id, vector));
                break;
            }
            case 11: {
                const auto vector = vector_id();
                same_code("delete_vector", vector, adapter_->delete_vector(id, vector), model_.delete_vector(id, vector));
                break;
            }
            case 12: {
                const auto batch = some_vectors();
                same_code("batch_store_vectors", id, adapter_->batch_store_vectors(id, batch),
                          model_.batch_store_vectors(id, batch));
                break;
            }
            case 13: {
                const auto ids = some_ids();
                same_code("batch_delete_vectors", id, adapter_->batch_delete_vectors(id, ids),
                          model_.batch_delete_vectors(id, ids));
                break;
            }
            case 14: {
                const auto index = full_index(below(2) == 0 ? "" : "given");
                same_code("create_index", id, adapter_->create_index(id, index), model_.create_index(id, index));
                break;
            }
            case 15: {
                const auto [mine, its] = index_ids(id);
                const auto ours = adapter_->get_index(id, mine), theirs = model_.get_index(id, its);
                if (same_code("get_index", id, ours, theirs)) {
                    EXPECT_EQ(theirs->type, ours->type);
                }
                EXPECT_EQ(*model_.index_exists(id, its), value(adapter_->index_exists(id, mine)));
                break;
            }
            case 16: {
                const auto [mine, its] = index_ids(id);
                auto index = full_index("other");
                index.type = "IVF";
                same_code("update_index", id, adapter_->update_index(id, mine, index), model_.update_index(id, its, index));
                break;
            }
            case 17: {
                const auto [mine, its] = index_ids(id);
                same_code("delete_index", id, adapter_->delete_index(id, mine), model_.delete_index(id, its));
                break;
            }
            case 18: {
                EXPECT_EQ(*model_.database_exists(id), value(adapter_->database_exists(id))) << id;
                const auto vector = vector_id();
                EXPECT_EQ(*model_.vector_exists(id, vector), value(adapter_->vector_exists(id, vector))) << vector;
                break;
            }
            case 19: EXPECT_EQ(*model_.get_vector_count(id), value(adapter_->get_vector_count(id))) << id; break;
            case 20: {
                auto ours = adapter_->get_all_vector_ids(id), theirs = model_.get_all_vector_ids(id);
                if (same_code("get_all_vector_ids", id, ours, theirs)) {
                    std::sort(theirs->begin(), theirs->end());
                    EXPECT_EQ(*theirs, *ours);
                }
                break;
            }
        }
    }

    std::minstd_rand random_;
    std::unique_ptr<DatabasePersistenceAdapter> adapter_ = DatabasePersistenceAdapter::in_memory();
    InMemoryModel model_;
    const std::vector<std::string> databases_{"a",  "b",  "a b", "..", "x/y", "C:\\data", "\xE9", std::string("n\0l", 3),
                                              "\n", "\t", std::string(246, 'l'), std::string(300, 'l'),
                                              "sha256-" + std::string(64, 'a')};
    const std::vector<std::string> vectors_{"", "1", "two", std::string(511, 'x'), std::string(512, 'x'),
                                            std::string(600, 'x'), std::string("\0", 1), "\xFF"};
};

TEST(Original, AnswersInMemoryAreThoseOfTheInMemoryClass) {
    // Under valgrind each call takes fifty times as long; what it sees shows in a few.
    const int calls = std::getenv("JVDB_UNDER_VALGRIND") != nullptr ? 200 : 6000;
    for (unsigned seed = 1; seed <= 5 && !HasFailure(); ++seed) Differential(seed).run(calls);
}

TEST(Original, AnInvalidDescriptionIsFoundBeforeAMissingDatabase) {
    const auto adapter = DatabasePersistenceAdapter::in_memory();
    EXPECT_CODE(INVALID_ARGUMENT, adapter->update_database("none", small_database("none", "")));
    EXPECT_CODE(INVALID_ARGUMENT, adapter->update_database("none", small_database("", "name")));
    EXPECT_CODE(NOT_FOUND, adapter->update_database("none", small_database("none", "name")));
}

TEST(Original, ARefusedCreationLeavesWhatWasThere) {
    const auto adapter = DatabasePersistenceAdapter::in_memory();
    value(adapter->create_database(small_database("d", "name")));
    done(adapter->store_vector("d", small_vector("v")));
    EXPECT_CODE(INVALID_ARGUMENT, adapter->create_database(small_database("d", "name", 65537)));
    auto long_one = small_database("d", "name");
    long_one.description = std::string(17 << 20, 'x');
    EXPECT_CODE(INVALID_ARGUMENT, adapter->create_database(long_one));
    EXPECT_EQ(1u, value(adapter->get_vector_count("d")));
}

/// A limit for the length of files, for as long as this lives. Whatever writes beyond it fails.
class FileLimit {
public:
    explicit FileLimit(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
        ::getrlimit(RLIMIT_FSIZE, &before_);
        const rlimit limit{bytes, before_.rlim_max};
        ::setrlimit(RLIMIT_FSIZE, &limit);
    }
    ~FileLimit() {
        ::setrlimit(RLIMIT_FSIZE, &before_);
        std::signal(SIGXFSZ, handler_);
    }

private:
    rlimit before_{};
    void (*handler_)(int);
};

TEST(Original, ACreationForWhichThereIsNoRoomLeavesNoDatabase) {
    Directory directory;
    DatabasePersistenceAdapter adapter(directory.path);
    auto database = small_database("d", "name");
    database.description = std::string(1 << 20, 'x');
    {
        const FileLimit limit(256 << 10);
        EXPECT_FALSE(adapter.create_database(database));
    }
    EXPECT_FALSE(value(adapter.database_exists("d")));
    EXPECT_TRUE(value(adapter.list_databases()).empty());
    EXPECT_EQ("d", value(adapter.create_database(database)));
}

/// A program that counts its own calls.
class Derived : public DatabasePersistenceAdapter {
public:
    Derived() : DatabasePersistenceAdapter(InMemory()) {}

    jadevectordb::Result<void> store_vector(const std::string& database, const Vector& vector) override {
        ++stored;
        return DatabasePersistenceAdapter::store_vector(database, vector);
    }

    int stored = 0;
};

TEST(Original, AProgramDerivesFromTheOneInMemory) {
    Derived derived;
    value(derived.create_database(small_database("d", "name")));
    done(derived.store_vector("d", small_vector("v")));
    EXPECT_EQ(1, derived.stored);
    EXPECT_EQ(1u, value(derived.get_vector_count("d")));
}

TEST(Original, AnEmptyDatabaseGetsAnotherDimensionAndKeepsAllElse) {
    Directory directory;
    {
        DatabasePersistenceAdapter adapter(directory.path);
        const auto id = value(adapter.create_database(small_database("", "name", 4)));
        done(adapter.create_index(id, full_index("i")));
        done(adapter.store_vector(id, small_vector("v")));
        EXPECT_CODE(VECTOR_DIMENSION_MISMATCH, adapter.update_database(id, small_database(id, "name", 8)));
        done(adapter.delete_vector(id, "v"));
        auto wanted = small_database(id, "name", 8);
        wanted.description = "wider";
        done(adapter.update_database(id, wanted));
        EXPECT_CODE(VECTOR_DIMENSION_MISMATCH, adapter.store_vector(id, small_vector("v")));
        done(adapter.store_vector(id, small_vector("v", 1, 8)));
        EXPECT_EQ(id, value(adapter.create_database(small_database("", "name", 8))));
        EXPECT_EQ(1u, value(adapter.list_databases()).size());
    }
    DatabasePersistenceAdapter adapter(directory.path);
    const auto id = value(adapter.list_databases())[0].databaseId;
    EXPECT_EQ(8, value(adapter.get_database(id)).vectorDimension);
    EXPECT_EQ("wider", value(adapter.get_database(id)).description);
    EXPECT_EQ(1u, value(adapter.list_indexes(id)).size());
    EXPECT_EQ(1u, value(adapter.get_vector_count(id)));
}

TEST(Original, AVectorWithoutADatabaseIdHasThatOfItsDatabase) {
    Directory directory;
    DatabasePersistenceAdapter adapter(directory.path);
    value(adapter.create_database(small_database("d", "name")));
    auto vector = small_vector("v");
    done(adapter.store_vector("d", vector));
    EXPECT_EQ("d", value(adapter.retrieve_vector("d", "v")).databaseId);
    EXPECT_EQ("d", value(adapter.retrieve_vectors("d", {"v"}))[0].databaseId);
    vector.databaseId = "elsewhere";
    done(adapter.store_vector("d", vector));
    EXPECT_EQ("elsewhere", value(adapter.retrieve_vector("d", "v")).databaseId);
}

/// What std::clog is told while this lives.
class Logged {
public:
    Logged() : before_(std::clog.rdbuf(text_.rdbuf())) {}
    ~Logged() { std::clog.rdbuf(before_); }
    std::string text() const { return text_.str(); }

private:
    std::ostringstream text_;
    std::streambuf* before_;
};

TEST(Original, TheLogOfFlushesCanBeSwitchedOff) {
    Directory directory;
    for (const bool log : {true, false}) {
        DatabasePersistenceAdapter adapter(directory.path, {.log_flushes = log});
        const Logged logged;
        adapter.flush_all();
        EXPECT_EQ(log, logged.text().find("flush completed") != std::string::npos) << logged.text();
    }
    const auto adapter = DatabasePersistenceAdapter::in_memory();
    const Logged logged;
    adapter->flush_all();
    EXPECT_EQ("", logged.text());
}

}  // namespace
