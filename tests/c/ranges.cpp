// Durations as they come: none, negative, too long for any clock, not a number. Each is an error that names what it was given
// as and the range, and nothing runs.
// Usage: ranges DIRECTORY, which is empty or missing.
#include "PersistentDatabasePersistence.hpp"
#include "VectorFlushManager.hpp"

#define CHECK_MAIN
#include "check.h"

#include <atomic>
#include <chrono>
#include <limits>
#include <memory>
#include <sstream>
#include <string>
#include <thread>

using namespace std::chrono_literals;

namespace {

using Years = std::chrono::duration<std::int64_t, std::ratio<31556952>>;

class Counting : public DatabasePersistence {
public:
    std::atomic<int> flushes{0};
    void flush() override { ++flushes; }
    bool create_database(const std::string&, const DatabaseSchema&) override { return false; }
    bool delete_database(const std::string&) override { return false; }
    std::optional<DatabaseSchema> get_database_schema(const std::string&) const override { return {}; }
    std::vector<std::string> list_databases() const override { return {}; }
    bool store_vector(const std::string&, std::int64_t, const std::vector<float>&, const std::string&) override {
        return false;
    }
    std::optional<VectorWithMetadata> retrieve_vector(const std::string&, std::int64_t) const override { return {}; }
    bool delete_vector(const std::string&, std::int64_t) override { return false; }
    bool batch_store(const std::string&, const std::vector<std::int64_t>&, const std::vector<std::vector<float>>&,
                     const std::vector<std::string>&) override {
        return false;
    }
    std::vector<std::int64_t> list_vector_ids(const std::string&) const override { return {}; }
    bool flush_database(const std::string&) override { return false; }
    StorageStats get_storage_stats() const override { return {}; }
};

template <class Exception, class Call>
bool says(const std::string& first, const std::string& second, Call&& call) {
    try {
        call();
    } catch (const Exception& error) {
        const std::string what = error.what();
        return what.find(first) != std::string::npos && what.find(second) != std::string::npos;
    }
    return false;
}

/// Starts with every interval that is none.
template <class Flushes>
void refuses(Flushes& flushes) {
    const auto refused = [&](auto interval) {
        return says<std::invalid_argument>("start_periodic_flush", "1 ms to 365 days",
                                           [&] { flushes.start_periodic_flush(interval); });
    };
    CHECK(refused(0ms) && refused(0h) && refused(-1ms) && refused(-1s) && refused(999us) && refused(366 * 24h));
    CHECK(refused(Years(300)) && refused(Years::max()) && refused(Years::min()));
    CHECK(refused(std::chrono::hours::max()) && refused(std::chrono::hours::min()));
    CHECK(refused(std::chrono::milliseconds::max()) && refused(std::chrono::seconds::min()));
    CHECK(refused(std::chrono::duration<double>(std::numeric_limits<double>::quiet_NaN())));
    CHECK(refused(std::chrono::duration<double>(std::numeric_limits<double>::infinity())));
    CHECK(!refused(1ms) && !refused(365 * 24h) && !refused(std::chrono::duration<double>(0.25)));
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) return 2;
    std::ostringstream log;
    const auto clog = std::clog.rdbuf(log.rdbuf());
    const std::string path = argv[1];

    auto& flushes = VectorFlushManager::get_instance();
    const auto counting = std::make_shared<Counting>();
    refuses(flushes);
    flushes.register_persistence("counting", counting);
    flushes.start_periodic_flush(1);
    for (const std::int64_t seconds : {INT64_MIN, INT64_C(-1), INT64_C(0), INT64_C(1) << 40, INT64_MAX}) {
        CHECK(says<std::invalid_argument>("start_periodic_flush", "365 days", [&] { flushes.start_periodic_flush(seconds); }));
    }
    // What was refused has not ended what ran, nor made anything run.
    flushes.start_periodic_flush(365 * 24h);
    std::this_thread::sleep_for(50ms);
    CHECK(counting->flushes == 0);
    flushes.stop_periodic_flush();
    flushes.unregister_persistence("counting");

    for (const auto interval : {-1s, 3601s, std::chrono::seconds::min(), std::chrono::seconds::max(),
                                std::chrono::seconds(INT64_MAX / 1000 + 1), std::chrono::seconds(Years(300))}) {
        CHECK(says<jvdb::Error>("flush_interval", "0..=3600 s",
                                [&] { PersistentDatabasePersistence persistence(path, 100, interval); }));
    }
    {
        PersistentDatabasePersistence persistence(path, 100, 0s);
        refuses(persistence);
    }

    // The same in jvdb.h, where 0 is the default.
    for (const std::int64_t given : {INT64_MIN, INT64_C(-2), INT64_C(3600001), INT64_MAX}) {
        jvdb_options_t options{};
        options.flush_interval_ms = given;
        CHECK(says<jvdb::Error>("flush_interval", "3600", [&] { jvdb::Storage::open(path, options); }));
        CHECK(says<jvdb::Error>("flush_interval", "3600", [&] { jvdb::Storage::memory(options); }));
    }
    jvdb_options_t options{};
    options.pin_timeout_ms = INT64_MIN;
    CHECK(says<jvdb::Error>("pin_timeout", "JVDB_OFF", [&] { jvdb::Storage::open(path, options); }));
    options.pin_timeout_ms = INT64_MAX;
    options.flush_interval_ms = 3600000;
    CHECK(jvdb::Storage::open(path, options).list().empty());
    std::clog.rdbuf(clog);
    return check_summary();
}
