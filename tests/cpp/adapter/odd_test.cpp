// Things in a data directory that are not what their names say, ids that are no names of files, and what is left of them
// when a database is deleted.
#include "cut.hpp"
#include "fixture.hpp"
#include "written_v1.hpp"

#include "PersistentDatabasePersistence.hpp"

#include <chrono>
#include <future>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

namespace {

FileV1 one_vector() {
    FileV1 file(8);
    file.add("one", values_of(1));
    return file;
}

void make_pipe(const fs::path& path) { ASSERT_EQ(0, ::mkfifo(path.c_str(), 0600)); }

void make_socket(const fs::path& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const auto name = path.string();
    ASSERT_LT(name.size(), sizeof address.sun_path);
    name.copy(address.sun_path, name.size());
    const int socket = ::socket(AF_UNIX, SOCK_STREAM, 0);
    ASSERT_EQ(0, ::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address));
    ::close(socket);
}

TEST(Odd, WhatIsNoFileIsNamedAndNeverOpened) {
    for (const char* name : {"vectors.jvdb", "metadata.json", "vector_metadata.json"}) {
        Directory directory;
        for (const char* id : {"pipe", "folder", "socket"}) {
            fs::create_directories(directory.path / id);
            if (name != std::string("vectors.jvdb")) write(directory.path / id / "vectors.jvdb", one_vector().bytes());
        }
        make_pipe(directory.path / "pipe" / name);
        fs::create_directory(directory.path / "folder" / name);
        make_socket(directory.path / "socket" / name);
        write(directory.path / "good" / "vectors.jvdb", one_vector().bytes());
        make_pipe(directory.path / "flat.jvdb");
        auto opened = std::async(std::launch::async, [&] {
            DatabasePersistenceAdapter adapter(directory.path);
            EXPECT_TRUE(value(adapter.vector_exists("good", "one")));
            std::map<std::string, std::string> said;
            for (const auto& report : adapter.conversion_reports()) {
                if (!report.converted) said[report.database_id] = report.findings.at(0);
            }
            return said;
        });
        if (opened.wait_for(std::chrono::seconds(20)) != std::future_status::ready) {
            FAIL() << "it waits for " << name;
            std::abort();
        }
        const auto said = opened.get();
        EXPECT_EQ(4u, said.size());
        for (const auto& [id, kind] : {std::pair("pipe", "a pipe"), {"folder", "a folder"}, {"socket", "a socket"}}) {
            EXPECT_NE(std::string::npos, said.at(id).find(std::string("is ") + kind + ", not a file")) << said.at(id);
            EXPECT_NE(std::string::npos, said.at(id).find(name)) << said.at(id);
        }
        EXPECT_NE(std::string::npos, said.at("flat").find("is a pipe"));
    }
}

TEST(Odd, ThePlaceOfAReportIsNotWrittenThrough) {
    Directory directory;
    write(directory.path / "old" / "vectors.jvdb", one_vector().bytes());
    write(directory.path / "precious", "of somebody");
    fs::create_symlink(directory.path / "precious", directory.path / "old" / "conversion-report.json");
    DatabasePersistenceAdapter adapter(directory.path);
    EXPECT_TRUE(adapter.conversion_reports().at(0).converted);
    EXPECT_EQ("of somebody", read(directory.path / "precious"));
}

/// Ids that a folder can have and the engine has no name for.
std::vector<std::string> odd_ids() {
    std::vector<std::string> ids{"back\\slash", "new\nline", "Caf\xE9", "sha256-" + std::string(64, '0')};
    for (std::size_t length = 246; length <= 255; ++length) ids.push_back(std::string(length, 'l'));
    for (const std::size_t length : {82, 83, 84, 127}) {
        std::string umlauts;
        for (std::size_t i = 0; i < length; ++i) umlauts += "\xC3\xA4";
        ids.push_back(umlauts);
    }
    return ids;
}

TEST(Odd, DatabasesOfEveryIdThatAFolderCanHaveAreConvertedAndFound) {
    Directory directory;
    const auto ids = odd_ids();
    for (const auto& id : ids) write(directory.path / id / "vectors.jvdb", one_vector().bytes());
    for (const bool again : {false, true}) {
        DatabasePersistenceAdapter adapter(directory.path);
        EXPECT_EQ(again ? 0u : ids.size(), adapter.conversion_reports().size());
        for (const auto& report : adapter.conversion_reports()) EXPECT_TRUE(report.converted) << report.findings[0];
        EXPECT_EQ(ids.size(), value(adapter.list_databases()).size());
        for (const auto& id : ids) {
            EXPECT_EQ(id, value(adapter.get_database(id)).databaseId);
            EXPECT_EQ(values_of(1), value(adapter.retrieve_vector(id, "one")).values) << id;
            EXPECT_CODE(ALREADY_EXISTS, adapter.create_database(small_database(id, "n")));
        }
        EXPECT_EQ(ids[0], value(adapter.create_database(small_database("", ids[0]))));
    }
    DatabasePersistenceAdapter adapter(directory.path);
    for (const auto& id : ids) done(adapter.delete_database(id));
    EXPECT_TRUE(value(adapter.list_databases()).empty());
    for (const auto& entry : fs::directory_iterator(directory.path)) {
        EXPECT_FALSE(entry.is_directory()) << entry.path();
    }
}

TEST(Odd, DatabasesOfEveryIdAreMadeAndSurviveARestart) {
    Directory directory;
    auto ids = odd_ids();
    ids.push_back(std::string(3000, 'x'));
    for (const bool again : {false, true}) {
        DatabasePersistenceAdapter adapter(directory.path);
        for (const auto& id : ids) {
            if (!again) {
                EXPECT_EQ(id, value(adapter.create_database(small_database(id, "n" + id))));
            }
            EXPECT_EQ(id, value(adapter.get_database(id)).databaseId);
        }
        EXPECT_EQ(ids.size(), value(adapter.list_databases()).size());
    }
}

TEST(Odd, DeletingTakesTheOriginalsOfARespelledIdAndNothingElse) {
    Directory directory;
    for (const char* id : {"with space", "other"}) write(directory.path / id / "vectors.jvdb", one_vector().bytes());
    write(directory.path / "new name" / "file", "of somebody");
    DatabasePersistenceAdapter adapter(directory.path);
    value(adapter.create_database(small_database("new name", "n")));
    ASSERT_TRUE(fs::exists(directory.path / "with space" / "vectors.jvdb.v1"));
    done(adapter.delete_database("with space"));
    EXPECT_FALSE(fs::exists(directory.path / "with space"));
    EXPECT_FALSE(fs::exists(directory.path / "with%20space"));
    done(adapter.delete_database("new name"));
    EXPECT_EQ("of somebody", read(directory.path / "new name" / "file"));
    EXPECT_TRUE(value(adapter.vector_exists("other", "one")));
}

TEST(Odd, ADamagedHeaderConvertsNothing) {
    auto bytes = one_vector().bytes();
    FileV1::put(bytes, 8, std::uint32_t{7});
    Directory directory, flat;
    write(directory.path / "old" / "vectors.jvdb", bytes);
    write(flat.path / "old.jvdb", bytes);
    DatabasePersistenceAdapter adapter(directory.path);
    PersistentDatabasePersistence databases(flat.path);
    for (const auto& report : {adapter.conversion_reports().at(0), databases.conversion_reports().at(0)}) {
        EXPECT_FALSE(report.converted);
        EXPECT_NE(std::string::npos, report.findings.at(0).find("dimension 7")) << report.findings[0];
        EXPECT_NE(std::string::npos, report.findings.at(0).find("which is dimension 4")) << report.findings[0];
    }
    EXPECT_EQ(bytes, read(directory.path / "old" / "vectors.jvdb"));
    EXPECT_CODE(DATA_LOSS, adapter.get_database("old"));
    done(adapter.delete_database("old"));
}

TEST(Odd, AVectorWithAnEmptyIdIsConverted) {
    Directory directory, flat;
    FileV1 file(4);
    file.add("", values_of(1));
    file.add("7", values_of(7));
    write(directory.path / "old" / "vectors.jvdb", file.bytes());
    write(flat.path / "old.jvdb", file.bytes());
    DatabasePersistenceAdapter adapter(directory.path);
    EXPECT_EQ(values_of(1), value(adapter.retrieve_vector("old", "")).values);
    PersistentDatabasePersistence databases(flat.path);
    EXPECT_EQ(values_of(7), databases.retrieve_vector("old", 7)->first);
    EXPECT_EQ(1u, databases.conversion_reports().at(0).findings.size());
}

TEST(Odd, ManyDatabasesWithRoomForManyVectorsAreConvertedInSeconds) {
    Directory directory;
    FileV1 file(50000);
    for (int i = 0; i < 100; ++i) file.add(std::to_string(i), values_of(static_cast<std::size_t>(i)));
    const auto bytes = file.bytes();
    for (int i = 0; i < 20; ++i) write(directory.path / std::to_string(i) / "vectors.jvdb", bytes);
    const auto begun = std::chrono::steady_clock::now();
    DatabasePersistenceAdapter adapter(directory.path);
    const auto took = std::chrono::steady_clock::now() - begun;
    EXPECT_EQ(20u, adapter.conversion_reports().size());
    EXPECT_EQ(values_of(99), value(adapter.retrieve_vector("19", "99")).values);
    std::cout << "20 databases of 50,000 slots in "
              << std::chrono::duration_cast<std::chrono::milliseconds>(took).count() << " ms\n";
}

TEST(Odd, AChangeOfDimensionIsKilledBeforeEachOfItsStepsAndNothingIsLost) {
    const auto steps = cut_before_every_step(
        [](const fs::path& root) {
            DatabasePersistenceAdapter adapter(root);
            value(adapter.create_database(small_database("d d", "name", 4)));
            done(adapter.create_index("d d", full_index("i")));
        },
        [](const fs::path& root) {
            DatabasePersistenceAdapter adapter(root);
            auto wider = small_database("d d", "name", 8);
            wider.description = "wider";
            done(adapter.update_database("d d", wider));
        },
        [](const fs::path& root) {
            DatabasePersistenceAdapter adapter(root);
            const auto all = value(adapter.list_databases());
            ASSERT_EQ(1u, all.size());
            EXPECT_EQ(all[0].vectorDimension == 8 ? "wider" : "", all[0].description);
            EXPECT_EQ(1u, value(adapter.list_indexes("d d")).size());
            done(adapter.store_vector("d d", small_vector("v", 1, static_cast<std::size_t>(all[0].vectorDimension))));
            EXPECT_EQ("d d", value(adapter.create_database(small_database("", "name", all[0].vectorDimension))));
            EXPECT_EQ(1u, adapter.storage().list().size());
        });
    if (steps == 0) GTEST_SKIP() << "the process cannot be stepped through here";
    EXPECT_GT(steps, 10u);
    std::cout << "killed before each of " << steps << " steps\n";
}

}  // namespace
