// metadata.json and vector_metadata.json beside a file of format version 1: names that are no JSON, files that cannot be
// read, and values that nest deeper than a program can follow.
#include "fixture.hpp"
#include "written_v1.hpp"

#include <functional>
#include <grp.h>
#include <optional>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

/// metadata.json as the replaced class writes it: nothing is escaped.
std::string as_written(const std::string& name, const std::string& description, const std::string& dimension = "4") {
    return "{\n  \"database_id\": \"old\",\n  \"name\": \"" + name + "\",\n  \"description\": \"" + description +
           "\",\n  \"vector_dimension\": " + dimension +
           ",\n  \"index_type\": \"IVF\",\n  \"created_at\": \"2020\",\n  \"updated_at\": \"2021\"\n}\n";
}

FileV1 one_vector() {
    FileV1 file(8);
    file.add("one", values_of(1));
    return file;
}

struct Converted {
    bool converted;
    std::vector<std::string> findings;
    Database database;
    std::optional<Vector> vector;
};

/// Converts a folder with one vector and these files beside it.
Converted converted(const std::optional<std::string>& metadata, const std::string& vector_metadata = "{}") {
    Directory directory;
    write(directory.path / "old" / "vectors.jvdb", one_vector().bytes());
    if (metadata) write(directory.path / "old" / "metadata.json", *metadata);
    write(directory.path / "old" / "vector_metadata.json", vector_metadata);
    DatabasePersistenceAdapter adapter(directory.path);
    const auto& report = adapter.conversion_reports().at(0);
    Converted converted{report.converted, report.findings, {}, {}};
    if (!report.converted) return converted;
    converted.database = value(adapter.get_database("old"));
    if (auto vector = adapter.retrieve_vector("old", "one")) converted.vector = std::move(*vector);
    return converted;
}

TEST(Sidecar, EveryByteOfANameAndADescriptionStandsForItself) {
    for (const std::string text :
         {"say \"hi\"", "5\" disk", "C:\\data", "C:\\temp\\new", "a\ttab", "Caf\xE9", "ends with \\", "\"", "\"\"", ",",
          "a: b, \"c\": \"d\",", "{", "}", "\\u0041", "\x01", "two\nlines", "\n}\n", "  ", "\"name\": \"x\","}) {
        for (const bool in_name : {true, false}) {
            const auto found = converted(in_name ? as_written(text, "d") : as_written("n", text));
            EXPECT_EQ(in_name ? text : "n", found.database.name) << text;
            EXPECT_EQ(in_name ? "d" : text, found.database.description) << text;
            EXPECT_EQ("IVF", found.database.indexType) << text;
            EXPECT_EQ(std::tie("2020", "2021"), std::tie(found.database.created_at, found.database.updated_at)) << text;
            EXPECT_TRUE(found.findings.empty()) << text << ": " << found.findings[0];
        }
    }
    EXPECT_EQ("old", converted(as_written("", "d")).database.name);
}

TEST(Sidecar, ADescriptionMayLookLikeAnyOtherLine) {
    for (const std::string text : {"\n  \"database_id\": \"x\",\n  \"name\": \"y\",", "\n  \"updated_at\": \"x\",",
                                   "\n  \"created_at\": \"x\"\n}\n", "\n  \"description\": \"x\","}) {
        const auto found = converted(as_written("n", text));
        EXPECT_EQ(text, found.database.description);
        EXPECT_EQ("2021", found.database.updated_at);
        EXPECT_TRUE(found.findings.empty()) << found.findings[0];
    }
}

TEST(Sidecar, AMemberThatSomebodyRemovedIsNoDamage) {
    auto text = as_written("say \"hi\"", "5\" disk");
    const auto at = text.find("  \"vector_dimension\"");
    text.erase(at, text.find('\n', at) + 1 - at);
    const auto found = converted(text);
    EXPECT_EQ("say \"hi\"", found.database.name);
    EXPECT_EQ("5\" disk", found.database.description);
    EXPECT_TRUE(found.findings.empty()) << found.findings[0];
}

TEST(Sidecar, EndsOfLinesMayBeThoseOfAnotherSystem) {
    auto text = as_written("C:\\data", "d");
    for (std::size_t at = 0; (at = text.find('\n', at)) != std::string::npos; at += 2) text.insert(at, "\r");
    const auto found = converted(text);
    EXPECT_EQ("C:\\data", found.database.name);
    EXPECT_EQ("2021", found.database.updated_at);
    EXPECT_TRUE(found.findings.empty());
}

TEST(Sidecar, JsonThatSomebodyElseWroteIsJson) {
    const Json json{{"name", "say \"hi\""}, {"description", "C:\\temp\n"}, {"vector_dimension", 4}, {"created_at", "2020"}};
    for (const int indent : {-1, 0, 2, 4}) {
        const auto found = converted(json.dump(indent));
        EXPECT_EQ("say \"hi\"", found.database.name);
        EXPECT_EQ("C:\\temp\n", found.database.description);
        EXPECT_TRUE(found.findings.empty()) << found.findings[0];
    }
}

TEST(Sidecar, LinesInAnotherOrderAreReadAsLines) {
    const auto found = converted("{\n\"name\": \"say \"hi\"\",\n\"created_at\": \"2020\",\n\"vector_dimension\": 4,\n"
                                 "\"description\": \"5\" disk\",\n\"database_id\": \"old\"\n}");
    EXPECT_EQ("say \"hi\"", found.database.name);
    EXPECT_EQ("5\" disk", found.database.description);
    EXPECT_EQ("2020", found.database.created_at);
}

TEST(Sidecar, WhatIsWholeBeforeACutIsKept) {
    const auto text = as_written("say \"hi\"", "C:\\temp\\new");
    for (std::size_t length = 0; length + 2 < text.size(); ++length) {
        const auto found = converted(text.substr(0, length));
        ASSERT_TRUE(found.converted) << length;
        EXPECT_EQ(1u, found.findings.size()) << length;
        EXPECT_EQ(length >= text.find("  \"description\"") ? "say \"hi\"" : found.database.name, found.database.name);
        EXPECT_TRUE(found.database.name == "old" || found.database.name == "say \"hi\"") << found.database.name;
        EXPECT_TRUE(found.database.description.empty() || found.database.description == "C:\\temp\\new");
        EXPECT_EQ(length >= text.find("  \"updated_at\""), found.database.created_at == "2020") << length;
    }
}

TEST(Sidecar, ADimensionThatContradictsTheHeaderConvertsNothing) {
    const auto found = converted(as_written("n", "d", "8"));
    EXPECT_FALSE(found.converted);
    ASSERT_EQ(1u, found.findings.size());
    EXPECT_NE(std::string::npos, found.findings[0].find("dimension 4, metadata.json has 8")) << found.findings[0];
    EXPECT_FALSE(converted(Json{{"vector_dimension", 8}}.dump()).converted);
    EXPECT_TRUE(converted(Json{{"vector_dimension", "8"}}.dump()).converted);
}

TEST(Sidecar, VectorsWithoutMetadataAreNoWarningEach) {
    const auto found = converted(as_written("n", "d"), R"({"one": null})");
    EXPECT_TRUE(found.findings.empty()) << found.findings[0];
    EXPECT_TRUE(found.vector);
}

TEST(Sidecar, WhatNestsTooDeepIsLeftOutAndSaid) {
    for (const std::size_t levels : {980u, 1000u, 60000u, 200000u}) {
        const auto deep = std::string(levels, '[') + "1" + std::string(levels, ']');
        const auto found = converted(as_written("n", "d"), R"({"one":{"owner":"o","_custom":{"deep":)" + deep + "}}}");
        ASSERT_TRUE(found.converted);
        EXPECT_EQ("o", found.vector.value().metadata.owner);
        EXPECT_EQ(levels == 980 ? 1u : 0u, found.vector->metadata.custom.size()) << levels;
        EXPECT_EQ(levels == 980 ? 0u : 1u, found.findings.size()) << levels;
        EXPECT_TRUE(converted(R"({"created_at":"2020","name":)" + deep + "}").converted);
    }
    const auto open = converted(as_written("n", "d"), R"({"one":{"owner":"o"},"two":)" + std::string(200000, '{'));
    EXPECT_TRUE(open.converted);
    EXPECT_EQ("o", open.vector.value().metadata.owner);
}

/// What becomes of work in a process of somebody who is not root.
enum class Outcome { right, wrong, cannot_be };

Outcome as_nobody(const std::function<bool()>& work) {
    const pid_t child = ::fork();
    if (child == 0) {
        const bool root = ::geteuid() == 0;
        if (root && (::setgroups(0, nullptr) != 0 || ::setgid(65534) != 0 || ::setuid(65534) != 0)) ::_exit(2);
        ::_exit(work() ? 0 : 1);
    }
    int status = -1;
    ::waitpid(child, &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 2) return Outcome::cannot_be;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? Outcome::right : Outcome::wrong;
}

TEST(Sidecar, AnUnreadableFileIsNotConvertedRatherThanMissing) {
    for (const char* name : {"metadata.json", "vector_metadata.json", "vectors.jvdb"}) {
        Directory directory;
        ASSERT_EQ(0, ::chmod(directory.path.c_str(), 0777));
        const auto done = as_nobody([&] {
            const auto folder = directory.path / "old";
            write(folder / "vectors.jvdb", one_vector().bytes());
            write(folder / "metadata.json", as_written("n", "d"));
            write(folder / "vector_metadata.json", R"({"one":{"owner":"o"}})");
            write(directory.path / "good" / "vectors.jvdb", one_vector().bytes());
            ::chmod((folder / name).c_str(), 0);
            {
                DatabasePersistenceAdapter adapter(directory.path);
                const auto& reports = adapter.conversion_reports();
                if (reports.size() != 2 || !reports[0].converted || reports[1].converted) return false;
                if (reports[1].findings[0].find("Permission denied") == std::string::npos) return false;
                if (reports[1].findings[0].find(name) == std::string::npos || adapter.get_database("old")) return false;
                if (!adapter.get_database("good")) return false;
            }
            ::chmod((folder / name).c_str(), 0600);
            DatabasePersistenceAdapter adapter(directory.path);
            return adapter.retrieve_vector("old", "one")->metadata.owner == "o" &&
                   adapter.get_database("old")->name == "n";
        });
        if (done == Outcome::cannot_be) GTEST_SKIP() << "the process cannot become another user's";
        EXPECT_EQ(Outcome::right, done) << name;
    }
}

TEST(Sidecar, AFolderThatIsSomebodyElsesStopsNoOther) {
    Directory directory;
    ASSERT_EQ(0, ::chmod(directory.path.c_str(), 0777));
    const auto done = as_nobody([&] {
        for (const char* name : {"good", "closed", "lost+found"}) {
            write(directory.path / name / "vectors.jvdb", one_vector().bytes());
        }
        ::chmod((directory.path / "closed").c_str(), 0);
        ::chmod((directory.path / "lost+found").c_str(), 0);
        bool right = false;
        {
            DatabasePersistenceAdapter adapter(directory.path);
            const auto& reports = adapter.conversion_reports();
            right = reports.size() == 2 && reports[0].database_id == "closed" && !reports[0].converted &&
                    reports[0].findings[0].find("Permission denied") != std::string::npos && reports[1].converted &&
                    adapter.retrieve_vector("good", "one").has_value() &&
                    adapter.create_database(small_database("", "new")).has_value() &&
                    adapter.list_databases()->size() == 2;
        }
        ::chmod((directory.path / "closed").c_str(), 0700);
        ::chmod((directory.path / "lost+found").c_str(), 0700);
        return right;
    });
    if (done == Outcome::cannot_be) GTEST_SKIP() << "the process cannot become another user's";
    EXPECT_EQ(Outcome::right, done);
}

}  // namespace
