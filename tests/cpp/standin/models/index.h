// Stand-in for the user's header of this name: the definition of an index.
#pragma once

#include <map>
#include <memory>
#include <string>

namespace jadevectordb {

struct Index {
    struct Stats {
        int vectorCount = 0;
        long long sizeBytes = 0;
        int buildTimeMs = 0;
    };

    std::string indexId, databaseId;
    std::string type = "HNSW";
    std::map<std::string, std::string> parameters;
    std::string status = "building";
    std::string created_at, updated_at;
    std::unique_ptr<Stats> stats;
};

}  // namespace jadevectordb
