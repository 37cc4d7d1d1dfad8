// One log for the library and the C++ classes: until somebody sets a callback the classes write to std::clog, and from then on
// all of it goes to the callback, or nowhere.
// Usage: logged DIRECTORY, which is empty or missing.
#include "InMemoryDatabasePersistence.hpp"
#include "PersistentDatabasePersistence.hpp"
#include "VectorFlushManager.hpp"

#define CHECK_MAIN
#include "check.h"

#include <mutex>
#include <sstream>
#include <string>
#include <vector>

namespace {

struct Lines {
    std::mutex mutex;
    std::vector<std::pair<std::int32_t, std::string>> all;

    static void take(void* user, std::int32_t level, const char* line) {
        auto& lines = *static_cast<Lines*>(user);
        const std::lock_guard lock(lines.mutex);
        lines.all.emplace_back(level, line);
    }
    std::size_t with(std::int32_t level, const std::string& text) {
        const std::lock_guard lock(mutex);
        std::size_t count = 0;
        for (const auto& [its_level, line] : all) count += its_level == level && line.find(text) != std::string::npos;
        return count;
    }
    std::size_t clear() {
        const std::lock_guard lock(mutex);
        const auto count = all.size();
        all.clear();
        return count;
    }
};

/// What is written to std::clog while this lives.
class Clog {
public:
    Clog() : before_(std::clog.rdbuf(text_.rdbuf())) {}
    ~Clog() { std::clog.rdbuf(before_); }
    std::string text() const { return text_.str(); }

private:
    std::ostringstream text_;
    std::streambuf* before_;
};

class Failing : public InMemoryDatabasePersistence {
public:
    void flush() override { throw std::runtime_error("told to fail"); }
};

void fail_a_flush() {
    const auto failing = std::make_shared<Failing>();
    VectorFlushManager::get_instance().register_persistence("failing", failing);
    try {
        VectorFlushManager::get_instance().flush_all();
    } catch (const std::runtime_error&) {
    }
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) return 2;
    const std::string path = argv[1];
    Lines lines;
    {
        const Clog clog;
        PersistentDatabasePersistence persistence(path);
        persistence.flush();
        fail_a_flush();
        CHECK(clog.text().find("[info] PersistentDatabasePersistence: flush completed") != std::string::npos);
        CHECK(clog.text().find("[error] VectorFlushManager: flush of \"failing\" failed: told to fail\n") != std::string::npos);
        CHECK(jvdb_log(JVDB_LOG_INFO, "own", nullptr) == JVDB_ABSENT);
    }
    {
        const Clog clog;
        jvdb::set_log(Lines::take, &lines, JVDB_LOG_INFO);
        PersistentDatabasePersistence persistence(path);
        persistence.create_database("db", DatabaseSchema{3});
        persistence.store_vector("db", 1, {1, 2, 3});
        persistence.flush();
        fail_a_flush();
        CHECK(lines.with(JVDB_LOG_INFO, "PersistentDatabasePersistence: flush completed, storage path: " + path) == 1);
        CHECK(lines.with(JVDB_LOG_ERROR, "VectorFlushManager: flush of \"failing\" failed: told to fail") == 1);
        CHECK(lines.with(JVDB_LOG_INFO, "storage directory opened") >= 1);
        CHECK(jvdb_log(JVDB_LOG_WARN, "own", nullptr) == JVDB_OK && lines.with(JVDB_LOG_WARN, "own") == 1);
        CHECK(jvdb_log(JVDB_LOG_DEBUG, "own", nullptr) == JVDB_OK && lines.with(JVDB_LOG_DEBUG, "own") == 0);
        CHECK(jvdb_log(0, "own", nullptr) == JVDB_ERROR_INVALID_ARGUMENT);
        CHECK(jvdb_log(6, "own", nullptr) == JVDB_ERROR_INVALID_ARGUMENT);
        CHECK(jvdb_log(1, nullptr, nullptr) == JVDB_ERROR_INVALID_ARGUMENT);

        // One level for all of it.
        jvdb::set_log(Lines::take, &lines, JVDB_LOG_ERROR);
        lines.clear();
        persistence.store_vector("db", 1, {1, 2, 3});
        persistence.flush();
        CHECK(lines.clear() == 0);
        fail_a_flush();
        CHECK(lines.with(JVDB_LOG_ERROR, "told to fail") == 1);

        // Nothing, which is no return to std::clog.
        jvdb::set_log(nullptr, nullptr, JVDB_LOG_OFF);
        lines.clear();
        persistence.flush();
        fail_a_flush();
        CHECK(lines.clear() == 0);
        // By the call of C it is the same log.
        CHECK(jvdb_set_log(Lines::take, &lines, JVDB_LOG_INFO, nullptr) == JVDB_OK);
        persistence.flush();
        CHECK(lines.with(JVDB_LOG_INFO, "PersistentDatabasePersistence: flush completed") == 1);
        CHECK(jvdb_set_log(nullptr, nullptr, JVDB_LOG_OFF, nullptr) == JVDB_OK);
        CHECK(clog.text().empty());
    }
    return check_summary();
}
