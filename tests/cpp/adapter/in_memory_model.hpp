// What the in-memory class of the program answers, call by call, as a model to compare the adapter with.
#pragma once

#include "fixture.hpp"

#include <algorithm>
#include <map>
#include <vector>

/// Databases, vectors and indexes in maps. Indexes get ids of their own, in the order in which they are made.
class InMemoryModel {
    template <class List>
    static auto place(List& indexes, const std::string& id) {
        return std::find_if(indexes.begin(), indexes.end(), [&](const Index& index) { return index.indexId == id; });
    }

public:
    template <class T>
    using Result = jadevectordb::Result<T>;

    Result<std::string> create_database(const Database& database) {
        if (database.name.empty() || database.vectorDimension <= 0) return failed(ErrorCode::INVALID_ARGUMENT);
        homes_[database.databaseId] = Home{copy_of(database), {}, {}};
        return database.databaseId;
    }
    Result<Database> get_database(const std::string& id) const {
        return with<Database>(id, [&](const Home& home) { return copy_of(home.database); });
    }
    Result<std::vector<std::string>> list_databases() const {
        std::vector<std::string> ids;
        for (const auto& [id, home] : homes_) ids.push_back(id);
        return ids;
    }
    Result<void> update_database(const std::string& id, const Database& database) {
        if (!database.validate()) return failed(ErrorCode::INVALID_ARGUMENT);
        return with<void>(id, [&](Home& home) {
            home.database = copy_of(database);
            home.database.databaseId = id;
            return Result<void>();
        });
    }
    Result<void> delete_database(const std::string& id) {
        if (homes_.erase(id) == 0) return failed(ErrorCode::NOT_FOUND);
        return {};
    }

    Result<void> store_vector(const std::string& id, const Vector& vector) { return batch_store_vectors(id, {vector}); }
    Result<Vector> retrieve_vector(const std::string& id, const std::string& vector) const {
        return with<Vector>(id, [&](const Home& home) -> Result<Vector> {
            const auto found = home.vectors.find(vector);
            if (found == home.vectors.end()) return failed(ErrorCode::NOT_FOUND);
            return found->second;
        });
    }
    Result<std::vector<Vector>> retrieve_vectors(const std::string& id, const std::vector<std::string>& ids) const {
        return with<std::vector<Vector>>(id, [&](const Home& home) {
            std::vector<Vector> vectors;
            for (const auto& vector : ids) {
                if (home.vectors.count(vector) != 0) vectors.push_back(home.vectors.at(vector));
            }
            return vectors;
        });
    }
    Result<void> update_vector(const std::string& id, const Vector& vector) {
        return with<void>(id, [&](Home& home) -> Result<void> {
            if (!fits(home, vector)) return failed(ErrorCode::VECTOR_DIMENSION_MISMATCH);
            const auto found = home.vectors.find(vector.id);
            if (found == home.vectors.end()) return failed(ErrorCode::NOT_FOUND);
            found->second = vector;
            return {};
        });
    }
    Result<void> delete_vector(const std::string& id, const std::string& vector) {
        return with<void>(id, [&](Home& home) -> Result<void> {
            if (home.vectors.erase(vector) == 0) return failed(ErrorCode::NOT_FOUND);
            return {};
        });
    }
    Result<void> batch_store_vectors(const std::string& id, const std::vector<Vector>& vectors) {
        return with<void>(id, [&](Home& home) -> Result<void> {
            for (const auto& vector : vectors) {
                if (!fits(home, vector)) return failed(ErrorCode::VECTOR_DIMENSION_MISMATCH);
            }
            for (const auto& vector : vectors) home.vectors[vector.id] = vector;
            return {};
        });
    }
    Result<void> batch_delete_vectors(const std::string& id, const std::vector<std::string>& ids) {
        return with<void>(id, [&](Home& home) {
            for (const auto& vector : ids) home.vectors.erase(vector);
            return Result<void>();
        });
    }

    Result<void> create_index(const std::string& id, const Index& index) {
        return with<void>(id, [&](Home& home) {
            home.indexes.push_back(copy_of(index));
            home.indexes.back().indexId = std::to_string(next_index_++);
            return Result<void>();
        });
    }
    Result<Index> get_index(const std::string& id, const std::string& index) const {
        return with<Index>(id, [&](const Home& home) -> Result<Index> {
            const auto found = place(home.indexes, index);
            if (found == home.indexes.end()) return failed(ErrorCode::NOT_FOUND);
            return copy_of(*found);
        });
    }
    Result<std::vector<Index>> list_indexes(const std::string& id) const {
        return with<std::vector<Index>>(id, [&](const Home& home) {
            std::vector<Index> list;
            for (const auto& index : home.indexes) list.push_back(copy_of(index));
            return list;
        });
    }
    Result<void> update_index(const std::string& id, const std::string& index, const Index& changed) {
        return with<void>(id, [&](Home& home) -> Result<void> {
            const auto found = place(home.indexes, index);
            if (found == home.indexes.end()) return failed(ErrorCode::NOT_FOUND);
            *found = copy_of(changed);
            found->indexId = index;
            return {};
        });
    }
    Result<void> delete_index(const std::string& id, const std::string& index) {
        return with<void>(id, [&](Home& home) -> Result<void> {
            const auto found = place(home.indexes, index);
            if (found == home.indexes.end()) return failed(ErrorCode::NOT_FOUND);
            home.indexes.erase(found);
            return {};
        });
    }

    Result<bool> database_exists(const std::string& id) const { return homes_.count(id) != 0; }
    Result<bool> vector_exists(const std::string& id, const std::string& vector) const {
        return homes_.count(id) != 0 && homes_.at(id).vectors.count(vector) != 0;
    }
    Result<bool> index_exists(const std::string& id, const std::string& index) const {
        return get_index(id, index).has_value();
    }
    Result<std::size_t> get_vector_count(const std::string& id) const {
        return homes_.count(id) == 0 ? 0 : homes_.at(id).vectors.size();
    }
    Result<std::vector<std::string>> get_all_vector_ids(const std::string& id) const {
        return with<std::vector<std::string>>(id, [&](const Home& home) {
            std::vector<std::string> ids;
            for (const auto& [vector, _] : home.vectors) ids.push_back(vector);
            return ids;
        });
    }

private:
    struct Home {
        Database database;
        std::map<std::string, Vector> vectors;
        std::vector<Index> indexes;
    };

    static tl::unexpected<jadevectordb::ErrorInfo> failed(ErrorCode code) {
        return tl::make_unexpected(jadevectordb::ErrorHandler::create_error(code, "as the model has it"));
    }

    /// As far as this model goes.
    static Database copy_of(const Database& database) {
        Database copy = small_database(database.databaseId, database.name, database.vectorDimension);
        copy.description = database.description;
        return copy;
    }
    static Index copy_of(const Index& index) {
        Index copy;
        copy.indexId = index.indexId;
        copy.type = index.type;
        return copy;
    }

    static bool fits(const Home& home, const Vector& vector) {
        return vector.values.size() == static_cast<std::size_t>(home.database.vectorDimension);
    }

    template <class T, class Call>
    Result<T> with(const std::string& id, Call&& call) {
        const auto found = homes_.find(id);
        if (found == homes_.end()) return failed(ErrorCode::NOT_FOUND);
        return call(found->second);
    }
    template <class T, class Call>
    Result<T> with(const std::string& id, Call&& call) const {
        const auto found = homes_.find(id);
        if (found == homes_.end()) return failed(ErrorCode::NOT_FOUND);
        return call(found->second);
    }

    std::map<std::string, Home> homes_;
    std::size_t next_index_ = 0;
};
