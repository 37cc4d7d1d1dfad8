// Stand-in for the user's header of this name: the description of a database.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace jadevectordb {

struct Database {
    struct Sharding {
        std::string strategy = "hash";
        int numShards = 1;
    };
    struct Replication {
        int factor = 1;
        bool sync = true;
    };
    struct EmbeddingModel {
        std::string name, version, provider, inputType;
        int outputDimension = 0;
        std::map<std::string, std::string> parameters;
        std::string status;
    };
    struct RetentionPolicy {
        int maxAgeDays = 0;
        bool archiveOnExpire = false;
    };
    struct AccessControl {
        std::vector<std::string> roles, defaultPermissions;
    };

    std::string databaseId, name, description, owner;
    int vectorDimension = 0;
    std::string indexType = "HNSW";
    std::map<std::string, std::string> indexParameters;
    Sharding sharding;
    Replication replication;
    std::vector<EmbeddingModel> embeddingModels;
    std::map<std::string, std::string> metadataSchema;
    std::unique_ptr<RetentionPolicy> retentionPolicy;
    AccessControl accessControl;
    std::string created_at, updated_at;

    bool validate() const { return !databaseId.empty() && !name.empty() && vectorDimension > 0; }
};

}  // namespace jadevectordb
