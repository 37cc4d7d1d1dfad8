// Paths are the bytes that the operating system knows, UTF-8 or not; and a directory that is opened read-only can be backed up.
// Usage: paths DIRECTORY, which is empty or missing.
#include "MemoryMappedVectorStore.hpp"
#include "PersistentDatabasePersistence.hpp"

#define CHECK_MAIN
#include "check.h"

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace {

namespace fs = std::filesystem;

/// Latin-1, which is no UTF-8.
const std::string ODD = "caf\xE9";

void every_class_takes_bytes(const fs::path& root) {
    const auto path = (root / (ODD + " a")).string();
    {
        PersistentDatabasePersistence persistence(path);
        CHECK(persistence.create_database("db", DatabaseSchema{3}) && persistence.store_vector("db", 1, {1, 2, 3}));
        persistence.flush();
        CHECK(persistence.storage_path() == path);
    }
    CHECK(fs::exists(fs::path(path) / "db.jvdb"));
    CHECK(MemoryMappedVectorStore(path + "/db.jvdb", 3).get_vector_count() == 1);
    PersistentDatabasePersistence persistence(path);
    CHECK(persistence.retrieve_vector("db", 1).has_value());
}

void a_backup_goes_where_it_is_told(const fs::path& root) {
    const auto directory = root / "backed up";
    const auto odd_directory = root / (ODD + " b");
    fs::create_directories(odd_directory);
    auto storage = jvdb::Storage::open(directory.string());
    auto database = storage.create("db", 3);
    database.put(1, {1, 2, 3}, "one");
    for (const auto& name : {std::string("copy.jvdb"), ODD, ODD + ".jvdb"}) {
        const auto file = odd_directory / name;
        CHECK(database.backup(file.string()) > 8192 && fs::exists(file));
        bool refused = false;
        try {
            database.backup(file.string());
        } catch (const jvdb::Error& error) {
            refused = error.code() == JVDB_ERROR_IO;
        }
        CHECK(refused);
    }
    std::size_t files = 0;
    for (const auto& entry : fs::directory_iterator(odd_directory)) files += entry.is_regular_file();
    CHECK(files == 3);
    fs::rename(odd_directory / ODD, odd_directory / "named.jvdb");
    CHECK(jvdb::Storage::open(odd_directory.string()).database("named").get(1)->metadata() == "one");
}

void a_read_only_opening_is_backed_up_beside_its_writer(const fs::path& root) {
    const auto directory = root / "read only";
    auto writer = jvdb::Storage::open(directory.string());
    auto written = writer.create("db", 3);
    written.put(1, {1, 2, 3}, "one");
    written.flush();
    jvdb_options_t options{};
    options.flags = JVDB_READ_ONLY;
    const auto reader = jvdb::Storage::open(directory.string(), options);
    auto seen = reader.database("db");
    written.put(2, {4, 5, 6});
    written.flush();
    const auto copies = root / "copies";
    fs::create_directories(copies);
    CHECK(seen.backup((copies / "db.jvdb").string()) >= 8192);
    CHECK(jvdb::Storage::open(copies.string()).database("db").get(1)->metadata() == "one");
    written.put(3, {7, 8, 9});
    CHECK(written.count() == 3);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) return 2;
    std::ostringstream log;
    const auto clog = std::clog.rdbuf(log.rdbuf());
    const fs::path root = argv[1];
    fs::create_directories(root);
    every_class_takes_bytes(root);
    a_backup_goes_where_it_is_told(root);
    a_read_only_opening_is_backed_up_beside_its_writer(root);
    std::clog.rdbuf(clog);
    return check_summary();
}
