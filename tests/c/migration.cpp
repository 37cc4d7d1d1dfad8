// The way from the in-memory class to the persistent one, as the migration guide has a program go it: what its main() does
// until it is told to end, config.json, the import of an export file in batches, warming, bulk loads, a look at the
// figures, a health check, a restart. Every call has the form, and every name the place, that it has there.
// Usage: migration DIRECTORY, which is empty or missing; or migration DIRECTORY serve.
#include "PersistentDatabasePersistence.hpp"
#include "VectorFlushManager.hpp"
#include "SignalHandler.hpp"

#include <nlohmann/json.hpp>

#include "InMemoryDatabasePersistence.hpp"
#include "MemoryMappedVectorStore.hpp"
#include "PersistenceConfig.hpp"

#define CHECK_MAIN
#include "check.h"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <memory>
#include <numeric>
#include <string>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace fs = std::filesystem;

namespace {

fs::path root;
const char* self;

/// As programs have it: it takes either class.
class DatabaseService {
public:
    explicit DatabaseService(std::shared_ptr<DatabasePersistence> persistence) : persistence_(std::move(persistence)) {}
    DatabasePersistence& persistence() { return *persistence_; }

private:
    std::shared_ptr<DatabasePersistence> persistence_;
};

/// What main() of such a program does. It ends with a signal, some time.
int serve() {
    SignalHandler::initialize();
    auto persistence = std::make_shared<PersistentDatabasePersistence>((root / "served").string(), 100,
                                                                       std::chrono::seconds(300));
    auto& flush_manager = VectorFlushManager::get_instance();
    flush_manager.register_persistence("main", persistence);
    flush_manager.start_periodic_flush(std::chrono::seconds(300));
    SignalHandler::register_shutdown_callback([&flush_manager, persistence]() {
        std::cout << "ending\n";
        flush_manager.flush_all();
        flush_manager.stop_periodic_flush();
        std::cout << persistence->get_storage_stats().unflushed_bytes << " unflushed\n";
    });
    auto service = std::make_shared<DatabaseService>(persistence);
    service->persistence().create_database("served", DatabaseSchema{3, DistanceMetric::COSINE});
    service->persistence().store_vector("served", 1, {1, 2, 3}, "{}");
    std::ofstream(root / "serving") << "yes";
    while (true) std::this_thread::sleep_for(std::chrono::seconds(1));
}

nlohmann::json config(const std::string& type) {
    return {{"persistence",
             {{"type", type}, {"storage_path", root / "data"}, {"max_open_files", 20}, {"flush_interval_seconds", 60}}},
            {"vector_storage", {{"initial_capacity", 10000}, {"enable_auto_flush", true}}},
            {"server", {{"port", 8080}}}};
}

std::string written(const nlohmann::json& json) {
    const auto path = root / "config.json";
    std::ofstream(path) << json;
    return path;
}

template <class Exception>
std::string refused(const nlohmann::json& json) {
    try {
        PersistenceConfig::read(written(json));
    } catch (const Exception& error) {
        return error.what();
    }
    return "";
}

/// Values that nothing could follow down: an error where they are in the way, and passed over where they are not.
void a_configuration_may_nest_deep() {
    const auto deep = std::string(200000, '[') + std::string(200000, ']');
    const auto read = [](const std::string& text) {
        std::ofstream(root / "config.json") << text;
        return PersistenceConfig::read(root / "config.json");
    };
    CHECK(!read(R"({"persistence":{"type":"memory","other":)" + deep + R"(},"other":)" + deep + "}").persistent);
    for (const auto& text : {deep, R"({"persistence":)" + deep + "}", R"({"persistence":{"type":)" + deep + "}}",
                             R"({"persistence":{"type":"memory"},"vector_storage":)" + deep + "}"}) {
        bool thrown = false;
        try {
            read(text);
        } catch (const std::invalid_argument&) {
            thrown = true;
        }
        CHECK(thrown);
    }
}

void the_configuration_is_read_and_checked() {
    const auto read = PersistenceConfig::read(written(config("persistent")));
    CHECK(read.persistent && read.storage_path == root / "data" && read.max_open_files == 20);
    CHECK(read.flush_interval == std::chrono::seconds(60) && read.initial_capacity == 10000 && read.enable_auto_flush);
    CHECK(std::dynamic_pointer_cast<PersistentDatabasePersistence>(read.open()) != nullptr);
    CHECK(std::dynamic_pointer_cast<InMemoryDatabasePersistence>(
              PersistenceConfig::read(written(config("memory"))).open()) != nullptr);
    CHECK(!PersistenceConfig::from({{"persistence", {{"type", "memory"}}}}).persistent);

    auto bad = config("tape");
    CHECK(refused<std::invalid_argument>(bad).find("persistence.type") != std::string::npos);
    for (const auto& value : std::vector<nlohmann::json>{4, 1001, -5, 7.5, "50", nullptr}) {
        bad = config("persistent");
        bad["persistence"]["max_open_files"] = value;
        CHECK(refused<std::invalid_argument>(bad).find("persistence.max_open_files") != std::string::npos);
    }
    bad = config("persistent");
    bad["persistence"]["flush_interval_seconds"] = 3601;
    CHECK(refused<std::invalid_argument>(bad).find("3600") != std::string::npos);
    bad = config("persistent");
    bad["persistence"].erase("storage_path");
    CHECK(refused<std::invalid_argument>(bad).find("storage_path") != std::string::npos);
    bad["vector_storage"] = 7;
    CHECK(!refused<std::exception>(bad).empty());
    // Each member of a wrong type is named.
    for (const auto& [section, member] : std::vector<std::pair<std::string, std::string>>{
             {"persistence", "type"}, {"persistence", "storage_path"}, {"vector_storage", "enable_auto_flush"}}) {
        bad = config("persistent");
        bad[section][member] = 7;
        CHECK(refused<std::invalid_argument>(bad).find(section + '.' + member) != std::string::npos);
        bad[section] = nlohmann::json::array();
        CHECK(refused<std::invalid_argument>(bad).find(section + " is not an object") != std::string::npos);
    }
    a_configuration_may_nest_deep();
    std::ofstream(root / "config.json") << "{";
    bool thrown = false;
    try {
        PersistenceConfig::read(root / "config.json");
    } catch (const std::runtime_error&) {
        thrown = true;
    }
    CHECK(thrown);
}

DistanceMetric parse_metric(const std::string& name) {
    if (name == "euclidean") return DistanceMetric::EUCLIDEAN;
    return name == "dot_product" ? DistanceMetric::DOT_PRODUCT : DistanceMetric::COSINE;
}

nlohmann::json exported(std::size_t count) {
    auto vectors = nlohmann::json::array();
    for (std::size_t id = 0; id < count; ++id) {
        vectors.push_back({{"id", id}, {"data", {id, 0.5, -1}}, {"metadata", {{"n", id}}}});
    }
    return {{"databases",
             {{{"name", "a"}, {"schema", {{"dimension", 3}, {"distance_metric", "euclidean"}}}, {"vectors", vectors}},
              {{"name", "b"}, {"schema", {{"dimension", 3}, {"distance_metric", "cosine"}}}, {"vectors", vectors}}}}};
}

void import(const nlohmann::json& json, const std::shared_ptr<DatabasePersistence>& persistence) {
    for (const auto& database : json["databases"]) {
        const std::string name = database["name"];
        DatabaseSchema schema;
        schema.dimension = database["schema"]["dimension"];
        schema.distance_metric = parse_metric(database["schema"]["distance_metric"]);
        CHECK(persistence->create_database(name, schema));
        const auto& vectors = database["vectors"];
        for (std::size_t first = 0; first < vectors.size(); first += 1000) {
            std::vector<int64_t> ids;
            std::vector<std::vector<float>> data;
            std::vector<std::string> metadata;
            for (std::size_t i = first; i < std::min(first + 1000, vectors.size()); ++i) {
                ids.push_back(vectors[i]["id"]);
                data.push_back(vectors[i]["data"].get<std::vector<float>>());
                metadata.push_back(vectors[i]["metadata"].dump());
            }
            CHECK(persistence->batch_store(name, ids, data, metadata));
        }
        CHECK(persistence->flush_database(name));
    }
}

void an_export_is_imported_watched_and_there_after_a_restart() {
    const auto configuration = PersistenceConfig::read(written(config("persistent")));
    SignalHandler::initialize();
    {
        const auto persistence = configuration.open();
        auto& flush_manager = VectorFlushManager::get_instance();
        flush_manager.register_persistence("main", persistence);
        flush_manager.start_periodic_flush(configuration.flush_interval);
        SignalHandler::register_shutdown_callback([&flush_manager] { flush_manager.flush_all(); });
        import(exported(2500), persistence);
        // What a health check and a scrape of the figures look at.
        flush_manager.flush_all();
        const auto stats = persistence->get_storage_stats();
        CHECK(stats.total_databases == 2 && stats.total_vectors == 5000 && stats.total_bytes > 0);
        CHECK(stats.open_files <= stats.max_open_files && stats.max_open_files == 20);
        CHECK(stats.unflushed_bytes == 0 && stats.lru_evictions_per_minute == 0 && stats.flush_duration_ms >= 0);
        flush_manager.stop_periodic_flush();
        flush_manager.unregister_persistence("main");
    }
    const auto persistence = configuration.open();
    CHECK((persistence->list_databases() == std::vector<std::string>{"a", "b"}));
    for (const auto& name : persistence->list_databases()) persistence->get_database_schema(name);  // pre-warming
    const auto found = persistence->retrieve_vector("a", 2499);
    CHECK(found && found->first == (std::vector<float>{2499, 0.5f, -1}) && found->second == R"({"n":2499})");
    CHECK(persistence->get_database_schema("a")->distance_metric == DistanceMetric::EUCLIDEAN);
}

void a_program_serves_until_it_is_told_to_end() {
    int ends[2];
    CHECK(::pipe(ends) == 0);
    const pid_t child = ::fork();
    if (child == 0) {
        ::dup2(ends[1], STDOUT_FILENO);
        ::execl(self, self, root.c_str(), "serve", nullptr);
        ::_exit(9);
    }
    ::close(ends[1]);
    for (int i = 0; i < 3000 && !fs::exists(root / "serving"); ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    ::kill(child, SIGTERM);
    std::string said;
    char byte;
    while (::read(ends[0], &byte, 1) == 1) said.push_back(byte);
    ::close(ends[0]);
    int status = -1;
    ::waitpid(child, &status, 0);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    CHECK(said == "ending\n0 unflushed\n");
    auto persistence = std::make_shared<PersistentDatabasePersistence>((root / "served").string());
    const auto found = persistence->retrieve_vector("served", 1);
    CHECK(found && found->first == (std::vector<float>{1, 2, 3}));
}

void the_service_takes_either_class() {
    auto in_memory = std::make_shared<InMemoryDatabasePersistence>();
    auto service = std::make_shared<DatabaseService>(in_memory);
    CHECK(service->persistence().create_database("a", DatabaseSchema{3, DistanceMetric::EUCLIDEAN}));
    auto persistent = std::make_shared<PersistentDatabasePersistence>((root / "either").string(), 20,
                                                                      std::chrono::seconds(60));
    service = std::make_shared<DatabaseService>(persistent);
    CHECK(service->persistence().create_database("a", DatabaseSchema{3, DistanceMetric::DOT_PRODUCT}));
}

std::shared_ptr<PersistentDatabasePersistence> checked;

bool is_healthy() {
    try {
        auto databases = checked->list_databases();
        checked->flush();
        return true;
    } catch (const std::exception& error) {
        std::cerr << "not healthy: " << error.what() << '\n';
        return false;
    }
}

void many_vectors_are_loaded_at_once_and_looked_at() {
    constexpr std::size_t count = 10000, dimension = 128, max_open_files = 500;
    checked = std::make_shared<PersistentDatabasePersistence>((root / "bulk").string(), max_open_files,
                                                              std::chrono::seconds(600));
    auto& flush_manager = VectorFlushManager::get_instance();
    flush_manager.register_persistence("bulk", checked);
    DatabaseSchema schema;
    schema.dimension = dimension;
    schema.distance_metric = DistanceMetric::COSINE;
    schema.index_type = IndexType::HNSW;
    CHECK(checked->create_database("bulk", schema));

    flush_manager.stop_periodic_flush();
    std::vector<std::int64_t> ids(count);
    std::iota(ids.begin(), ids.end(), 0);
    std::vector<std::vector<float>> vectors(count, std::vector<float>(dimension, 0.5f));
    std::vector<std::string> metadata(count);
    CHECK(checked->batch_store("bulk", ids, vectors, metadata));
    const auto start = std::chrono::high_resolution_clock::now();
    checked->flush();
    const auto latency = std::chrono::duration_cast<std::chrono::milliseconds>(
                             std::chrono::high_resolution_clock::now() - start)
                             .count();
    CHECK(latency >= 0);
    flush_manager.start_periodic_flush(std::chrono::seconds(600));

    // Warming, of one database and of all, beside the rest of the program.
    for (const auto& name : std::vector<std::string>{"bulk", "none"}) checked->retrieve_vector(name, 0);
    std::thread([persistence = checked]() {
        for (const auto& name : persistence->list_databases()) {
            persistence->get_storage_stats();
            persistence->retrieve_vector(name, 0);
        }
    }).join();

    auto stats = checked->get_storage_stats();
    CHECK(stats.total_databases == 1 && stats.total_vectors == count);
    CHECK(stats.total_bytes / (1024 * 1024) >= count * dimension * sizeof(float) / (1024 * 1024));
    CHECK(!(stats.open_files > 0.8 * max_open_files));
    const auto metrics = metrics_text(stats);
    for (const std::string name : {"flush_duration_ms", "open_files", "max_open_files"}) {
        CHECK(metrics.find("\njadevectordb_" + name + ' ') != std::string::npos);
    }
    CHECK(metrics.find("\njadevectordb_max_open_files 500\n") != std::string::npos);
    CHECK(is_healthy());
    flush_manager.unregister_persistence("bulk");
    checked.reset();
}

void a_persistence_flushes_itself_from_time_to_time() {
    auto persistence = std::make_shared<PersistentDatabasePersistence>((root / "periodic").string(), 100,
                                                                       std::chrono::seconds(0));
    persistence->create_database("a", DatabaseSchema{3, DistanceMetric::COSINE});
    persistence->start_periodic_flush(std::chrono::seconds(600));
    persistence->start_periodic_flush(std::chrono::seconds(60));
    persistence->start_periodic_flush(std::chrono::milliseconds(10));
    const auto flushed = [&] {
        for (int i = 0; i < 1000 && persistence->get_storage_stats().unflushed_bytes > 0; ++i) {
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
        }
        return persistence->get_storage_stats().unflushed_bytes == 0;
    };
    CHECK(persistence->store_vector("a", 1, {1, 2, 3}));
    CHECK(flushed());
    persistence->stop_periodic_flush();
    CHECK(persistence->store_vector("a", 2, {1, 2, 3}));
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    CHECK(persistence->get_storage_stats().unflushed_bytes > 0);
    persistence->start_periodic_flush(std::chrono::milliseconds(1));  // and goes while it flushes
    bool refused = false;
    try {
        persistence->start_periodic_flush(std::chrono::seconds(-1));
    } catch (const std::invalid_argument&) {
        refused = true;
    }
    CHECK(refused);
}

void more_databases_than_files_are_used() {
    auto persistence = std::make_shared<PersistentDatabasePersistence>((root / "lru").string(), 10);
    for (int i = 0; i < 20; i++) {
        DatabaseSchema schema{512, DistanceMetric::COSINE};
        CHECK(persistence->create_database("db_" + std::to_string(i), schema));
    }
    for (int i = 0; i < 20; i++) {
        std::vector<float> vector(512, 0.5f);
        CHECK(persistence->store_vector("db_" + std::to_string(i), 1, vector));
    }
    CHECK(persistence->get_storage_stats().open_files <= 10);
    CHECK(persistence->delete_database("db_7") && !persistence->delete_database("db_7"));
}

void a_store_is_shared_by_threads() {
    auto store = std::make_shared<MemoryMappedVectorStore>((root / "shared" / "store.jvdb").string(), 64, 10000);
    std::vector<std::thread> writers;
    for (int i = 0; i < 8; i++) {
        writers.emplace_back([&store, i]() {
            for (int j = 0; j < 500; j++) {
                std::vector<float> vector(64, static_cast<float>(i * 500 + j));
                store->store_vector(i * 500 + j, vector);
            }
        });
    }
    for (auto& writer : writers) writer.join();
    std::size_t right = 0;
    for (int i = 0; i < 4000; i++) {
        if (auto found = store->retrieve_vector(i)) {
            auto [data, metadata] = *found;
            right += data.size() == 64 && data[63] == static_cast<float>(i) && metadata.empty();
        }
    }
    CHECK(right == 4000);
    std::vector<float> wrong(32);
    CHECK(!store->store_vector(1, wrong));
    std::ofstream(root / "shared" / "bad.jvdb") << "bad";
    for (const char* path : {"shared/bad.jvdb", "shared/bad.jvdb/below/it.jvdb"}) {
        bool thrown = false;
        try {
            auto bad = std::make_shared<MemoryMappedVectorStore>((root / path).string(), 64, 1000);
        } catch (const std::runtime_error&) {
            thrown = true;
        }
        CHECK(thrown);
    }
}

void a_store_tells_whether_its_flush_was_done() {
    MemoryMappedVectorStore store(root / "store.jvdb", 3, 10000);
    CHECK(store.store_vector(1, {1, 2, 3}, "{}"));
    if (store.flush()) {
        CHECK(store.get_vector_count() == 1 && store.get_capacity() == 10000);
    } else {
        CHECK(!"the flush was not done");
    }
}

}  // namespace

int main(int argc, char** argv) {
    self = argv[0];
    if (argc < 2) {
        std::cerr << "usage: migration DIRECTORY\n";
        return 2;
    }
    root = argv[1];
    if (argc > 2) return serve();
    fs::create_directories(root);
    for (const auto test : {
             a_program_serves_until_it_is_told_to_end,
             the_service_takes_either_class,
             the_configuration_is_read_and_checked,
             many_vectors_are_loaded_at_once_and_looked_at,
             a_persistence_flushes_itself_from_time_to_time,
             more_databases_than_files_are_used,
             a_store_is_shared_by_threads,
             an_export_is_imported_watched_and_there_after_a_restart,
             a_store_tells_whether_its_flush_was_done,
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
