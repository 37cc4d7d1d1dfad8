// Every call of jvdb.hpp: handles, cursors, results as values, errors as exceptions.
// Usage: handles DIRECTORY, which is empty or missing.
#define CHECK_MAIN
#include "check.h"
#include "jvdb.hpp"
#include "thrown.hpp"

#include <fstream>
#include <type_traits>

static_assert(!std::is_copy_constructible_v<jvdb::Storage> && !std::is_copy_constructible_v<jvdb::Database>);
static_assert(!std::is_copy_constructible_v<jvdb::Vector> && !std::is_copy_constructible_v<jvdb::Cursor>);
static_assert(std::is_nothrow_move_constructible_v<jvdb::Storage> && std::is_nothrow_move_constructible_v<jvdb::Database>);
static_assert(std::is_nothrow_move_constructible_v<jvdb::Vector>);

namespace {

using Floats = std::vector<float>;

void vectors(jvdb::Storage& storage) {
    auto database = storage.create("vectors", 3, JVDB_METRIC_EUCLIDEAN);
    const Floats one{1, 2, 3}, two{4, 5, 6};
    database.put(1, one, "meta");
    database.put("name", std::span<const float>(two));
    database.insert(2, two.data(), two.size());
    CHECK(thrown([&] { database.insert(2, two.data(), two.size()); }) == JVDB_ERROR_KEY_EXISTS);
    CHECK(thrown([&] { database.replace(3, two.data(), two.size()); }) == JVDB_ERROR_KEY_NOT_FOUND);
    database.replace(2, one.data(), one.size(), "new");
    CHECK(database.get(2)->metadata() == "new" && !database.get(3));
    const auto pinned = database.get("name");
    const std::span<const float> span = *pinned;
    CHECK(Floats(span.begin(), span.end()) == two && pinned->size() == 3 && (*pinned)[1] == 5);
    Floats out(3);
    CHECK(database.get_into(1, out.data(), out.size()) && out == one);
    CHECK(!database.get_into(9, out.data(), out.size()));
    CHECK(thrown([&] { database.get_into(1, out.data(), 2); }) == JVDB_ERROR_DIMENSION_MISMATCH);

    const std::uint64_t ids[] = {2, 9, 1};
    Floats matrix(9, -1);
    std::uint8_t found[3];
    CHECK(database.get_batch(ids, 3, matrix.data(), 3, found) == 2);
    CHECK(found[0] == 1 && found[1] == 0 && found[2] == 1 && matrix == (Floats{1, 2, 3, -1, -1, -1, 1, 2, 3}));

    jvdb_batch_t batch{};
    const std::uint8_t deletes[] = {1, 0, 0};
    batch.count = batch.dimension = 3;
    batch.ids = ids;
    batch.matrix = matrix.data();
    batch.deletes = deletes;
    const auto written = database.write(batch);
    CHECK(written.deleted == 1 && written.inserted == 1 && written.replaced == 1);
    CHECK(database.erase(ids, 3) == 2 && database.count() == 1 && database.erase("name") && !database.erase("name"));
    CHECK(database.dimension() == 3 && database.metric() == JVDB_METRIC_EUCLIDEAN);
}

void cursors(jvdb::Storage& storage) {
    auto database = storage.create("cursors", 2);
    for (int id = 0; id < 200; ++id) database.put(id, Floats{float(id), 0}, std::to_string(id));
    database.put("last", Floats{200, 0});
    int expected = 0;
    jvdb::Vector kept;
    std::uint64_t position = 0;
    auto cursor = database.scan();
    for (auto& entry : cursor) {
        CHECK(entry.vector[0] == float(expected));
        CHECK(expected == 200 ? entry.key.bytes() == "last" : entry.key.integer() == std::uint64_t(expected));
        if (expected == 100) position = cursor.position();
        if (expected == 50) kept = std::move(entry.vector);
        ++expected;
    }
    CHECK(expected == 201 && kept.metadata() == "50");
    auto rest = database.scan(position);
    int count = 0;
    while (rest.next()) count += rest.entry().vector.size() == 2;
    CHECK(count == 100);
    auto empty = storage.create("empty", 2).scan();
    CHECK(empty.begin() == empty.end());
    int keys = 0;
    database.visit_keys([&](jvdb_key_t) { ++keys; });
    CHECK(keys == 201);
}

void visits(jvdb::Storage& storage) {
    auto database = storage.create("visits", 2);
    for (int id = 0; id < 200; ++id) database.put(id, Floats{float(id), 0}, std::to_string(id));
    database.put("last", Floats{200, 0});
    int expected = 0, wrong = 0;
    const auto end = database.visit([&](jvdb::Key key, jvdb::View view) {
        const std::span<const float> all = view;
        wrong += all[0] != float(expected) || view.size() != 2 || view.end() - view.begin() != 2 || view[1] != 0;
        wrong += expected == 200 ? key.bytes() != "last" || !view.metadata().empty()
                                 : key.integer() != std::uint64_t(expected) || view.metadata() != std::to_string(expected);
        ++expected;
    });
    CHECK(expected == 201 && wrong == 0);
    CHECK(database.visit([&](jvdb::Key, jvdb::View) { ++wrong; }, end) == end && wrong == 0);

    // Stopped and continued, by a callable that has a name, cannot be copied, and reads by key.
    struct Sum {
        const jvdb::Database& database;
        double sum = 0;
        int left = 0;
        Sum(const jvdb::Database& of) : database(of) {}
        Sum(const Sum&) = delete;
        bool operator()(const jvdb::Key& key, const jvdb::View& view) {
            sum += view[0] + (database.get(key)->data() == nullptr);
            return --left != 0;
        }
    } sum(database);
    std::uint64_t position = 0;
    for (int piece = 0; piece < 3; ++piece) {
        sum.left = 100;
        position = database.visit(sum, position);
    }
    CHECK(sum.sum == 200 * 201 / 2 && sum.left == 99);
    auto rest = database.scan(database.visit([](jvdb::Key key, jvdb::View) { return key.integer() != 150; }));
    CHECK(rest.next() && rest.entry().key.integer() == 151);

    // What is thrown ends the visit, passes the library by, and leaves the handle as it was.
    int shown = 0;
    std::string caught;
    try {
        database.visit([&](jvdb::Key key, jvdb::View) {
            ++shown;
            if (key.integer() == 42) throw std::logic_error("enough");
        });
    } catch (const std::logic_error& error) {
        caught = error.what();
    }
    CHECK(caught == "enough" && shown == 43);
    CHECK(thrown([&] { database.visit([](jvdb::Key, jvdb::View) { throw jvdb::Error(-5, "own"); }); }) == -5);
    CHECK(thrown([&] { database.visit([](jvdb::Key, jvdb::View) {}, 129); }) == JVDB_ERROR_INVALID_ARGUMENT);
    CHECK(database.contains(1));

    for (auto advice : {jvdb::Advice::sequential, jvdb::Advice::will_need, jvdb::Advice::dont_need, jvdb::Advice::random}) {
        database.advise(advice);
        CHECK(database.get(7)->metadata() == "7");
    }
    CHECK(thrown([&] { database.advise(static_cast<jvdb::Advice>(9)); }) == JVDB_ERROR_INVALID_ARGUMENT);
}

void results() {
    auto storage = jvdb::Storage::memory();
    auto created = jvdb::attempt([&] { return storage.create("a", 2); });
    CHECK(created);
    auto again = jvdb::attempt([&] { return storage.create("a", 2); });
    CHECK(!again && again.error().code() == JVDB_ERROR_ALREADY_EXISTS && again.error().database() == "a");
    CHECK(thrown([&] { again.value(); }) == JVDB_ERROR_ALREADY_EXISTS);
    auto database = std::move(created).value();
    CHECK(jvdb::attempt([&] { database.put(1, Floats{1, 2}); }));
    CHECK(!jvdb::attempt([&] { database.put(1, Floats{1}); }));
}

void upkeep(jvdb::Storage& storage, const std::string& directory) {
    auto database = std::make_unique<jvdb::Database>(storage.create("upkeep", 4));
    const Floats vector{1, 2, 3, 4};
    for (int id = 0; id < 50; ++id) database->put(id, vector, "some metadata");
    database->set_attribute("b", "1");
    database->set_attribute("a", "2");
    CHECK(database->attributes() == (std::vector<std::string>{"a", "b"}) && database->attribute("a") == "2");
    CHECK(database->remove_attribute("b") && !database->remove_attribute("b") && !database->attribute("b"));
    for (int id = 1; id < 50; ++id) database->erase(id);
    CHECK(database->compact() > 0);
    CHECK(database->backup(directory + "/copy.jvdb") > 8192 && storage.database("copy").count() == 1);
    CHECK(thrown([&] { database->backup(directory + "/copy.jvdb"); }) == JVDB_ERROR_IO);
    CHECK(database->verify().damage.empty() && database->verify().figures.vectors == 1);
    CHECK(database->flush().count() >= 0 && storage.flush().count() >= 0);
    CHECK(database->stats().vectors == 1 && storage.stats().databases == storage.list().size());
    database.reset();

    // Damage the metadata of the only vector.
    const std::string path = directory + "/copy.jvdb";
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    const std::string bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    file.seekp(static_cast<std::streamoff>(bytes.find("some metadata")));
    file.put('X');
    file.close();
    const auto verified = storage.database("copy").verify();
    CHECK(verified.figures.damaged == 1 && verified.damage.at(0).kind == JVDB_FINDING_DAMAGE);
    const auto repaired = storage.repair("copy");
    CHECK(repaired.figures.lost == 1 && repaired.backup == "copy.jvdb.damaged-1");
    bool named = false;
    for (const auto& finding : repaired.findings) {
        named |= finding.kind == JVDB_FINDING_LOST_VECTOR && std::get<0>(finding.key) == 0 && !finding.text.empty();
    }
    CHECK(named && storage.repair("copy").backup.empty());
    storage.drop("copy");
    CHECK(!storage.exists("copy"));

    int lines = 0;
    jvdb::set_log([](void* user, std::int32_t, const char*) { ++*static_cast<int*>(user); }, &lines, JVDB_LOG_INFO);
    storage.database("upkeep").put(1, vector);
    storage.flush();
    jvdb::set_log(nullptr, nullptr, JVDB_LOG_OFF);
    CHECK(lines > 0);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) return 2;
    auto storage = jvdb::Storage::open(argv[1]);
    vectors(storage);
    cursors(storage);
    visits(storage);
    results();
    upkeep(storage, argv[1]);
    storage.close();
    return check_summary();
}
