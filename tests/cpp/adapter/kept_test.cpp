// Databases that come, go and change while threads store and read in them: every call answers for a database that there is,
// and nothing that was acknowledged is lost.
#include "fixture.hpp"

#include <atomic>
#include <thread>

namespace {

/// Each of them does its work in a thread of its own, until one is done with its rounds.
template <class Rounds, class... Work>
void beside(Rounds&& rounds, Work&&... work) {
    std::atomic<bool> over{false};
    std::vector<std::thread> threads;
    (threads.emplace_back([&over, &work] {
        while (!over) work();
    }), ...);
    try {
        rounds();
    } catch (const std::exception& error) {
        ADD_FAILURE() << error.what();
    }
    over = true;
    for (auto& thread : threads) thread.join();
}

/// In a directory, and in memory.
template <class Test>
void both(Test&& test) {
    Directory directory;
    DatabasePersistenceAdapter adapter(directory.path, {.max_open_files = 5, .log_flushes = false});
    test(adapter, false);
    test(*DatabasePersistenceAdapter::in_memory(), true);
}

#define EXPECT_ONE_OF(result, ...)                                                                                    \
    do {                                                                                                              \
        const auto result_ = code(result);                                                                            \
        const auto allowed_ = {ErrorCode::SUCCESS, __VA_ARGS__};                                                      \
        EXPECT_TRUE(std::find(allowed_.begin(), allowed_.end(), result_) != allowed_.end()) << static_cast<int>(result_); \
    } while (false)

TEST(Kept, AHandleOfADatabaseThatIsGoneServesNobody) {
    both([](auto& adapter, bool) {
        for (int round = 0; round < 10; ++round) {
            value(adapter.create_database(small_database("d", "n")));
            EXPECT_CODE(NOT_FOUND, adapter.retrieve_vector("d", "v"));
            done(adapter.store_vector("d", small_vector("v", static_cast<std::size_t>(round))));
            EXPECT_EQ(values_of(static_cast<std::size_t>(round)), value(adapter.retrieve_vector("d", "v")).values);
            done(adapter.delete_database("d"));
            EXPECT_CODE(NOT_FOUND, adapter.retrieve_vector("d", "v"));
            EXPECT_CODE(NOT_FOUND, adapter.store_vector("d", small_vector("v")));
        }
    });
}

TEST(Kept, WhatIsDroppedBehindTheAdaptersBackIsFoundAnew) {
    both([](auto& adapter, bool) {
        auto& storage = adapter.storage();
        for (int round = 0; round < 3; ++round) {
            value(adapter.create_database(small_database("d", "n")));
            done(adapter.store_vector("d", small_vector("v")));
            storage.drop("d");
            EXPECT_CODE(NOT_FOUND, adapter.retrieve_vector("d", "v"));
            storage.create("d", 8).put("w", values_of(2, 8));
            EXPECT_EQ(values_of(2, 8), value(adapter.retrieve_vector("d", "w")).values);
            storage.drop("d");
        }
    });
}

TEST(Kept, NothingIsKeptOpenThatWasDeletedOrIsToBeRepaired) {
    Directory directory;
    DatabasePersistenceAdapter adapter(directory.path);
    for (const char* id : {"a", "b"}) {
        value(adapter.create_database(small_database(id, id)));
        done(adapter.store_vector(id, small_vector("v")));
    }
    done(adapter.delete_database("a"));
    EXPECT_EQ(1u, adapter.storage().stats().open_files);
    value(adapter.retrieve_vector("b", "v"));
    EXPECT_NO_THROW(adapter.storage().repair("b"));
    EXPECT_EQ(values_of(1), value(adapter.retrieve_vector("b", "v")).values);
}

TEST(Kept, MoreDatabasesThanMayBeOpenServeManyThreads) {
    Directory directory;
    DatabasePersistenceAdapter adapter(directory.path, {.max_open_files = 5, .log_flushes = false});
    std::vector<std::string> ids;
    for (int i = 0; i < 20; ++i) {
        ids.push_back(std::to_string(i));
        value(adapter.create_database(small_database(ids.back(), ids.back())));
    }
    std::vector<std::thread> threads;
    for (std::size_t first = 0; first < 4; ++first) {
        threads.emplace_back([&, first] {
            for (std::size_t i = 0; i < 500; ++i) {
                const auto& id = ids[(first * 5 + i * (first + 1)) % ids.size()];
                const auto name = std::to_string(first) + "-" + std::to_string(i);
                const auto stored = adapter.store_vector(id, small_vector(name, i));
                ASSERT_TRUE(stored) << stored.error().message;
                ASSERT_EQ(values_of(i), value(adapter.retrieve_vector(id, name)).values);
            }
        });
    }
    for (auto& thread : threads) thread.join();
    std::size_t count = 0;
    for (const auto& id : ids) count += value(adapter.get_vector_count(id));
    EXPECT_EQ(2000u, count);
    EXPECT_LE(adapter.storage().stats().open_files, 5u);
}

TEST(Kept, DatabasesComeAndGoBesideTheirReadersAndWriters) {
    both([](auto& adapter, bool in_memory) {
        std::atomic<std::size_t> stored{0};
        const auto write = [&] {
            const auto put = adapter.store_vector("d", small_vector("v"));
            EXPECT_ONE_OF(put, ErrorCode::NOT_FOUND);
            if (put) ++stored;
            EXPECT_ONE_OF(adapter.batch_store_vectors("d", {small_vector("w"), full_vector("x")}), ErrorCode::NOT_FOUND);
        };
        const auto read = [&] {
            const auto found = adapter.retrieve_vector("d", "v");
            EXPECT_ONE_OF(found, ErrorCode::NOT_FOUND);
            if (found) {
                EXPECT_EQ(values_of(1), found->values);
            }
            EXPECT_ONE_OF(adapter.retrieve_vectors("d", {"v", "w"}), ErrorCode::NOT_FOUND);
            EXPECT_ONE_OF(adapter.delete_vector("d", "x"), ErrorCode::NOT_FOUND);
            EXPECT_ONE_OF(adapter.get_vector_count("d"), ErrorCode::NOT_FOUND);
        };
        beside(
            [&] {
                for (int round = 0; round < 100; ++round) {
                    value(adapter.create_database(small_database("d", "n")));
                    auto renamed = small_database("d", "other");
                    done(adapter.update_database("d", renamed));
                    const auto before = stored.load();
                    for (int wait = 0; stored == before && wait < 1000; ++wait) std::this_thread::yield();
                    // In memory one that is made again takes its place.
                    if (!in_memory || round % 2 == 0) done(adapter.delete_database("d"));
                }
            },
            write, read);
        EXPECT_GT(stored, 0u);
    });
}

TEST(Kept, AnAcknowledgedVectorOutlivesAChangeOfItsDimension) {
    both([](auto& adapter, bool) {
        std::size_t changed = 0, refused = 0;
        for (int round = 0; round < 200; ++round) {
            value(adapter.create_database(small_database("d", "n", 4)));
            if (round % 2 == 0) {  // its handle is kept
                EXPECT_CODE(NOT_FOUND, adapter.retrieve_vector("d", "v"));
            }
            std::atomic<int> ready{0};
            const auto together = [&] {
                for (++ready; ready < 2;) std::this_thread::yield();
            };
            bool stored = false;
            std::thread writer([&] {
                together();
                for (int i = 0; i < round % 7; ++i) std::this_thread::yield();
                stored = adapter.store_vector("d", small_vector("v")).has_value();
            });
            together();
            const auto widened = adapter.update_database("d", small_database("d", "n", 8));
            writer.join();
            widened ? ++changed : ++refused;
            ASSERT_NE(stored, widened.has_value()) << "both or none was done in round " << round;
            ASSERT_EQ(stored ? 1u : 0u, value(adapter.get_vector_count("d"))) << round;
            done(adapter.delete_database("d"));
        }
        std::cout << "changed " << changed << " times, refused " << refused << " times\n";
    });
}

TEST(Kept, AHandleThatIsInUseIsFreedAfterItsUse) {
    auto storage = jvdb::Storage::memory();
    auto& place = *jvdb::adapter::place_of_thread();
    jvdb::adapter::Kept kept(1);
    storage.create("a", 4), storage.create("b", 4);
    {
        const auto a = kept.add("a", storage.database("a"), true);
        EXPECT_TRUE(jvdb::adapter::is_in_use(place.used));
        // One that calls while it is called gets a handle of its own.
        EXPECT_FALSE(kept.find("a"));
        auto nested = kept.add("a", storage.database("a"), true);
        EXPECT_NE(&a.database(), &nested.database());
        std::thread([&] {
            EXPECT_TRUE(kept.find("a"));
            kept.add("b", storage.database("b"), true);  // takes the only slot
            EXPECT_FALSE(kept.find("a"));
            kept.forget("b");
        }).join();
        EXPECT_EQ(0u, a.database().count());
    }
    EXPECT_FALSE(jvdb::adapter::is_in_use(place.used.load() == nullptr ? &place : place.used.load()));
    EXPECT_FALSE(kept.find("a"));
    EXPECT_FALSE(kept.find("b"));
    kept.forget_and_wait("a");
}

TEST(Kept, AThreadThatEndsLeavesItsPlace) {
    const auto count = [] {
        std::size_t count = 0;
        for (auto* place = jvdb::adapter::places.load(); place != nullptr; place = place->next) ++count;
        return count;
    };
    std::thread([] { EXPECT_NE(nullptr, jvdb::adapter::place_of_thread()); }).join();
    const auto before = count();
    for (int i = 0; i < 10; ++i) {
        std::thread([] { EXPECT_NE(nullptr, jvdb::adapter::place_of_thread()); }).join();
    }
    EXPECT_EQ(before, count());
}

}  // namespace
