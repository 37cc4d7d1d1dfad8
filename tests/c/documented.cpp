// The documented C++ classes, used as a program that was written for them uses them: names unqualified, C++20.
// Usage: documented DIRECTORY, which is empty or missing.
#include "InMemoryDatabasePersistence.hpp"
#include "MemoryMappedVectorStore.hpp"
#include "PersistentDatabasePersistence.hpp"
#include "SignalHandler.hpp"
#include "VectorFlushManager.hpp"

#define CHECK_MAIN
#include "check.h"

#include <chrono>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <sstream>
#include <string>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace fs = std::filesystem;
using namespace std::chrono_literals;

namespace {

fs::path root;
std::string self;

std::vector<float> vector_of(std::int64_t id, std::size_t dimension) {
    std::vector<float> vector(dimension);
    for (std::size_t i = 0; i < dimension; ++i) vector[i] = static_cast<float>(id) + static_cast<float>(i) / 7;
    return vector;
}

std::string metadata_of(std::int64_t id) { return "{\"id\":" + std::to_string(id) + "}"; }

bool holds(const DatabasePersistence& persistence, const std::string& name, std::int64_t id, std::size_t dimension) {
    const auto found = persistence.retrieve_vector(name, id);
    return found && found->first == vector_of(id, dimension) && found->second == metadata_of(id);
}

template <class Exception>
std::string thrown(const std::function<void()>& call) {
    try {
        call();
    } catch (const Exception& error) {
        return error.what();
    }
    return "";
}

/// What is written to std::clog while this lives.
class CapturedLog {
public:
    CapturedLog() : before_(std::clog.rdbuf(text_.rdbuf())) {}
    ~CapturedLog() { std::clog.rdbuf(before_); }
    bool has(const std::string& line) const { return text_.str().find(line) != std::string::npos; }

private:
    std::ostringstream text_;
    std::streambuf* before_;
};

/// Files of databases that this process has open.
std::size_t open_database_files() {
    std::size_t open = 0;
    for (const auto& entry : fs::directory_iterator("/proc/self/fd")) {
        std::error_code gone;
        open += fs::read_symlink(entry.path(), gone).extension() == ".jvdb";
    }
    return open;
}

// The functional tests of the migration guide.

void stores_retrieves_and_the_file_exists() {
    const auto path = root / "basic";
    PersistentDatabasePersistence persistence(path.string());
    CHECK(persistence.create_database("test_db", DatabaseSchema{512, DistanceMetric::COSINE}));
    const auto vector = vector_of(1, 512);
    CHECK(persistence.store_vector("test_db", 1, vector, "{\"label\":\"test\"}"));
    const auto found = persistence.retrieve_vector("test_db", 1);
    CHECK(found.has_value() && found->first == vector && found->second == "{\"label\":\"test\"}");
    CHECK(fs::exists(path / "test_db.jvdb"));
    CHECK(persistence.delete_database("test_db"));
    CHECK(!fs::exists(path / "test_db.jvdb"));
}

void a_hundred_vectors_survive_a_restart_after_flush() {
    const auto path = (root / "restart").string();
    {
        PersistentDatabasePersistence persistence(path, 100, 300s);
        persistence.create_database("db", DatabaseSchema{128, DistanceMetric::EUCLIDEAN, IndexType::IVF});
        for (std::int64_t id = 0; id < 100; ++id) {
            persistence.store_vector("db", id, vector_of(id, 128), metadata_of(id));
        }
        persistence.flush();
    }
    PersistentDatabasePersistence persistence(path, 100, 300s);
    CHECK(persistence.list_databases() == std::vector<std::string>{"db"});
    CHECK(!persistence.create_database("db", DatabaseSchema{128}));
    std::size_t found = 0;
    for (std::int64_t id = 0; id < 100; ++id) found += holds(persistence, "db", id, 128);
    CHECK(found == 100);
    const auto schema = persistence.get_database_schema("db");
    CHECK(schema && schema->dimension == 128);
    CHECK(schema && schema->distance_metric == DistanceMetric::EUCLIDEAN && schema->index_type == IndexType::IVF);
}

void a_hundred_and_fifty_databases_hold_at_most_a_hundred_files_open() {
    PersistentDatabasePersistence persistence((root / "many").string(), 100);
    std::size_t most = 0;
    const auto watch = [&] { most = std::max(most, open_database_files()); };
    for (int db = 0; db < 150; ++db) {
        const auto name = "db_" + std::to_string(db);
        persistence.create_database(name, DatabaseSchema{16});
        watch();
        for (std::int64_t id = 0; id < 10; ++id) persistence.store_vector(name, id, vector_of(db + id, 16));
        watch();
    }
    std::size_t complete = 0;
    for (int db = 0; db < 150; ++db) {
        const auto name = "db_" + std::to_string(db);
        std::size_t found = 0;
        for (std::int64_t id = 0; id < 10; ++id) {
            const auto vector = persistence.retrieve_vector(name, id);
            found += vector && vector->first == vector_of(db + id, 16);
        }
        complete += found == 10 && persistence.list_vector_ids(name).size() == 10;
        watch();
    }
    CHECK(complete == 150);
    CHECK(most > 0 && most <= 100);
    const auto stats = persistence.get_storage_stats();
    CHECK(stats.total_databases == 150 && stats.total_vectors == 1500);
    CHECK(stats.open_files > 0 && stats.open_files <= 100 && stats.max_open_files == 100);
    CHECK(stats.lru_evictions_per_minute >= 50 && stats.total_bytes > 0);
}

void a_thousand_vectors_keep_every_bit() {
    const auto path = (root / "integrity").string();
    std::vector<std::int64_t> ids;
    std::vector<std::vector<float>> vectors;
    std::vector<std::string> metadata;
    for (std::int64_t id = 0; id < 1000; ++id) {
        ids.push_back(id);
        vectors.push_back(vector_of(id, 384));
        metadata.push_back(metadata_of(id));
    }
    vectors[1][0] = -0.0f;
    vectors[2][0] = std::numeric_limits<float>::denorm_min();
    vectors[3][0] = std::numeric_limits<float>::quiet_NaN();
    {
        PersistentDatabasePersistence persistence(path);
        persistence.create_database("db", DatabaseSchema{384});
        CHECK(persistence.batch_store("db", ids, vectors, metadata));
        CHECK(persistence.flush_database("db"));
    }
    PersistentDatabasePersistence persistence(path);
    std::size_t same = 0;
    for (std::size_t i = 0; i < ids.size(); ++i) {
        const auto found = persistence.retrieve_vector("db", ids[i]);
        same += found && found->first.size() == 384 && found->second == metadata[i] &&
                std::memcmp(found->first.data(), vectors[i].data(), 384 * sizeof(float)) == 0;
    }
    CHECK(same == 1000);
    CHECK(persistence.list_vector_ids("db") == ids);
}

// What the classes answer, the same from disk and from memory, through the common base.

void answers(DatabasePersistence& persistence) {
    CHECK(persistence.create_database("b", DatabaseSchema{3, DistanceMetric::DOT_PRODUCT, IndexType::FLAT}));
    CHECK(!persistence.create_database("b", DatabaseSchema{3}));
    CHECK(persistence.last_error().find("exists already") != std::string::npos);
    CHECK(persistence.create_database("a", DatabaseSchema{3}));
    CHECK((persistence.list_databases() == std::vector<std::string>{"a", "b"}));
    CHECK(persistence.get_database_schema("b")->index_type == IndexType::FLAT);
    CHECK(!persistence.get_database_schema("c"));
    for (const auto& bad : {DatabaseSchema{0}, DatabaseSchema{65537}, DatabaseSchema{std::size_t{1} << 40}}) {
        CHECK(!thrown<std::runtime_error>([&] { persistence.create_database("c", bad); }).empty());
    }
    for (const std::string name : {"", "../c", "a/b", ".."}) {
        CHECK(!thrown<std::runtime_error>([&] { persistence.create_database(name, DatabaseSchema{3}); }).empty());
    }
    const std::string nul("a\0b", 3);
    CHECK(!thrown<jvdb::Error>([&] { persistence.create_database(nul, DatabaseSchema{3}); }).empty());

    CHECK(persistence.store_vector("b", 0, {1, 2, 3}));
    CHECK(persistence.retrieve_vector("b", 0)->second.empty());
    CHECK(persistence.store_vector("b", 0, {4, 5, 6}, "new"));
    CHECK((persistence.retrieve_vector("b", 0) == std::pair{std::vector<float>{4, 5, 6}, std::string("new")}));
    CHECK(persistence.store_vector("b", INT64_MAX, {7, 8, 9}, nul));
    CHECK(persistence.retrieve_vector("b", INT64_MAX)->second == nul);
    CHECK(!persistence.store_vector("b", -1, {1, 2, 3}));
    CHECK(persistence.last_error().find("-1 is negative") != std::string::npos);
    CHECK(!persistence.store_vector("b", 1, {1, 2}));
    CHECK(persistence.last_error().find("dimension 3") != std::string::npos);
    CHECK(!persistence.store_vector("c", 1, {1, 2, 3}));
    CHECK(!persistence.retrieve_vector("b", 1));
    CHECK(persistence.last_error().find("no vector 1 in database \"b\"") != std::string::npos);
    CHECK(!persistence.retrieve_vector("b", -1));
    CHECK(!persistence.retrieve_vector("c", 1));
    CHECK(!persistence.delete_vector("b", 1));
    CHECK(!persistence.delete_vector("c", 1));
    CHECK(persistence.delete_vector("b", 0));
    CHECK(!persistence.retrieve_vector("b", 0));

    CHECK(persistence.batch_store("b", {10, 11}, {{1, 2, 3}, {4, 5, 6}}, {"ten", "eleven"}));
    CHECK(persistence.batch_store("b", {12}, {{7, 8, 9}}));
    CHECK(persistence.batch_store("b", {}, {}));
    CHECK(!persistence.batch_store("b", {20, 21}, {{1, 2, 3}, {4, 5}}));
    CHECK(!persistence.batch_store("b", {20, 21}, {{1, 2, 3}}));
    CHECK(!persistence.batch_store("b", {20, 21}, {{1, 2, 3}, {4, 5, 6}}, {"one"}));
    CHECK(!persistence.batch_store("b", {20, -1}, {{1, 2, 3}, {4, 5, 6}}));
    CHECK(!persistence.batch_store("b", {20}, {{1, 2}}));
    CHECK(!persistence.batch_store("c", {20}, {{1, 2, 3}}));
    CHECK((persistence.list_vector_ids("b") == std::vector<std::int64_t>{10, 11, 12, INT64_MAX}));
    CHECK(persistence.list_vector_ids("c").empty());

    CHECK(persistence.flush_database("b"));
    CHECK(!persistence.flush_database("c"));
    persistence.flush();
    const auto stats = persistence.get_storage_stats();
    CHECK(stats.total_databases == 2 && stats.total_vectors == 4 && stats.unflushed_bytes == 0);
    CHECK(persistence.delete_database("b"));
    CHECK(!persistence.delete_database("b"));
    CHECK(persistence.list_databases() == std::vector<std::string>{"a"});
}

void both_classes_give_the_same_answers() {
    // As a DatabaseService takes them.
    const std::shared_ptr<DatabasePersistence> either[] = {
        std::make_shared<PersistentDatabasePersistence>((root / "answers").string()),
        std::make_shared<InMemoryDatabasePersistence>(),
    };
    for (const auto& persistence : either) answers(*persistence);
}

void what_cannot_be_opened_says_why() {
    std::ofstream(root / "file") << "x";
    const auto open = [](const fs::path& path, std::size_t files, std::chrono::seconds interval) {
        return thrown<std::runtime_error>([&] { PersistentDatabasePersistence(path.string(), files, interval); });
    };
    CHECK(open(root / "file" / "below", 100, 300s).find("Not a directory") != std::string::npos);
    for (const std::size_t files : {0, 4, 1001}) {
        CHECK(open(root / "limits", files, 300s).find("max_open_files") != std::string::npos);
    }
    CHECK(open(root / "limits", 100, 3601s).find("flush_interval") != std::string::npos);
    CHECK(open(root / "limits", 100, -1s).find("flush_interval") != std::string::npos);
    CHECK(open(root / "limits", 5, 0s).empty());
    CHECK(open(root / "limits", 1000, 3600s).empty());
    PersistentDatabasePersistence holder((root / "limits").string());
    CHECK(open(root / "limits", 100, 300s).find("in use by") != std::string::npos);
}

void operators_find_their_log_lines() {
    const CapturedLog log;
    const auto path = (root / "log").string();
    PersistentDatabasePersistence persistence(path, 50, 60s);
    CHECK(log.has("[info] Initializing PersistentDatabasePersistence at " + path + "\n"));
    CHECK(log.has("[info] LRU cache configured with max_open_files=50\n"));
    CHECK(log.has("[info] Starting periodic flush with interval=60s\n"));
    CHECK(!log.has("flush completed"));
    persistence.flush();
    CHECK(log.has("flush completed") && log.has("flush_duration_ms="));
}

/// A persistence that counts its flushes, and fails them when told to.
class Counting : public InMemoryDatabasePersistence {
public:
    void flush() override {
        ++flushes;
        if (fails) throw std::runtime_error("told to fail");
    }
    std::atomic<int> flushes{0};
    bool fails = false;
};

void the_flush_manager_flushes_what_is_registered_and_alive() {
    auto& flush_manager = VectorFlushManager::get_instance();
    const CapturedLog log;
    auto first = std::make_shared<Counting>(), second = std::make_shared<Counting>();
    flush_manager.register_persistence("first", first);
    flush_manager.register_persistence("second", second);
    flush_manager.flush_all();
    CHECK(first->flushes == 1 && second->flushes == 1);
    first->fails = true;
    CHECK(thrown<std::runtime_error>([&] { flush_manager.flush_all(); }) == "told to fail");
    CHECK(first->flushes == 2 && second->flushes == 2 && log.has("\"first\" failed: told to fail"));
    flush_manager.unregister_persistence("first");
    flush_manager.flush_all();
    CHECK(first->flushes == 2 && second->flushes == 3);

    flush_manager.start_periodic_flush(10ms);
    flush_manager.start_periodic_flush(5ms);
    for (int i = 0; i < 1000 && second->flushes < 6; ++i) std::this_thread::sleep_for(5ms);
    CHECK(second->flushes >= 6);
    flush_manager.stop_periodic_flush();
    const int stopped = second->flushes;
    std::this_thread::sleep_for(30ms);
    CHECK(second->flushes == stopped);
    flush_manager.start_periodic_flush(std::chrono::seconds(300));
    flush_manager.stop_periodic_flush();

    const std::weak_ptr<Counting> watched = second;
    second.reset();
    CHECK(watched.expired());
    flush_manager.flush_all();
    CHECK(!thrown<std::invalid_argument>([&] { flush_manager.register_persistence("null", nullptr); }).empty());
    CHECK(!thrown<std::invalid_argument>([&] { flush_manager.start_periodic_flush(-1); }).empty());
}

// Programs that end by a signal: this one, started again with another command.

/// Starts this program with a command and returns its process id and the reading end of its standard output.
std::pair<pid_t, int> start(const char* command, const fs::path& path) {
    int ends[2];
    if (::pipe(ends) != 0) return {-1, -1};
    const pid_t child = ::fork();
    if (child == 0) {
        ::dup2(ends[1], 1);
        ::close(ends[0]);
        ::execl(self.c_str(), self.c_str(), command, path.c_str(), nullptr);
        ::_exit(127);
    }
    ::close(ends[1]);
    return {child, ends[0]};
}

std::string read_all(int end) {
    std::string text;
    char buffer[4096];
    for (ssize_t got; (got = ::read(end, buffer, sizeof buffer)) > 0;) {
        text.append(buffer, static_cast<std::size_t>(got));
    }
    ::close(end);
    return text;
}

/// Sends a signal as soon as the child has said something; returns how it ended and all that it said.
std::pair<int, std::string> signalled(const char* command, const fs::path& path, int signal) {
    const auto [child, end] = start(command, path);
    char first = 0;
    CHECK(::read(end, &first, 1) == 1);
    if (signal == SIGKILL) std::this_thread::sleep_for(50ms);
    ::kill(child, signal);
    const auto said = first + read_all(end);
    int status = -1;
    ::waitpid(child, &status, 0);
    return {status, said};
}

/// Child: stores and flushes at shutdown; ends by returning from main if `polite`, never otherwise.
int serve(const fs::path& path, bool polite) {
    static const auto persistence = std::make_shared<PersistentDatabasePersistence>(path.string());
    SignalHandler::initialize();
    SignalHandler::initialize();
    const auto main_thread = std::this_thread::get_id();
    SignalHandler::register_shutdown_callback([] { throw std::runtime_error("a callback that fails"); });
    SignalHandler::register_shutdown_callback([main_thread] {
        persistence->flush();
        const bool unflushed = persistence->get_storage_stats().unflushed_bytes > 0;
        std::cout << (std::this_thread::get_id() == main_thread || unflushed ? "wrong" : "flushed") << std::endl;
    });
    persistence->create_database("db", DatabaseSchema{3});
    persistence->store_vector("db", 1, {1, 2, 3});
    std::cout << "ready" << std::endl;
    if (!polite) std::this_thread::sleep_for(10s);
    SignalHandler::wait();
    CHECK(SignalHandler::shutdown_requested());
    std::cout << "returned" << std::endl;
    return check_failed;
}

void shutdown_callbacks_run_on_a_thread_of_their_own_and_the_program_exits_cleanly() {
    for (const int signal : {SIGTERM, SIGINT}) {
        const auto [status, said] = signalled("serve", root / "serve", signal);
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        CHECK(said == "ready\nflushed\nreturned\n");
    }
    const auto [status, said] = signalled("serve-forever", root / "serve", SIGTERM);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    CHECK(said == "ready\nflushed\n");
}

/// Child: stores for ever without a flush, and says each id once it is acknowledged.
int store_forever(const fs::path& path) {
    PersistentDatabasePersistence persistence(path.string(), 100, 0s);
    persistence.create_database("db", DatabaseSchema{64});
    for (std::int64_t id = 0;; ++id) {
        if (!persistence.store_vector("db", id, vector_of(id, 64), metadata_of(id))) return 1;
        std::cout << id << std::endl;
    }
}

void kill_9_without_any_flush_loses_nothing_acknowledged() {
    const auto path = root / "killed";
    const auto [status, said] = signalled("store-forever", path, SIGKILL);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    PersistentDatabasePersistence persistence(path.string());
    std::istringstream ids(said.substr(0, said.rfind('\n')));
    std::int64_t acknowledged = 0, kept = 0;
    for (std::int64_t id; ids >> id; ++acknowledged) kept += holds(persistence, "db", id, 64);
    CHECK(acknowledged > 0 && kept == acknowledged);
}

void a_memory_mapped_store_is_one_file() {
    const auto file = (root / "store" / "vectors.jvdb").string();
    {
        MemoryMappedVectorStore store(file, 4, 500);
        CHECK(fs::exists(file) && store.get_dimension() == 4 && store.get_capacity() == 500);
        CHECK(store.store_vector(1, {1, 2, 3, 4}, "one") && store.store_vector(2, {5, 6, 7, 8}));
        CHECK(!store.store_vector(3, {1, 2}) && !store.store_vector(-1, {1, 2, 3, 4}));
        CHECK(store.batch_store({3, 4}, {{1, 1, 1, 1}, {2, 2, 2, 2}}, {"three", "four"}));
        CHECK(store.delete_vector(4) && !store.delete_vector(4));
        CHECK(store.get_vector_count() == 3);
        store.flush();
        // Another one beside it.
        MemoryMappedVectorStore beside((root / "store" / "others").string(), 2);
        CHECK(beside.store_vector(1, {1, 2}) && fs::exists(root / "store" / "others.jvdb"));
        CHECK(beside.get_capacity() == 1000);
        CHECK(!thrown<std::invalid_argument>([&] { MemoryMappedVectorStore other(file, 5); }).empty());
    }
    const MemoryMappedVectorStore store(file, 4);
    CHECK((store.retrieve_vector(1) == std::pair{std::vector<float>{1, 2, 3, 4}, std::string("one")}));
    CHECK(store.retrieve_vector(3)->second == "three" && !store.retrieve_vector(4));
    CHECK(!thrown<std::invalid_argument>([&] { MemoryMappedVectorStore none(file, 0); }).empty());
    CHECK(!thrown<std::invalid_argument>([&] { MemoryMappedVectorStore huge(file, 65537); }).empty());
    std::ofstream(root / "store" / "foreign.jvdb") << "this is no database";
    const auto foreign = (root / "store" / "foreign.jvdb").string();
    const auto refused = thrown<std::runtime_error>([&] { MemoryMappedVectorStore store(foreign, 4); });
    CHECK(refused.find(foreign) != std::string::npos);
    const auto below = (root / "file" / "below.jvdb").string();
    CHECK(!thrown<std::runtime_error>([&] { MemoryMappedVectorStore store(below, 4); }).empty());
}

void threads_share_one_persistence() {
    PersistentDatabasePersistence persistence((root / "threads").string(), 5);
    std::vector<std::thread> threads;
    std::atomic<int> failures{0};
    for (int db = 0; db < 12; ++db) persistence.create_database("db_" + std::to_string(db), DatabaseSchema{32});
    for (int thread = 0; thread < 4; ++thread) {
        threads.emplace_back([&, thread] {
            for (std::int64_t id = thread * 1000; id < thread * 1000 + 600; ++id) {
                const auto name = "db_" + std::to_string(id % 12);
                failures += !persistence.store_vector(name, id, vector_of(id, 32), metadata_of(id));
                failures += !holds(persistence, name, id, 32);
            }
        });
    }
    for (auto& thread : threads) thread.join();
    CHECK(failures == 0);
    CHECK(persistence.get_storage_stats().total_vectors == 2400);
}

}  // namespace

int main(int argc, char** argv) {
    self = fs::read_symlink("/proc/self/exe").string();
    const std::string command = argc == 3 ? argv[1] : "";
    if (command == "serve") return serve(argv[2], true);
    if (command == "serve-forever") return serve(argv[2], false);
    if (command == "store-forever") return store_forever(argv[2]);
    if (argc != 2) {
        std::cerr << "usage: documented DIRECTORY\n";
        return 2;
    }
    root = argv[1];
    fs::create_directories(root);
    for (const auto test : {
             stores_retrieves_and_the_file_exists,
             a_hundred_vectors_survive_a_restart_after_flush,
             a_hundred_and_fifty_databases_hold_at_most_a_hundred_files_open,
             a_thousand_vectors_keep_every_bit,
             both_classes_give_the_same_answers,
             what_cannot_be_opened_says_why,
             operators_find_their_log_lines,
             the_flush_manager_flushes_what_is_registered_and_alive,
             shutdown_callbacks_run_on_a_thread_of_their_own_and_the_program_exits_cleanly,
             kill_9_without_any_flush_loses_nothing_acknowledged,
             a_memory_mapped_store_is_one_file,
             threads_share_one_persistence,
         }) {
        try {
            test();
        } catch (const std::exception& error) {
            std::cerr << error.what() << '\n';
            CHECK(!"a test threw");
        }
    }
    return check_summary();
}
