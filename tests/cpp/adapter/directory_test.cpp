// What only a directory has: restarts, many databases, many threads, and other users of it.
#include "fixture.hpp"

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace {

TEST(Directories, EverythingSurvivesARestart) {
    Directory directory;
    const auto database = full_database();
    const auto vector = full_vector("v", 1, 8);
    const auto index = full_index("i");
    {
        DatabasePersistenceAdapter adapter(directory.path, nullptr, nullptr, nullptr);
        value(adapter.create_database(database));
        done(adapter.store_vector("full", vector));
        done(adapter.create_index("full", index));
        value(adapter.create_database(small_database("", "by name")));
    }
    DatabasePersistenceAdapter adapter(directory.path);
    expect_same(database, value(adapter.get_database("full")));
    expect_same(vector, value(adapter.retrieve_vector("full", "v")));
    expect_same(index, value(adapter.get_index("full", "i")));
    EXPECT_EQ(2u, value(adapter.list_databases()).size());
    value(adapter.create_database(small_database("", "by name")));
    EXPECT_EQ(2u, value(adapter.list_databases()).size());
    EXPECT_TRUE(fs::is_regular_file(directory.path / "full" / "vectors.jvdb"));
    EXPECT_TRUE(adapter.conversion_reports().empty());
}

TEST(Directories, WhatWasAcknowledgedSurvivesAKill) {
    Directory directory;
    const pid_t child = ::fork();
    if (child == 0) {
        DatabasePersistenceAdapter adapter(directory.path);
        bool good = adapter.create_database(small_database("d", "n")).has_value();
        for (std::size_t i = 0; i < 1000; ++i) {
            good = good && adapter.store_vector("d", full_vector(std::to_string(i), i)).has_value();
        }
        good = good && adapter.create_index("d", full_index("i")).has_value();
        if (good) ::raise(SIGKILL);  // no destructor, no flush
        ::_exit(1);
    }
    int status = -1;
    ::waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status)) << status;
    DatabasePersistenceAdapter adapter(directory.path);
    EXPECT_EQ(1000u, value(adapter.get_vector_count("d")));
    expect_same(full_vector("999", 999), value(adapter.retrieve_vector("d", "999")));
    expect_same(full_index("i"), value(adapter.get_index("d", "i")));
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST(Directories, AForkedChildIsRefusedAndWaitsForNoLock) {
    if (std::getenv("JVDB_UNDER_VALGRIND") != nullptr) GTEST_SKIP() << "valgrind does not follow threads across a fork";
    Directory directory;
    auto adapter = std::make_unique<DatabasePersistenceAdapter>(directory.path);
    value(adapter->create_database(small_database("kept", "kept")));
    std::atomic<bool> stop{false};
    std::thread other([&] {
        while (!stop) {
            done(adapter->store_vector("kept", small_vector("v")));
            value(adapter->create_database(small_database("d", "d")));
            done(adapter->delete_database("d"));
        }
    });
    for (int i = 0; i < 20; ++i) {
        const pid_t child = ::fork();
        if (child == 0) {
            ::alarm(20);  // should it hang
            const auto refused = [](const auto& result) { return code(result) == ErrorCode::FAILED_PRECONDITION; };
            bool good = refused(adapter->create_database(small_database("child", "child")));
            good = good && refused(adapter->update_database("kept", small_database("kept", "other")));
            good = good && refused(adapter->delete_database("kept")) && refused(adapter->list_databases());
            good = good && refused(adapter->store_vector("kept", small_vector("w")));
            good = good && refused(adapter->retrieve_vector("kept", "v"));
            good = good && refused(adapter->create_index("kept", Index()));
            adapter.reset();
            ::_exit(good ? 0 : 1);
        }
        int status = -1;
        ::waitpid(child, &status, 0);
        EXPECT_EQ(0, status);
    }
    stop = true;
    other.join();
    EXPECT_EQ(1u, value(adapter->list_databases()).size());
}
#endif

TEST(Directories, ACreationCutShortLeavesNothing) {
    Directory directory;
    {
        // All that such a creation has done: the file is there, the record is not.
        DatabasePersistenceAdapter adapter(directory.path);
        adapter.storage().create("made", 4);
        adapter.storage().create("given", 4);
    }
    DatabasePersistenceAdapter adapter(directory.path);
    EXPECT_EQ("given", value(adapter.create_database(small_database("given", "n"))));
    value(adapter.create_database(small_database("", "other")));
    EXPECT_FALSE(value(adapter.database_exists("made")));
}

TEST(Directories, HundredAndFiftyDatabases) {
    Directory directory;
    const int count = 150;
    for (const bool again : {false, true}) {
        DatabasePersistenceAdapter adapter(directory.path, DatabasePersistenceAdapter::Options{.max_open_files = 5});
        for (int i = 0; i < count; ++i) {
            const auto id = "db-" + std::to_string(i);
            if (!again) value(adapter.create_database(small_database(id, id, i + 1)));
            const auto vector = full_vector("v", static_cast<std::size_t>(i), static_cast<std::size_t>(i + 1));
            if (!again) done(adapter.store_vector(id, vector));
            expect_same(vector, value(adapter.retrieve_vector(id, "v")));
        }
        EXPECT_EQ(static_cast<std::size_t>(count), value(adapter.list_databases()).size());
        EXPECT_LE(adapter.storage().stats().open_files, 5u);
    }
}

TEST(Directories, EightThreads) {
    Directory directory;
    DatabasePersistenceAdapter adapter(directory.path, DatabasePersistenceAdapter::Options{.max_open_files = 8});
    for (int i = 0; i < 12; ++i) {
        value(adapter.create_database(small_database("d" + std::to_string(i), std::to_string(i))));
    }
    std::atomic<std::size_t> wrong{0};
    std::vector<std::thread> threads;
    for (std::size_t thread = 0; thread < 8; ++thread) {
        threads.emplace_back([&, thread] {
            const auto own = "own-" + std::to_string(thread);
            for (std::size_t round = 0; round < 300; ++round) {
                const auto database = "d" + std::to_string((round * 5 + thread) % 12);
                const auto id = std::to_string(thread) + "-" + std::to_string(round);
                const auto vector = full_vector(id, round);
                wrong += !adapter.store_vector(database, vector);
                const auto found = adapter.retrieve_vector(database, id);
                wrong += !found || found->values != vector.values || found->metadata.custom != vector.metadata.custom;
                if (round % 3 == 0) wrong += !adapter.delete_vector(database, id);
                if (round % 10 == 0) wrong += !adapter.create_index("d0", full_index(id));
                if (round % 20 == 0) wrong += !adapter.delete_index("d0", id);
                if (round % 30 == 0) wrong += !adapter.list_databases();
                if (round % 50 == 0) {
                    wrong += !adapter.create_database(small_database(own, own));
                    wrong += !adapter.store_vector(own, vector);
                    wrong += !adapter.delete_database(own);
                }
                if (round % 100 == 0) adapter.flush_all();
            }
        });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(0u, wrong.load());
    std::size_t vectors = 0;
    for (int i = 0; i < 12; ++i) vectors += value(adapter.get_vector_count("d" + std::to_string(i)));
    EXPECT_EQ(8u * 200u, vectors);
    EXPECT_EQ(8u * 15u, value(adapter.list_indexes("d0")).size());
    EXPECT_EQ(12u, value(adapter.list_databases()).size());
}

TEST(Directories, OneThreadOfEightCreatesADatabaseOfAName) {
    Directory directory;
    DatabasePersistenceAdapter adapter(directory.path);
    std::vector<std::string> ids(8);
    std::vector<std::thread> threads;
    for (auto& id : ids) {
        threads.emplace_back([&] { id = adapter.create_database(small_database("", "one")).value_or("failed"); });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(std::vector<std::string>(8, ids[0]), ids);
    EXPECT_NE("failed", ids[0]);
}

TEST(Directories, ASecondUserIsTold) {
    Directory directory;
    DatabasePersistenceAdapter adapter(directory.path);
    try {
        DatabasePersistenceAdapter second(directory.path);
        FAIL() << "opened twice";
    } catch (const std::runtime_error& error) {
        EXPECT_NE(std::string::npos, std::string(error.what()).find(std::to_string(::getpid()))) << error.what();
    }
    std::ofstream(directory.path / "file") << "x";
    EXPECT_THROW(DatabasePersistenceAdapter(directory.path / "file" / "below"), std::runtime_error);
    EXPECT_THROW(DatabasePersistenceAdapter(directory.path / "o", {.max_open_files = 0}), std::runtime_error);
}

TEST(Directories, DamageIsAnError) {
    Directory directory;
    {
        DatabasePersistenceAdapter adapter(directory.path);
        value(adapter.create_database(small_database("bad", "bad")));
        value(adapter.create_database(small_database("good", "good")));
    }
    std::ofstream(directory.path / "bad" / "vectors.jvdb", std::ios::trunc) << "no database";
    DatabasePersistenceAdapter adapter(directory.path);
    EXPECT_CODE(DATA_LOSS, adapter.get_database("bad"));
    EXPECT_CODE(DATA_LOSS, adapter.store_vector("bad", small_vector("v")));
    EXPECT_EQ(1u, value(adapter.list_databases()).size());
    done(adapter.delete_database("bad"));
    EXPECT_FALSE(fs::exists(directory.path / "bad"));
}

TEST(Directories, StoringTakesTheSameTimeHoweverManyThereAre) {
    Directory directory;
    DatabasePersistenceAdapter adapter(directory.path);
    value(adapter.create_database(small_database("d", "n")));
    std::size_t next = 0;
    // The fastest of several rounds: what the machine does beside it is not what is measured.
    const auto fastest = [&] {
        auto best = std::chrono::steady_clock::duration::max();
        for (int round = 0; round < 5; ++round) {
            const auto start = std::chrono::steady_clock::now();
            for (int i = 0; i < 200; ++i, ++next) done(adapter.store_vector("d", full_vector(std::to_string(next))));
            best = std::min(best, std::chrono::steady_clock::now() - start);
        }
        return best;
    };
    const auto first = fastest();
    for (int batch = 0; batch < 20; ++batch) {
        std::vector<Vector> vectors;
        for (int i = 0; i < 1000; ++i, ++next) vectors.push_back(full_vector(std::to_string(next)));
        done(adapter.batch_store_vectors("d", vectors));
    }
    const auto last = fastest();
    EXPECT_LT(last, first * 4) << "22 times as many vectors";
    EXPECT_EQ(next, value(adapter.get_vector_count("d")));
}

}  // namespace
