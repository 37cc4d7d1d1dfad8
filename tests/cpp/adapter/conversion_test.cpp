// Directories of the replaced class: converted once, with all that is whole in them, whatever cuts that short.
#include "fixture.hpp"

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <sys/wait.h>
#include <unistd.h>

namespace {

/// A file of format version 1, as the replaced class writes it.
class FileV1 {
public:
    static constexpr std::size_t HEADER = 128, ENTRY = 64, CELL = 64, DIMENSION = 4;

    explicit FileV1(std::size_t capacity) : capacity_(capacity), index_(capacity * ENTRY, '\0') {}

    void add(const std::string& id, const std::vector<float>& values, std::uint32_t flags = 1,
             std::uint64_t timestamp = 1) {
        const std::size_t entry = count_++ * ENTRY;
        put(index_, entry, std::uint64_t{std::hash<std::string>{}(id)});
        put(index_, entry + 8, std::uint64_t{data_at() + data_.size()});
        put(index_, entry + 16, std::uint64_t{ids_at() + ids_.size()});
        put(index_, entry + 24, static_cast<std::uint32_t>(values.size() * sizeof(float)));
        put(index_, entry + 28, flags);
        put(index_, entry + 32, timestamp);
        active_ += flags == 1;
        data_.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float));
        std::string cell = id.substr(0, CELL - 1);
        cell.resize(CELL);
        ids_ += cell;
    }

    std::string bytes() const {
        std::string header(HEADER, '\0');
        put(header, 0, std::uint32_t{0x4A564442});
        put(header, 4, std::uint32_t{1});
        put(header, 8, static_cast<std::uint32_t>(DIMENSION));
        put(header, 16, std::uint64_t{count_});
        put(header, 24, std::uint64_t{active_});
        put(header, 32, std::uint64_t{HEADER});
        put(header, 40, std::uint64_t{data_at()});
        put(header, 48, std::uint64_t{ids_at()});
        put(header, 56, std::uint64_t{capacity_});
        put(header, 64, std::uint64_t{capacity_ * DIMENSION * sizeof(float)});
        auto data = data_;
        data.resize(capacity_ * DIMENSION * sizeof(float));
        auto ids = ids_;
        ids.resize(capacity_ * CELL);
        return header + index_ + data + ids;
    }

    std::size_t data_at() const { return HEADER + capacity_ * ENTRY; }
    std::size_t ids_at() const { return data_at() + capacity_ * DIMENSION * sizeof(float); }

    template <class T>
    static void put(std::string& bytes, std::size_t at, T value) {
        std::memcpy(bytes.data() + at, &value, sizeof value);
    }

private:
    std::size_t capacity_, count_ = 0, active_ = 0;
    std::string index_, data_, ids_;
};

void write(const fs::path& path, const std::string& bytes) {
    fs::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << bytes;
}

std::string read(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

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

TEST(Conversion, IsKilledAtAnyMomentAndEndsTheNextTime) {
    for (int micros = 0; micros < 20000; micros += 700) {
        Directory directory;
        write_usual(directory.path / "old");
        write_usual(directory.path / "old id");
        const pid_t child = ::fork();
        if (child == 0) {
            try {
                DatabasePersistenceAdapter adapter(directory.path);
            } catch (...) {
            }
            ::_exit(0);
        }
        ::usleep(static_cast<useconds_t>(micros));
        ::kill(child, SIGKILL);
        ::waitpid(child, nullptr, 0);
        DatabasePersistenceAdapter adapter(directory.path);
        expect_usual(adapter, "old");
        expect_usual(adapter, "old id");
        EXPECT_EQ(usual().bytes(), contents(directory.path).at("old/vectors.jvdb.v1"));
    }
}

}  // namespace
