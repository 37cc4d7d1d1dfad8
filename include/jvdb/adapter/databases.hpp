// The databases of an adapter: making, finding, naming and removing them in a jvdb::Storage. It knows nothing of the
// vectors and indexes in them.
//
// The Database of the program is an attribute of the engine's database. A database that lacks it and has no vector is
// one whose creation a crash cut short; it is removed when it is met.
#ifndef JVDB_ADAPTER_DATABASES_HPP
#define JVDB_ADAPTER_DATABASES_HPP

#include "../../jvdb.hpp"
#include "../log.hpp"
#include "answer.hpp"
#include "folder.hpp"
#include "identity.hpp"
#include "record.hpp"

#include <cstdint>
#include <exception>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace jvdb::adapter {

/// Every call may run on any thread. What fails throws.
class Databases {
public:
    /// Those of a directory that is open.
    Databases(Storage storage, std::filesystem::path root) : storage_(std::move(storage)), root_(std::move(root)) {}
    /// Those in memory, which answer as the in-memory class does.
    explicit Databases(Storage storage) : storage_(std::move(storage)), in_memory_(true) {}

    bool in_memory() const noexcept { return in_memory_; }
    Storage& storage() noexcept { return storage_; }

    /// Gives its id. The existing one, if it has no id and there is one of this name and dimension.
    std::string create(const jade::Database& database) {
        check(database);
        const std::lock_guard lock(catalog_mutex_);
        std::string id = database.databaseId;
        if (id.empty() && !in_memory_) {
            if (const auto found = named(catalog(), database.name)) return existing(*found, database);
        }
        if (id.empty()) {
            id = new_id();
        } else if (storage_.exists(id) && (in_memory_ || unfinished(storage_.database(id)))) {
            storage_.drop(id);
        }
        auto record = record_of(database);
        record["databaseId"] = id;
        for (const char* time : {"created_at", "updated_at"}) {
            if (!record.contains(time)) record[time] = now();
        }
        auto made = storage_.create(id, static_cast<std::uint32_t>(database.vectorDimension));
        made.set_attribute(DATABASE_RECORD, bytes_of(record));
        made.flush();
        if (catalog_) (*catalog_)[id] = database.name;
        return id;
    }

    jade::Database get(const std::string& id) const { return database_of(record(open(id), id)); }

    /// All that can be read, by id; one that cannot is logged and left out.
    std::vector<jade::Database> list() const {
        std::vector<jade::Database> databases;
        for (const auto& id : storage_.list()) {
            try {
                databases.push_back(database_of(record(storage_.database(id), id)));
            } catch (const Error& error) {
                if (!gone(error.code())) unreadable(id, error);
            }
        }
        return databases;
    }

    void update(const std::string& id, const jade::Database& database) {
        const std::lock_guard lock(catalog_mutex_);
        auto stored = open(id);
        check(database);
        if (database.vectorDimension != static_cast<int>(stored.dimension())) {
            refuse(Code::VECTOR_DIMENSION_MISMATCH, "database " + id + " has dimension " +
                                                        std::to_string(stored.dimension()) +
                                                        ", which cannot be changed");
        }
        const auto before = record(stored, id);
        auto record = record_of(database);
        record["databaseId"] = id;
        if (!record.contains("created_at")) record["created_at"] = before.value("created_at", "");
        if (record.value("updated_at", "") == before.value("updated_at", "")) record["updated_at"] = now();
        stored.set_attribute(DATABASE_RECORD, bytes_of(record));
        if (catalog_) (*catalog_)[id] = database.name;
    }

    /// With its folder, and all that a conversion kept in it.
    void remove(const std::string& id) {
        const std::lock_guard lock(catalog_mutex_);
        if (!exists(id)) refuse(Code::NOT_FOUND, "no database " + id);
        storage_.drop(id);
        if (!in_memory_) std::filesystem::remove_all(root_ / folder_of(id));
        if (catalog_) catalog_->erase(id);
    }

    /// Whether there is a database of this id; an id that none can have is one that none has.
    bool exists(const std::string& id) const {
        try {
            return storage_.exists(id);
        } catch (const Error& error) {
            if (error.code() != JVDB_ERROR_INVALID_ARGUMENT) throw;
            return false;
        }
    }

    jvdb::Database open(const std::string& id) const {
        try {
            return storage_.database(id);
        } catch (const Error& error) {
            if (error.code() != JVDB_ERROR_INVALID_ARGUMENT) throw;
            refuse(Code::NOT_FOUND, "no database " + id);
        }
    }

private:
    /// Names of all databases by id.
    using Catalog = std::map<std::string, std::string>;

    static void check(const jade::Database& database) {
        if (database.name.empty() || database.vectorDimension <= 0) {
            refuse(Code::INVALID_ARGUMENT, "a database needs a name and a dimension above 0");
        }
    }

    static bool gone(jvdb_status_t code) noexcept {
        return code == JVDB_ERROR_NOT_FOUND || code == JVDB_ERROR_DROPPED;
    }

    static void unreadable(const std::string& id, const std::exception& error) {
        detail::log("error", "DatabasePersistenceAdapter: database ", id, " cannot be read: ", error.what());
    }

    /// What the Database of this id is. One that was made otherwise has the least that makes it one.
    static Json record(const jvdb::Database& database, const std::string& id) {
        const auto stored = database.attribute(DATABASE_RECORD);
        if (stored) return json_of(*stored);
        jade::Database made;
        made.databaseId = made.name = id;
        made.vectorDimension = static_cast<int>(database.dimension());
        return record_of(made);
    }

    /// Whether a crash cut its creation short.
    static bool unfinished(const jvdb::Database& database) {
        return !database.attribute(DATABASE_RECORD) && database.count() == 0;
    }

    /// The caller holds `catalog_mutex_`. Read once, from every database.
    Catalog& catalog() {
        if (catalog_) return *catalog_;
        Catalog catalog;
        for (const auto& id : storage_.list()) {
            try {
                const auto database = storage_.database(id);
                if (unfinished(database)) {
                    storage_.drop(id);
                    continue;
                }
                catalog[id] = record(database, id).value("name", id);
            } catch (const Error& error) {
                unreadable(id, error);
            }
        }
        return catalog_.emplace(std::move(catalog));
    }

    static std::optional<std::string> named(const Catalog& catalog, const std::string& name) {
        for (const auto& [id, its_name] : catalog) {
            if (its_name == name) return id;
        }
        return std::nullopt;
    }

    /// The id of a database that is to be made again, if it can be the same.
    std::string existing(const std::string& id, const jade::Database& wanted) const {
        const auto dimension = open(id).dimension();
        if (dimension == static_cast<std::uint32_t>(wanted.vectorDimension)) return id;
        refuse(Code::ALREADY_EXISTS,
               "a database \"" + wanted.name + "\" of dimension " + std::to_string(dimension) + " exists: " + id);
    }

    Storage storage_;
    std::filesystem::path root_;
    bool in_memory_ = false;
    /// Held by whoever makes, names or removes a database.
    std::mutex catalog_mutex_;
    std::optional<Catalog> catalog_;
};

}  // namespace jvdb::adapter

#endif  // JVDB_ADAPTER_DATABASES_HPP
