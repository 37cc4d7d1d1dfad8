// MemoryMappedVectorStore opens and makes the very file that it is given, whatever it is called.
// Usage: named_file DIRECTORY, which is empty or missing.
#include "MemoryMappedVectorStore.hpp"
#include "PersistentDatabasePersistence.hpp"

#define CHECK_MAIN
#include "check.h"

#include <filesystem>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

namespace {

namespace fs = std::filesystem;

std::set<std::string> files(const fs::path& directory) {
    std::set<std::string> files;
    for (const auto& entry : fs::directory_iterator(directory)) {
        if (entry.path().extension() == ".jvdb") files.insert(entry.path().filename().string());
    }
    return files;
}

void a_file_put_there_is_opened(const fs::path& directory) {
    {
        PersistentDatabasePersistence persistence(directory.string());
        persistence.create_database("d", DatabaseSchema{3});
        persistence.store_vector("d", 1, {1, 2, 3}, "one");
        persistence.storage().database("d").backup((directory / "my copy.jvdb").string());
    }
    {
        MemoryMappedVectorStore store((directory / "my copy.jvdb").string(), 3);
        CHECK(store.get_vector_count() == 1 && store.retrieve_vector(1)->second == "one");
        CHECK(store.store_vector(2, {4, 5, 6}) && store.flush());
    }
    CHECK((files(directory) == std::set<std::string>{"d.jvdb", "my copy.jvdb"}));
    PersistentDatabasePersistence persistence(directory.string());
    CHECK((persistence.list_databases() == std::vector<std::string>{"d", "my copy"}));
    CHECK(persistence.retrieve_vector("my copy", 2).has_value());
}

void a_file_is_made_under_the_name_that_was_given(const fs::path& directory) {
    for (const std::string file : {"plain", "a b.jvdb", "100%.jvdb", "a%20c.jvdb", "%zz.jvdb", ".hidden.jvdb", "\xC3\xA9.jvdb"}) {
        const auto path = (directory / file).string();
        const auto expected = fs::path(file).extension() == ".jvdb" ? file : file + ".jvdb";
        for (int round = 0; round < 2; ++round) {
            MemoryMappedVectorStore store(path, 3);
            CHECK(store.get_vector_count() == static_cast<std::size_t>(round) && store.store_vector(round, {1, 2, 3}));
        }
        CHECK(files(directory) == std::set<std::string>{expected});
        fs::remove(directory / expected);
    }
    std::vector<std::thread> threads;
    for (int id = 0; id < 8; ++id) {
        threads.emplace_back([&, id] {
            MemoryMappedVectorStore store((directory / "by many.jvdb").string(), 3);
            store.store_vector(id, {1, 2, 3});
        });
    }
    for (auto& thread : threads) thread.join();
    CHECK(MemoryMappedVectorStore((directory / "by many.jvdb").string(), 3).get_vector_count() == 8);
}

void what_was_made_by_name_is_found(const fs::path& directory) {
    {
        PersistentDatabasePersistence persistence(directory.string());
        persistence.create_database("my data", DatabaseSchema{3});
        persistence.store_vector("my data", 1, {1, 2, 3});
    }
    const auto spelled = directory / "my%20data.jvdb", by_hand = directory / "my data.jvdb";
    CHECK(MemoryMappedVectorStore(by_hand.string(), 3).get_vector_count() == 1);
    CHECK(MemoryMappedVectorStore(spelled.string(), 3).get_vector_count() == 1);
    CHECK((files(directory) == std::set<std::string>{"my%20data.jvdb"}));
    fs::copy_file(spelled, by_hand);
    std::string refused;
    try {
        MemoryMappedVectorStore store(by_hand.string(), 3);
    } catch (const std::runtime_error& error) {
        refused = error.what();
    }
    CHECK(refused.find(spelled.string()) != std::string::npos && refused.find(by_hand.string()) != std::string::npos);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) return 2;
    std::ostringstream log;
    const auto clog = std::clog.rdbuf(log.rdbuf());
    for (const auto name : {"put", "made", "found"}) fs::create_directories(fs::path(argv[1]) / name);
    const auto root = fs::canonical(argv[1]);
    a_file_put_there_is_opened(root / "put");
    a_file_is_made_under_the_name_that_was_given(root / "made");
    what_was_made_by_name_is_found(root / "found");
    std::clog.rdbuf(clog);
    return check_summary();
}
