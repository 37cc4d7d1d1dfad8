// create_database of the documented classes makes a database as it was asked for, or none: where the disk is full, and beside
// others who create and delete the same.
// Usage: creation DIRECTORY, which is empty or missing.
#include "PersistentDatabasePersistence.hpp"

#define CHECK_MAIN
#include "check.h"

#include <atomic>
#include <csignal>
#include <filesystem>
#include <iostream>
#include <sstream>
#include <string>
#include <sys/resource.h>
#include <thread>
#include <vector>

namespace {

namespace fs = std::filesystem;

void a_full_disk_leaves_no_database(const std::string& path) {
    PersistentDatabasePersistence persistence(path);
    const DatabaseSchema wanted{3, DistanceMetric::DOT_PRODUCT, IndexType::LSH};
    std::signal(SIGXFSZ, SIG_IGN);
    rlimit before{};
    ::getrlimit(RLIMIT_FSIZE, &before);
    // Less than a file of any kind, and room for the head of one alone.
    for (const rlim_t room : {100, 8192, 8250}) {
        const rlimit limit{room, before.rlim_max};
        ::setrlimit(RLIMIT_FSIZE, &limit);
        bool failed = false;
        try {
            persistence.create_database("db", wanted);
        } catch (const jvdb::Error&) {
            failed = true;
        }
        ::setrlimit(RLIMIT_FSIZE, &before);
        CHECK(failed && persistence.list_databases().empty() && !persistence.get_database_schema("db"));
    }
    CHECK(persistence.create_database("db", wanted));
    CHECK(persistence.get_database_schema("db")->index_type == IndexType::LSH);
}

void who_creates_beside_who_deletes_never_fails(const std::string& path) {
    PersistentDatabasePersistence persistence(path);
    std::atomic<int> thrown{0}, wrong{0}, created{0}, deleted{0};
    std::vector<std::thread> threads;
    for (int thread = 0; thread < 4; ++thread) {
        threads.emplace_back([&, thread] {
            for (int i = 0; i < 150; ++i) {
                try {
                    if (thread % 2 == 0) {
                        created += persistence.create_database("db", DatabaseSchema{3, DistanceMetric::COSINE, IndexType::FLAT});
                    } else {
                        deleted += persistence.delete_database("db");
                    }
                    const auto schema = persistence.get_database_schema("db");
                    wrong += schema && schema->index_type != IndexType::FLAT;
                } catch (const std::exception& error) {
                    std::cerr << error.what() << '\n';
                    ++thrown;
                }
            }
        });
    }
    for (auto& thread : threads) thread.join();
    CHECK(thrown == 0 && wrong == 0 && created > 0 && deleted > 0);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) return 2;
    std::ostringstream log;
    const auto clog = std::clog.rdbuf(log.rdbuf());
    fs::create_directories(argv[1]);
    a_full_disk_leaves_no_database((fs::path(argv[1]) / "full").string());
    who_creates_beside_who_deletes_never_fails((fs::path(argv[1]) / "raced").string());
    std::clog.rdbuf(clog);
    return check_summary();
}
