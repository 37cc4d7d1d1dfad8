// The way from the in-memory class to the persistent one, as the migration guide has a program go it: config.json, the
// flush manager, the signal handler, the import of an export file in batches, a look at the figures, a restart.
// Usage: migration DIRECTORY, which is empty or missing.
#include "PersistenceConfig.hpp"
#include "SignalHandler.hpp"
#include "VectorFlushManager.hpp"
#include "MemoryMappedVectorStore.hpp"

#define CHECK_MAIN
#include "check.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

namespace fs = std::filesystem;

namespace {

fs::path root;

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
    if (argc != 2) {
        std::cerr << "usage: migration DIRECTORY\n";
        return 2;
    }
    root = argv[1];
    fs::create_directories(root);
    for (const auto test : {
             the_configuration_is_read_and_checked,
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
