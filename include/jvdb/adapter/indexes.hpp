// The definitions of indexes, in the program's terms. One attribute of the engine's database holds all of them, so that
// each change is one step. The engine builds none.
#ifndef JVDB_ADAPTER_INDEXES_HPP
#define JVDB_ADAPTER_INDEXES_HPP

#include "../../jvdb.hpp"
#include "answer.hpp"
#include "identity.hpp"
#include "record.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <functional>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace jvdb::adapter {

/// Every call may run on any thread. What fails throws.
class Indexes {
public:
    /// Makes an id where `own_id` asks for it or there is none.
    void create(jvdb::Database database, const std::string& database_id, const jade::Index& index, bool own_id) {
        change(database, database_id, [&](Json& indexes) {
            auto record = record_of(index);
            const std::string id = own_id || index.indexId.empty() ? new_id() : index.indexId;
            if (find(indexes, id) != indexes.end()) {
                refuse(Code::ALREADY_EXISTS, "database " + database_id + " has an index " + id);
            }
            record["indexId"] = id;
            record["databaseId"] = database_id;
            for (const char* time : {"created_at", "updated_at"}) {
                if (!record.contains(time)) record[time] = now();
            }
            indexes.push_back(std::move(record));
        });
    }

    jade::Index get(const jvdb::Database& database, const std::string& database_id, const std::string& id) const {
        auto indexes = stored(database);
        return index_of(*existing(indexes, database_id, id));
    }

    bool contains(const jvdb::Database& database, const std::string& id) const {
        auto indexes = stored(database);
        return find(indexes, id) != indexes.end();
    }

    /// In the order in which they were made.
    std::vector<jade::Index> list(const jvdb::Database& database) const {
        std::vector<jade::Index> list;
        for (const auto& record : stored(database)) list.push_back(index_of(record));
        return list;
    }

    void update(jvdb::Database database, const std::string& database_id, const std::string& id,
                const jade::Index& index) {
        change(database, database_id, [&](Json& indexes) {
            const auto before = existing(indexes, database_id, id);
            auto record = record_of(index);
            record["indexId"] = id;
            record["databaseId"] = database_id;
            if (!record.contains("created_at")) record["created_at"] = before->value("created_at", "");
            if (record.value("updated_at", "") == before->value("updated_at", "")) record["updated_at"] = now();
            *before = std::move(record);
        });
    }

    void remove(jvdb::Database database, const std::string& database_id, const std::string& id) {
        change(database, database_id, [&](Json& indexes) { indexes.erase(existing(indexes, database_id, id)); });
    }

private:
    /// The place of an index, or the end.
    static Json::iterator find(Json& indexes, const std::string& id) {
        return std::find_if(indexes.begin(), indexes.end(),
                            [&](const auto& index) { return index.at("indexId") == id; });
    }

    static Json::iterator existing(Json& indexes, const std::string& database_id, const std::string& id) {
        const auto found = find(indexes, id);
        if (found == indexes.end()) refuse(Code::NOT_FOUND, "no index " + id + " in database " + database_id);
        return found;
    }

    static Json stored(const jvdb::Database& database) {
        const auto stored = database.attribute(INDEX_RECORDS);
        return stored ? json_of(*stored).at("indexes") : Json::array();
    }

    template <class Change>
    void change(jvdb::Database& database, const std::string& database_id, Change&& change) {
        const std::lock_guard lock(mutexes_[std::hash<std::string>{}(database_id) % mutexes_.size()]);
        auto indexes = stored(database);
        change(indexes);
        database.set_attribute(INDEX_RECORDS, bytes_of({{"indexes", std::move(indexes)}}));
    }

    /// One of them is held while the indexes of a database change.
    std::array<std::mutex, 16> mutexes_;
};

}  // namespace jvdb::adapter

#endif  // JVDB_ADAPTER_INDEXES_HPP
