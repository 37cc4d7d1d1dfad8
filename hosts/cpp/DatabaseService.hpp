// The service of this host: databases filled from JSON exports, over whichever persistence it is given.
#pragma once

#include "DatabasePersistence.hpp"

#include <cstdint>
#include <fstream>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

class DatabaseService {
public:
    explicit DatabaseService(std::shared_ptr<DatabasePersistence> persistence) : persistence_(std::move(persistence)) {}

    DatabasePersistence& persistence() { return *persistence_; }

    /// Stores every vector of an export, in batches of 1,000, creating the databases that are missing. `go_on` is
    /// asked before each batch; what was stored until it says no stays. Returns the number of vectors stored.
    std::uint64_t import_from_json(const std::string& path, const std::function<bool()>& go_on) {
        std::ifstream file(path);
        if (!file) throw std::runtime_error("cannot open " + path);
        // ordered_json keeps metadata in the order of the file.
        const auto json = nlohmann::ordered_json::parse(file);
        std::uint64_t stored = 0;
        for (const auto& database : json.at("databases")) {
            const auto name = database.at("name").get<std::string>();
            persistence_->create_database(name, schema(database.at("schema")));
            Batch batch;
            for (const auto& vector : database.at("vectors")) {
                batch.add(vector);
                if (batch.ids.size() == BATCH) stored += store(name, batch, go_on);
            }
            stored += store(name, batch, go_on);
        }
        return stored;
    }

private:
    static constexpr std::size_t BATCH = 1000;

    struct Batch {
        std::vector<std::int64_t> ids;
        std::vector<std::vector<float>> vectors;
        std::vector<std::string> metadata;

        void add(const nlohmann::ordered_json& vector) {
            ids.push_back(vector.at("id"));
            vectors.push_back(vector.at("data"));
            const auto found = vector.find("metadata");
            metadata.push_back(found == vector.end() ? "" : found->dump());
        }
    };

    std::uint64_t store(const std::string& name, Batch& batch, const std::function<bool()>& go_on) {
        if (batch.ids.empty()) return 0;
        if (!go_on()) throw std::runtime_error("interrupted; what was stored so far is kept");
        if (!persistence_->batch_store(name, batch.ids, batch.vectors, batch.metadata)) {
            throw std::runtime_error(DatabasePersistence::last_error());
        }
        return std::exchange(batch, {}).ids.size();
    }

    static DatabaseSchema schema(const nlohmann::ordered_json& schema) {
        DatabaseSchema result;
        result.dimension = schema.at("dimension");
        const auto metric = schema.value("distance_metric", "cosine");
        if (metric == "cosine") {
            result.distance_metric = DistanceMetric::COSINE;
        } else if (metric == "euclidean") {
            result.distance_metric = DistanceMetric::EUCLIDEAN;
        } else if (metric == "dot_product") {
            result.distance_metric = DistanceMetric::DOT_PRODUCT;
        } else {
            throw std::runtime_error("unknown distance_metric \"" + metric + "\"");
        }
        return result;
    }

    std::shared_ptr<DatabasePersistence> persistence_;
};
