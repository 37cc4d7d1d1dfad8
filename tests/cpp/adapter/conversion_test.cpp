// Directories of the replaced class: converted once, with all that is whole in them, whatever cuts that short.
#include "cut.hpp"
#include "fixture.hpp"
#include "written_v1.hpp"

#include "MemoryMappedVectorStore.hpp"
#include "PersistentDatabasePersistence.hpp"

#include <functional>
#include <map>

namespace {

const std::string LONG_ID = std::string(80, 'l');

/// Three vectors, one of them with an id that was cut, a deleted one, and both files of metadata.
FileV1 usual() {
    FileV1 file(8);
    file.add("one", values_of(1));
    file.add("gone", values_of(9), 2);
    file.add("two", values_of(2));
    file.add(LONG_ID, values_of(3));
    return file;
}

const Json METADATA{{"database_id", "old"}, {"name", "Old"}, {"description", "d"}, {"vector_dimension", 4},
                    {"index_type", "IVF"}, {"created_at", "2020"}, {"updated_at", "2021"}};
const Json VECTOR_METADATA{
    {"one", {{"source", "s"}, {"owner", "o"}, {"category", "c"}, {"status", "active"}, {"_custom", {{"n", {1, "x"}}}}}},
    {LONG_ID, {{"owner", "long"}}}};

void write_usual(const fs::path& folder) {
    write(folder / "vectors.jvdb", usual().bytes());
    write(folder / "metadata.json", METADATA.dump());
    write(folder / "vector_metadata.json", VECTOR_METADATA.dump());
}

void expect_usual(DatabasePersistenceAdapter& adapter, const std::string& id) {
    const auto database = value(adapter.get_database(id));
    EXPECT_EQ("Old", database.name);
    EXPECT_EQ("d", database.description);
    EXPECT_EQ("IVF", database.indexType);
    EXPECT_EQ("2020", database.created_at);
    EXPECT_EQ(4, database.vectorDimension);
    EXPECT_EQ((std::vector<std::string>{LONG_ID, "one", "two"}), value(adapter.get_all_vector_ids(id)));
    const auto one = value(adapter.retrieve_vector(id, "one"));
    EXPECT_EQ(values_of(1), one.values);
    EXPECT_EQ(std::tie("s", "o", "c", "active"),
              std::tie(one.metadata.source, one.metadata.owner, one.metadata.category, one.metadata.status));
    EXPECT_EQ((std::map<std::string, Json>{{"n", {1, "x"}}}), one.metadata.custom);
    EXPECT_EQ(values_of(2), value(adapter.retrieve_vector(id, "two")).values);
    EXPECT_EQ("long", value(adapter.retrieve_vector(id, LONG_ID)).metadata.owner);
}

TEST(Conversion, HappensOnceAndKeepsTheOriginals) {
    Directory directory;
    write_usual(directory.path / "old");
    {
        DatabasePersistenceAdapter adapter(directory.path);
        ASSERT_EQ(1u, adapter.conversion_reports().size());
        const auto& report = adapter.conversion_reports()[0];
        EXPECT_TRUE(report.converted);
        EXPECT_EQ(3u, report.vectors);
        EXPECT_TRUE(report.findings.empty()) << report.findings[0];
        expect_usual(adapter, "old");
        done(adapter.store_vector("old", full_vector("new")));
        EXPECT_EQ("old", value(adapter.create_database(small_database("", "Old"))));
    }
    EXPECT_EQ(usual().bytes(), read(directory.path / "old" / "vectors.jvdb.v1"));
    EXPECT_EQ(METADATA.dump(), read(directory.path / "old" / "metadata.json"));
    EXPECT_EQ(3, Json::parse(read(directory.path / "old" / "conversion-report.json")).at("vectors"));
    EXPECT_FALSE(fs::exists(directory.path / "old" / ".converting"));
    DatabasePersistenceAdapter adapter(directory.path);
    EXPECT_TRUE(adapter.conversion_reports().empty());
    EXPECT_EQ(4u, value(adapter.get_vector_count("old")));
    done(adapter.delete_database("old"));
    EXPECT_FALSE(fs::exists(directory.path / "old"));
}

TEST(Conversion, TakesFoldersOfEveryNameAndLeavesWhatIsNotAsked) {
    Directory directory;
    for (const char* id : {"with space", "\xC3\xA4", "plain-1_x.y"}) write_usual(directory.path / id);
    write(directory.path / "file", "x");
    {
        DatabasePersistenceAdapter adapter(directory.path, {.convert = false});
        EXPECT_CODE(DATA_LOSS, adapter.get_database("plain-1_x.y"));
    }
    for (int i = 0; i < 2; ++i) {
        DatabasePersistenceAdapter adapter(directory.path);
        EXPECT_EQ(i == 0 ? 3u : 0u, adapter.conversion_reports().size());
        for (const char* id : {"with space", "\xC3\xA4", "plain-1_x.y"}) expect_usual(adapter, id);
        EXPECT_EQ(3u, value(adapter.list_databases()).size());
    }
    EXPECT_EQ(usual().bytes(), read(directory.path / "with space" / "vectors.jvdb.v1"));
}

/// Converts one folder and gives the report.
jvdb::adapter::ConversionReport converted(const std::string& file, const std::function<void(const fs::path&)>& before,
                                          const std::function<void(DatabasePersistenceAdapter&)>& after) {
    Directory directory;
    write_usual(directory.path / "old");
    write(directory.path / "old" / "vectors.jvdb", file);
    before(directory.path / "old");
    DatabasePersistenceAdapter adapter(directory.path);
    if (adapter.conversion_reports().size() != 1) throw std::runtime_error("not one report");
    after(adapter);
    return adapter.conversion_reports()[0];
}

TEST(Conversion, TakesWhatIsWholeOfMetadata) {
    const auto nothing = [](DatabasePersistenceAdapter&) {};
    auto report = converted(
        usual().bytes(), [](const fs::path& folder) { fs::remove(folder / "metadata.json"); },
        [](DatabasePersistenceAdapter& adapter) { EXPECT_EQ("old", value(adapter.get_database("old")).name); });
    EXPECT_EQ((std::vector<std::string>{"metadata.json is missing"}), report.findings);
    report = converted(
        usual().bytes(), [](const fs::path& folder) { fs::remove(folder / "vector_metadata.json"); },
        [](DatabasePersistenceAdapter& adapter) {
            EXPECT_EQ(values_of(3), value(adapter.retrieve_vector("old", LONG_ID.substr(0, 63))).values);
        });
    EXPECT_EQ(2u, report.findings.size());

    // Cut at every length: what is converted has all vectors, and the metadata of those before the cut.
    const auto whole = VECTOR_METADATA.dump();
    const auto end_of_first = whole.find("},\"one\"") + 1;
    for (std::size_t length = 0; length < whole.size(); length += 7) {
        report = converted(
            usual().bytes(),
            [&](const fs::path& folder) { write(folder / "vector_metadata.json", whole.substr(0, length)); },
            [&](DatabasePersistenceAdapter& adapter) {
                EXPECT_EQ(3u, value(adapter.get_vector_count("old")));
                EXPECT_EQ(length >= end_of_first, value(adapter.vector_exists("old", LONG_ID))) << length;
            });
        EXPECT_TRUE(report.converted);
        EXPECT_FALSE(report.findings.empty()) << length;
    }
    report = converted(
        usual().bytes(),
        [](const fs::path& folder) {
            write(folder / "metadata.json", R"({"name":7,"description":null,"database_id":"other"})");
            write(folder / "vector_metadata.json", R"({"one":[1],"two":{"owner":5,"_custom":"x"},"nobody":{}})");
        },
        nothing);
    EXPECT_TRUE(report.converted);
    EXPECT_EQ(4u, report.findings.size());  // another id, one is a list, nobody has no vector, the long id was cut
}

TEST(Conversion, TakesTheNewestOfTwoAndTellsOfCutIds) {
    auto file = usual();
    file.add("two", values_of(22), 1, 5);
    file.add("one", values_of(11), 1, 0);
    const auto report = converted(
        file.bytes(), [](const fs::path&) {},
        [](DatabasePersistenceAdapter& adapter) {
            EXPECT_EQ(values_of(22), value(adapter.retrieve_vector("old", "two")).values);
            EXPECT_EQ(values_of(1), value(adapter.retrieve_vector("old", "one")).values);
        });
    EXPECT_EQ(2u, report.findings.size());

    // Two ids alike in what was kept of them: their hashes tell them apart.
    FileV1 alike(4);
    const auto a = std::string(64, 'x') + "a", b = std::string(64, 'x') + "b";
    alike.add(a, values_of(1));
    alike.add(b, values_of(2));
    const auto both = converted(
        alike.bytes(),
        [&](const fs::path& folder) {
            write(folder / "vector_metadata.json", Json{{a, {{"owner", "a"}}}, {b, {{"owner", "b"}}}}.dump());
        },
        [&](DatabasePersistenceAdapter& adapter) {
            EXPECT_EQ(values_of(1), value(adapter.retrieve_vector("old", a)).values);
            EXPECT_EQ("b", value(adapter.retrieve_vector("old", b)).metadata.owner);
        });
    EXPECT_TRUE(both.findings.empty());
}

TEST(Conversion, SurvivesDamageOfEveryByteAndEveryLength) {
    const auto whole = usual().bytes();
    const auto vectors_of = [&](const std::string& bytes) {
        Directory directory;
        write_usual(directory.path / "old");
        write(directory.path / "old" / "vectors.jvdb", bytes);
        DatabasePersistenceAdapter adapter(directory.path);
        const auto& reports = adapter.conversion_reports();
        if (reports.empty() || !reports[0].converted) {
            EXPECT_EQ(bytes, read(directory.path / "old" / "vectors.jvdb"));
            EXPECT_FALSE(adapter.get_database("old").has_value());
            return std::size_t{0};
        }
        EXPECT_EQ(reports[0].vectors, value(adapter.get_vector_count("old")));
        return reports[0].vectors;
    };
    for (std::size_t length = 0; length < whole.size(); length += 61) {
        EXPECT_LE(vectors_of(whole.substr(0, length)), 3u) << length;
    }
    for (std::size_t at = 0; at < 128 + 4 * 64; at += 3) {
        auto damaged = whole;
        damaged[at] = static_cast<char>(~damaged[at]);
        EXPECT_LE(vectors_of(damaged), 4u) << at;
    }
}

/// Everything in a directory, by path.
std::map<std::string, std::string> contents(const fs::path& root) {
    std::map<std::string, std::string> files;
    for (const auto& entry : fs::recursive_directory_iterator(root)) {
        if (entry.is_regular_file()) files[fs::relative(entry.path(), root)] = read(entry.path());
    }
    return files;
}

TEST(Conversion, GoesOnAfterEveryStateThatACutLeaves) {
    // States by hand, in the order of the protocol, each of which a kill may leave.
    const std::vector<std::function<void(const fs::path&)>> cuts{
        [](const fs::path& folder) { write(folder / ".converting" / "vectors.jvdb.tmp", "half"); },
        [](const fs::path& folder) { write(folder / ".converting" / "vectors.jvdb", "half"); },
        [](const fs::path& folder) {
            write(folder / ".converting" / "vectors.jvdb", "half");
            fs::create_hard_link(folder / "vectors.jvdb", folder / "vectors.jvdb.v1");
        },
        [](const fs::path& folder) {
            fs::create_hard_link(folder / "vectors.jvdb", folder / "vectors.jvdb.v1");
            write(folder / "conversion-report.json", "{");
        },
    };
    for (const auto& cut : cuts) {
        for (const char* id : {"old", "old id"}) {
            Directory directory;
            write_usual(directory.path / id);
            cut(directory.path / id);
            for (int i = 0; i < 2; ++i) {
                DatabasePersistenceAdapter adapter(directory.path);
                EXPECT_EQ(i == 0 ? 1u : 0u, adapter.conversion_reports().size());
                expect_usual(adapter, id);
            }
            EXPECT_EQ(usual().bytes(), read(directory.path / id / "vectors.jvdb.v1"));
            EXPECT_FALSE(fs::exists(directory.path / id / ".converting"));
        }
    }
}

/// What a person may have: a folder, one whose name the engine spells otherwise, a file of the flat layout, and one of that
/// with such a name.
void write_every_layout(const fs::path& root) {
    write_usual(root / "old");
    write_usual(root / "old id");
    write(root / "flat.jvdb", usual().bytes());
    write(root / "flat id.jvdb", usual().bytes());
}

void expect_every_layout(const fs::path& root) {
    {
        DatabasePersistenceAdapter adapter(root);
        for (const char* id : {"old", "old id"}) expect_usual(adapter, id);
        for (const char* id : {"flat", "flat id"}) {
            EXPECT_EQ(3u, value(adapter.get_vector_count(id)));
            EXPECT_EQ(values_of(2), value(adapter.retrieve_vector(id, "two")).values);
            EXPECT_EQ(id, value(adapter.get_database(id)).name);
        }
        EXPECT_EQ(4u, value(adapter.list_databases()).size());
    }
    const auto files = contents(root);
    for (const char* id : {"old", "old id", "flat", "flat id"}) {
        EXPECT_EQ(usual().bytes(), files.at(std::string(id) + "/vectors.jvdb.v1")) << id;
        EXPECT_TRUE(files.contains(std::string(id) + "/conversion-report.json")) << id;
        EXPECT_FALSE(fs::exists(root / id / ".converting")) << id;
    }
    EXPECT_FALSE(files.contains("flat.jvdb"));
}

TEST(Conversion, TakesFilesOfTheFlatLayoutIntoFolders) {
    Directory directory;
    write_every_layout(directory.path);
    expect_every_layout(directory.path);
    DatabasePersistenceAdapter adapter(directory.path);
    EXPECT_TRUE(adapter.conversion_reports().empty());
}

TEST(Conversion, LeavesAFlatFileThatCannotBeMoved) {
    Directory directory;
    write_usual(directory.path / "old");
    write(directory.path / "old.jvdb", usual().bytes());
    auto cut = usual().bytes();
    FileV1::put(cut, 8, std::uint32_t{0});
    write(directory.path / "cut.jvdb", cut);
    DatabasePersistenceAdapter adapter(directory.path);
    expect_usual(adapter, "old");
    std::size_t refused = 0;
    for (const auto& report : adapter.conversion_reports()) refused += !report.converted && report.findings.size() == 1;
    EXPECT_EQ(2u, refused);
    EXPECT_EQ(usual().bytes(), read(directory.path / "old.jvdb"));
    EXPECT_EQ(cut, read(directory.path / "cut.jvdb"));
}

TEST(Conversion, KeepsAnOriginalBesideOneThatIsKept) {
    Directory directory;
    write_usual(directory.path / "old");
    write(directory.path / "old" / "vectors.jvdb.v1", "of an earlier conversion");
    DatabasePersistenceAdapter adapter(directory.path);
    expect_usual(adapter, "old");
    EXPECT_EQ("of an earlier conversion", read(directory.path / "old" / "vectors.jvdb.v1"));
    EXPECT_EQ(usual().bytes(), read(directory.path / "old" / "vectors.jvdb.v1-2"));
    EXPECT_EQ((directory.path / "old" / "vectors.jvdb.v1-2").string(), adapter.conversion_reports()[0].original);
}

TEST(Conversion, IsKilledBeforeEachOfItsStepsAndEndsTheNextTime) {
    const auto steps = cut_before_every_step(
        write_every_layout, [](const fs::path& root) { DatabasePersistenceAdapter adapter(root); },
        expect_every_layout);
    if (steps == 0) GTEST_SKIP() << "the process cannot be stepped through here";
    EXPECT_GT(steps, 60u);
    std::cout << "killed before each of " << steps << " steps\n";
}

/// As the documented classes, which give ids numbers, find it.
TEST(FlatConversion, GivesTheDocumentedClassesNumbers) {
    Directory directory;
    FileV1 file(8);
    file.add("0", values_of(1));
    file.add("9223372036854775807", values_of(2));
    file.add("9223372036854775808", values_of(3));
    file.add("007", values_of(4));
    file.add("word", values_of(5));
    file.add("5", values_of(9), 2);
    write(directory.path / "flat id.jvdb", file.bytes());
    for (const bool again : {false, true}) {
        PersistentDatabasePersistence databases(directory.path);
        ASSERT_EQ(again ? 0u : 1u, databases.conversion_reports().size());
        EXPECT_EQ((std::vector<std::string>{"flat id"}), databases.list_databases());
        EXPECT_EQ((std::vector<std::int64_t>{0, INT64_MAX}), databases.list_vector_ids("flat id"));
        EXPECT_EQ(values_of(2), databases.retrieve_vector("flat id", INT64_MAX)->first);
        EXPECT_EQ(values_of(4).front(), *databases.storage().database("flat id").get("007")->begin());
        EXPECT_EQ(4u, databases.get_database_schema("flat id")->dimension);
        if (again) continue;
        const auto& report = databases.conversion_reports()[0];
        EXPECT_TRUE(report.converted);
        EXPECT_EQ(5u, report.vectors);
        EXPECT_EQ(3u, report.findings.size());
    }
    EXPECT_EQ(file.bytes(), read(directory.path / "flat id.jvdb.v1"));
    EXPECT_NE(std::string::npos, read(directory.path / "flat id.conversion-report.txt").find("vectors: 5"));
    EXPECT_FALSE(fs::exists(directory.path / ".converting"));
    EXPECT_FALSE(fs::exists(directory.path / "flat id.jvdb"));
}

TEST(FlatConversion, HappensForAStoreToo) {
    Directory directory;
    FileV1 file(4);
    file.add("7", values_of(7));
    write(directory.path / "store.jvdb", file.bytes());
    MemoryMappedVectorStore store(directory.path / "store.jvdb", FileV1::DIMENSION);
    EXPECT_EQ(values_of(7), store.retrieve_vector(7)->first);
    EXPECT_EQ(file.bytes(), read(directory.path / "store.jvdb.v1"));
}

TEST(FlatConversion, LeavesWhatCannotBeConverted) {
    Directory directory;
    auto bytes = usual().bytes();
    FileV1::put(bytes, 8, std::uint32_t{70000});
    write(directory.path / "bad.jvdb", bytes);
    write(directory.path / "in the way.jvdb", usual().bytes());
    write(directory.path / "in%20the%20way.jvdb", "something");
    PersistentDatabasePersistence databases(directory.path);
    ASSERT_EQ(2u, databases.conversion_reports().size());
    for (const auto& report : databases.conversion_reports()) {
        EXPECT_FALSE(report.converted);
        EXPECT_EQ(1u, report.findings.size());
    }
    EXPECT_EQ(bytes, read(directory.path / "bad.jvdb"));
    EXPECT_THROW(databases.retrieve_vector("bad", 1), jvdb::Error);
    EXPECT_EQ(usual().bytes(), read(directory.path / "in the way.jvdb"));
    EXPECT_EQ("something", read(directory.path / "in%20the%20way.jvdb"));
}

TEST(FlatConversion, IsKilledBeforeEachOfItsStepsAndEndsTheNextTime) {
    FileV1 file(4);
    file.add("1", values_of(1));
    file.add("2", values_of(2));
    const auto steps = cut_before_every_step(
        [&](const fs::path& root) {
            write(root / "a.jvdb", file.bytes());
            write(root / "b c.jvdb", file.bytes());
        },
        [](const fs::path& root) { PersistentDatabasePersistence databases(root); },
        [&](const fs::path& root) {
            PersistentDatabasePersistence databases(root);
            EXPECT_EQ((std::vector<std::string>{"a", "b c"}), databases.list_databases());
            for (const auto& name : databases.list_databases()) {
                EXPECT_EQ((std::vector<std::int64_t>{1, 2}), databases.list_vector_ids(name));
                EXPECT_EQ(values_of(2), databases.retrieve_vector(name, 2)->first);
                EXPECT_EQ(file.bytes(), read(root / (name + ".jvdb.v1")));
            }
            EXPECT_FALSE(fs::exists(root / ".converting"));
            EXPECT_FALSE(fs::exists(root / "b c.jvdb"));
        });
    if (steps == 0) GTEST_SKIP() << "the process cannot be stepped through here";
    EXPECT_GT(steps, 30u);
    std::cout << "killed before each of " << steps << " steps\n";
}

}  // namespace
