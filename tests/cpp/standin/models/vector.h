// Stand-in for the user's header of this name: a vector with all that goes with it.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace jadevectordb {

struct Vector {
    struct Metadata {
        std::string source, created_at, updated_at;
        std::vector<std::string> tags;
        std::string owner;
        std::vector<std::string> permissions;
        std::string category;
        float score;  // not initialised, as in the original
        std::string status;
        std::map<std::string, nlohmann::json> custom;
    };
    struct IndexInfo {
        std::string type, version;
        std::map<std::string, nlohmann::json> parameters;
    };
    struct EmbeddingModelInfo {
        std::string name, version, provider, input_type;
    };

    std::string id, databaseId;
    std::vector<float> values;
    Metadata metadata;
    IndexInfo index;
    EmbeddingModelInfo embedding_model;
    std::string shard;
    std::vector<std::string> replicas;
    int version;
    bool deleted;

    Vector() : version(1), deleted(false) {}
};

}  // namespace jadevectordb
