// jvdb.hpp in a program without exceptions, which is how this one is compiled: attempt() gives errors as values, and after the
// first one nothing more is done within it.
// Usage: no_exceptions DIRECTORY, which is empty or missing.
#define CHECK_MAIN
#include "check.h"
#include "jvdb.hpp"

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>
#include <vector>

#if defined(__cpp_exceptions)
#error "this is to be compiled with -fno-exceptions"
#endif

namespace {

using Floats = std::vector<float>;

void errors_are_values(jvdb::Storage& storage) {
    auto created = jvdb::attempt([&] { return storage.create("a", 2); });
    CHECK(created);
    auto database = std::move(created).value();
    const auto again = jvdb::attempt([&] { return storage.create("a", 2); });
    CHECK(!again && again.error().code() == JVDB_ERROR_ALREADY_EXISTS && again.error().database() == "a");
    CHECK(jvdb::attempt([&] { database.put(1, Floats{1, 2}, "one"); }));
    const auto longer = jvdb::attempt([&] { database.put(2, Floats{1, 2, 3}); });
    CHECK(!longer && longer.error().code() == JVDB_ERROR_DIMENSION_MISMATCH);
    const auto found = jvdb::attempt([&] { return database.get(1).value().metadata() == "one"; });
    CHECK(found);
    CHECK(!jvdb::attempt([&] { return storage.database(std::string("a\0b", 3)).count(); }));
    const auto none = jvdb::attempt([&] { return storage.database("none").count(); });
    CHECK(!none && none.error().code() == JVDB_ERROR_NOT_FOUND);
    jvdb::Batch batch;
    const Floats one{1, 2}, other{1, 2, 3};
    batch.put(7, one).put(8, other);
    const auto uneven = jvdb::attempt([&] { return database.write(batch).inserted; });
    CHECK(!uneven && uneven.error().code() == JVDB_ERROR_DIMENSION_MISMATCH);
    CHECK(jvdb::attempt([&] { return database.count(); }).value() == 1);
}

void after_an_error_nothing_is_done(jvdb::Storage& storage) {
    auto database = storage.create("after", 2);
    database.put(1, Floats{1, 2});
    int cursors = 0, visits = 0;
    const auto result = jvdb::attempt([&] {
        database.insert(1, Floats{3, 4});
        database.put(2, Floats{5, 6});
        database.erase(1);
        for (auto& entry : database.scan()) cursors += entry.vector.size() != 0;
        database.visit([&](jvdb::Key, jvdb::View) { ++visits; });
        CHECK(!database.get(1) && database.count() == 0 && !database.attribute("a"));
        return storage.database("after");
    });
    CHECK(!result && result.error().code() == JVDB_ERROR_KEY_EXISTS && cursors == 0 && visits == 0);
    CHECK(database.count() == 1 && (*database.get(1))[0] == 1);

    // One within another is on its own.
    const auto outer = jvdb::attempt([&] {
        CHECK(!jvdb::attempt([&] { database.replace(9, Floats{1, 2}); }));
        return database.count();
    });
    CHECK(outer);
}

void an_error_within_a_visit_ends_it(jvdb::Storage& storage) {
    auto database = storage.create("visited", 2);
    for (int id = 0; id < 10; ++id) database.put(id, Floats{1, 2});
    int shown = 0;
    const auto result = jvdb::attempt([&] {
        return database.visit([&](jvdb::Key, jvdb::View) {
            if (++shown == 3) database.put(99, Floats{1, 2});
        });
    });
    CHECK(!result && result.error().code() == JVDB_ERROR_INVALID_ARGUMENT && shown == 3);
}

void an_error_outside_ends_the_program(jvdb::Storage& storage) {
    std::fflush(nullptr);
    const pid_t child = ::fork();
    if (child == 0) {
        (void)std::freopen("/dev/null", "w", stderr);
        (void)storage.database("none");
        ::_exit(0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) return 2;
    auto storage = jvdb::Storage::open(argv[1]);
    errors_are_values(storage);
    after_an_error_nothing_is_done(storage);
    an_error_within_a_visit_ends_it(storage);
    // Which takes what is on the stack for lost there.
    if (std::getenv("JVDB_UNDER_VALGRIND") == nullptr) an_error_outside_ends_the_program(storage);
    storage.close();
    return check_summary();
}
