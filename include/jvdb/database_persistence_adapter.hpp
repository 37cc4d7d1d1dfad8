// The persistence of a program that was written for jadevectordb's DatabasePersistenceInterface, over jvdb.
//
// It is compiled against that program's own headers ("services/database_layer.h", and nlohmann-json, which it has), and
// takes the place of the class that it gave its DatabaseLayer:
//
//     auto layer = DatabaseLayer(std::make_unique<jvdb::DatabasePersistenceAdapter>("data"));
//
// One folder per database id below the path, <id>/vectors.jvdb. Storing a vector takes the same time however many there
// are. Whatever is in a Database, a Vector or an Index is there after a restart. A directory of the replaced class is
// converted when it is first opened (adapter/conversion.hpp says how); conversion_reports() tells what came of it.
//
// Every call may run on any thread, and none throws: what fails is an ErrorInfo. A stored vector survives the death of
// the process when the call returns, and a loss of power after the next flush: flush_all(), the flush interval, the
// destructor. A batch is stored, or deleted, whole or not at all.
#ifndef JVDB_DATABASE_PERSISTENCE_ADAPTER_HPP
#define JVDB_DATABASE_PERSISTENCE_ADAPTER_HPP

#include "../jvdb.hpp"
#include "adapter/answer.hpp"
#include "adapter/conversion.hpp"
#include "adapter/key.hpp"
#include "adapter/record.hpp"
#include "adapter/rows.hpp"
#include "log.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <ctime>
#include <exception>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace jadevectordb {
class ShardingService;
class QueryRouter;
class ReplicationService;
}  // namespace jadevectordb

namespace jvdb {

/// DatabasePersistenceInterface over a jvdb::Storage. What each call answers is in include/README.md.
class DatabasePersistenceAdapter : public jadevectordb::DatabasePersistenceInterface {
public:
    /// That of the program.
    using Database = jadevectordb::Database;
    /// That of the program.
    using Vector = jadevectordb::Vector;
    /// That of the program.
    using Index = jadevectordb::Index;
    /// That of the program.
    template <class T>
    using Result = jadevectordb::Result<T>;

    /// What can be chosen.
    struct Options {
        /// Databases whose file is open at once, 5 to 1000; the least recently used makes room.
        std::size_t max_open_files = 100;
        /// Time between automatic flushes, 0 to 3600 s; 0 for none.
        std::chrono::seconds flush_interval{300};
        /// Convert what the replaced class left. Without it such databases give DATA_LOSS and are not changed.
        bool convert = true;
        /// Check every byte of a vector at every read, and not only the head of its record.
        bool verify_checksums = false;
    };

    /// As the replaced class is made. The services are of no use to a storage, and ignored.
    /// Throws std::runtime_error when the directory cannot be made, read or written, or is in use.
    explicit DatabasePersistenceAdapter(const std::string& path,
                                        std::shared_ptr<jadevectordb::ShardingService> = nullptr,
                                        std::shared_ptr<jadevectordb::QueryRouter> = nullptr,
                                        std::shared_ptr<jadevectordb::ReplicationService> = nullptr)
        : DatabasePersistenceAdapter(path, Options{}) {}

    /// The same, with options.
    DatabasePersistenceAdapter(const std::string& path, const Options& options)
        : path_(path), storage_(Storage::open(path, raw(options))) {
        detail::log("info", "Initializing DatabasePersistenceAdapter at ", path);
        if (options.convert) reports_ = adapter::Conversion::of_directory(path);
    }

    /// In memory, with the answers of the in-memory class: a database made under an id that exists takes its place, any
    /// number of databases have one name, a database that is not there has 0 vectors, an index gets an id of its own.
    static std::unique_ptr<DatabasePersistenceAdapter> in_memory() {
        return std::unique_ptr<DatabasePersistenceAdapter>(new DatabasePersistenceAdapter());
    }

    /// What was converted when the directory was opened; each report also lies in its folder.
    const std::vector<adapter::ConversionReport>& conversion_reports() const noexcept { return reports_; }

    /// Gives its id. The existing one, if it has no id and there is one of this name and dimension.
    Result<std::string> create_database(const Database& database) override {
        return adapter::answer<std::string>([&] {
            if (database.name.empty() || database.vectorDimension <= 0) {
                adapter::refuse(Code::INVALID_ARGUMENT, "a database needs a name and a dimension above 0");
            }
            const std::lock_guard lock(catalogue_mutex_);
            std::string id = database.databaseId;
            if (id.empty() && !in_memory_) {
                if (const auto found = named(catalogue(), database.name)) return existing(*found, database);
            }
            if (id.empty()) {
                id = new_id();
            } else if (storage_.exists(id) && (in_memory_ || unfinished(storage_.database(id)))) {
                storage_.drop(id);
            }
            auto record = adapter::record_of(database);
            record["databaseId"] = id;
            for (const char* time : {"created_at", "updated_at"}) {
                if (!record.contains(time)) record[time] = now();
            }
            auto made = storage_.create(id, static_cast<std::uint32_t>(database.vectorDimension));
            made.set_attribute(adapter::DATABASE_RECORD, adapter::bytes_of(record));
            made.flush();
            if (catalogue_) (*catalogue_)[id] = database.name;
            return id;
        });
    }

    /// NOT_FOUND if there is none.
    Result<Database> get_database(const std::string& id) override {
        return adapter::answer<Database>([&] { return adapter::database_of(record(open(id), id)); });
    }

    /// All that can be read, by id; one that cannot is logged and left out.
    Result<std::vector<Database>> list_databases() override {
        return adapter::answer<std::vector<Database>>([&] {
            std::vector<Database> databases;
            for (const auto& id : storage_.list()) {
                try {
                    databases.push_back(adapter::database_of(record(storage_.database(id), id)));
                } catch (const Error& error) {
                    if (!gone(error.code())) unreadable(id, error);
                }
            }
            return databases;
        });
    }

    /// All but the id and the dimension may change.
    Result<void> update_database(const std::string& id, const Database& database) override {
        return adapter::answer<void>([&] {
            const std::lock_guard lock(catalogue_mutex_);
            auto stored = open(id);
            if (database.name.empty() || database.vectorDimension <= 0) {
                adapter::refuse(Code::INVALID_ARGUMENT, "a database needs a name and a dimension above 0");
            }
            if (database.vectorDimension != static_cast<int>(stored.dimension())) {
                adapter::refuse(Code::VECTOR_DIMENSION_MISMATCH, "database " + id + " has dimension " +
                                                            std::to_string(stored.dimension()) +
                                                            ", which cannot be changed");
            }
            const auto before = record(stored, id);
            auto record = adapter::record_of(database);
            record["databaseId"] = id;
            if (!record.contains("created_at")) record["created_at"] = before.value("created_at", "");
            if (record.value("updated_at", "") == before.value("updated_at", "")) record["updated_at"] = now();
            stored.set_attribute(adapter::DATABASE_RECORD, adapter::bytes_of(record));
            if (catalogue_) (*catalogue_)[id] = database.name;
        });
    }

    /// Removes the database and its folder, with all that a conversion kept in it.
    Result<void> delete_database(const std::string& id) override {
        return adapter::answer<void>([&] {
            const std::lock_guard lock(catalogue_mutex_);
            storage_.drop(existing_name(id));
            if (!in_memory_) std::filesystem::remove_all(std::filesystem::path(path_) / adapter::folder_of(id));
            if (catalogue_) catalogue_->erase(id);
        });
    }

    /// Stores or replaces.
    Result<void> store_vector(const std::string& database, const Vector& vector) override {
        return adapter::answer<void>([&] { write(database, vector, jvdb_put); });
    }

    /// NOT_FOUND if there is none.
    Result<Vector> retrieve_vector(const std::string& database, const std::string& id) override {
        return adapter::answer<Vector>([&] {
            auto found = read(open(database), id);
            if (!found) no_vector(database, id);
            return std::move(*found);
        });
    }

    /// In the order asked for; missing ones are left out.
    Result<std::vector<Vector>> retrieve_vectors(const std::string& database,
                                                 const std::vector<std::string>& ids) override {
        return adapter::answer<std::vector<Vector>>([&] {
            const auto stored = open(database);
            std::vector<Vector> vectors;
            vectors.reserve(ids.size());
            for (const auto& id : ids) {
                if (auto found = read(stored, id)) vectors.push_back(std::move(*found));
            }
            return vectors;
        });
    }

    /// NOT_FOUND if there is none.
    Result<void> update_vector(const std::string& database, const Vector& vector) override {
        return adapter::answer<void>([&] { write(database, vector, jvdb_replace); });
    }

    /// NOT_FOUND if there is none.
    Result<void> delete_vector(const std::string& database, const std::string& id) override {
        return adapter::answer<void>([&] {
            if (!remove(open(database), id)) no_vector(database, id);
        });
    }

    /// Stores all or none.
    Result<void> batch_store_vectors(const std::string& database, const std::vector<Vector>& vectors) override {
        return adapter::answer<void>([&] {
            auto stored = open(database);
            const auto dimension = stored.dimension();
            adapter::Rows rows(vectors.size());
            for (const auto& vector : vectors) {
                if (vector.values.size() != dimension) wrong_dimension(vector, dimension);
                rows.add(vector);
            }
            if (!vectors.empty()) stored.put(rows.batch(dimension));
        });
    }

    /// Ids that are not there are passed over.
    Result<void> batch_delete_vectors(const std::string& database, const std::vector<std::string>& ids) override {
        return adapter::answer<void>([&] {
            const auto stored = open(database);
            std::vector<std::string> rooms(ids.size());
            std::vector<jvdb_key_t> keys;
            keys.reserve(ids.size());
            for (std::size_t i = 0; i < ids.size(); ++i) {
                if (!ids[i].empty()) keys.push_back(Key(adapter::key_of(ids[i], rooms[i])).raw());
            }
            if (keys.empty()) return;
            detail::done([&](auto error) {
                return jvdb_delete_batch(stored.raw(), nullptr, keys.data(), keys.size(), nullptr, error);
            });
        });
    }

    /// Keeps the id it is given, and makes one otherwise.
    Result<void> create_index(const std::string& database, const Index& index) override {
        return adapter::answer<void>([&] {
            change_indexes(database, [&](adapter::Json& indexes) {
                auto record = adapter::record_of(index);
                const std::string id = in_memory_ || index.indexId.empty() ? new_id() : index.indexId;
                if (find(indexes, id) != indexes.end()) {
                    adapter::refuse(Code::ALREADY_EXISTS, "database " + database + " has an index " + id);
                }
                record["indexId"] = id;
                record["databaseId"] = database;
                for (const char* time : {"created_at", "updated_at"}) {
                    if (!record.contains(time)) record[time] = now();
                }
                indexes.push_back(std::move(record));
            });
        });
    }

    /// NOT_FOUND if there is none.
    Result<Index> get_index(const std::string& database, const std::string& id) override {
        return adapter::answer<Index>([&] {
            auto indexes = this->indexes(open(database));
            const auto found = find(indexes, id);
            if (found == indexes.end()) no_index(database, id);
            return adapter::index_of(*found);
        });
    }

    /// In the order in which they were made.
    Result<std::vector<Index>> list_indexes(const std::string& database) override {
        return adapter::answer<std::vector<Index>>([&] {
            std::vector<Index> list;
            for (const auto& record : indexes(open(database))) list.push_back(adapter::index_of(record));
            return list;
        });
    }

    /// NOT_FOUND if there is none.
    Result<void> update_index(const std::string& database, const std::string& id, const Index& index) override {
        return adapter::answer<void>([&] {
            change_indexes(database, [&](adapter::Json& indexes) {
                const auto found = find(indexes, id);
                if (found == indexes.end()) no_index(database, id);
                auto record = adapter::record_of(index);
                record["indexId"] = id;
                record["databaseId"] = database;
                if (!record.contains("created_at")) record["created_at"] = found->value("created_at", "");
                if (record.value("updated_at", "") == found->value("updated_at", "")) record["updated_at"] = now();
                *found = std::move(record);
            });
        });
    }

    /// NOT_FOUND if there is none.
    Result<void> delete_index(const std::string& database, const std::string& id) override {
        return adapter::answer<void>([&] {
            change_indexes(database, [&](adapter::Json& indexes) {
                const auto found = find(indexes, id);
                if (found == indexes.end()) no_index(database, id);
                indexes.erase(found);
            });
        });
    }

    /// Whether there is a database of this id.
    Result<bool> database_exists(const std::string& id) const override {
        return adapter::answer<bool>([&] { return exists(id); });
    }

    /// False, too, for a database that does not exist.
    Result<bool> vector_exists(const std::string& database, const std::string& id) const override {
        return adapter::answer<bool>([&] {
            std::string room;
            return !id.empty() && exists(database) && open(database).contains(adapter::key_of(id, room));
        });
    }

    /// False, too, for a database that does not exist.
    Result<bool> index_exists(const std::string& database, const std::string& id) const override {
        return adapter::answer<bool>([&] {
            if (!exists(database)) return false;
            auto indexes = this->indexes(open(database));
            return find(indexes, id) != indexes.end();
        });
    }

    /// NOT_FOUND for a database that does not exist; in memory, 0.
    Result<std::size_t> get_vector_count(const std::string& database) const override {
        return adapter::answer<std::size_t>([&]() -> std::size_t {
            if (in_memory_ && !exists(database)) return 0;
            return open(database).count();
        });
    }

    /// Sorted.
    Result<std::vector<std::string>> get_all_vector_ids(const std::string& database) const override {
        return adapter::answer<std::vector<std::string>>([&] {
            const auto stored = open(database);
            std::vector<std::string> ids;
            stored.each_key([&](jvdb_key_t key) {
                if (key.bytes == nullptr) return;  // stored through another face
                std::string id(static_cast<const char*>(key.bytes), key.number);
                if (adapter::is_long(id.size())) {
                    const auto found = stored.get(std::string_view(id));
                    if (!found) return;
                    id = adapter::id_in(found->metadata());
                }
                ids.push_back(std::move(id));
            });
            // A vector that is stored again meanwhile may come twice.
            std::sort(ids.begin(), ids.end());
            ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
            return ids;
        });
    }

    /// Returns when everything stored before survives a loss of power. Throws jvdb::Error if it does not.
    void flush_all() {
        const auto duration = storage_.flush();
        detail::log("info", "DatabasePersistenceAdapter: flush completed, storage path: ", path_,
                    ", flush_duration_ms=", static_cast<double>(duration.count()) / 1000);
    }

    /// The same for one database. Throws jvdb::Error if it does not exist.
    void flush_database(const std::string& id) { storage_.database(id).flush(); }

    /// For calls of jvdb.hpp: figures, reads without a copy.
    Storage& storage() noexcept { return storage_; }

private:
    using Code = jadevectordb::ErrorCode;
    /// Names of all databases by id.
    using Catalogue = std::map<std::string, std::string>;

    DatabasePersistenceAdapter() : storage_(Storage::memory()), in_memory_(true) {}

    static jvdb_options_t raw(const Options& options) {
        // Zero is the default in jvdb_options_t, and out of range here.
        if (options.max_open_files == 0) {
            throw Error(JVDB_ERROR_INVALID_ARGUMENT, "invalid max_open_files: 0 is not within 5..=1000");
        }
        jvdb_options_t raw{};
        raw.flags = JVDB_FOLDERS | (options.verify_checksums ? JVDB_VERIFY_CHECKSUMS : 0);
        raw.max_open_files = options.max_open_files;
        raw.flush_interval_ms = options.flush_interval.count() == 0
                                    ? JVDB_OFF
                                    : std::chrono::milliseconds(options.flush_interval).count();
        return raw;
    }

    [[noreturn]] static void no_vector(const std::string& database, const std::string& id) {
        adapter::refuse(Code::NOT_FOUND, "no vector " + id + " in database " + database);
    }

    [[noreturn]] static void no_index(const std::string& database, const std::string& id) {
        adapter::refuse(Code::NOT_FOUND, "no index " + id + " in database " + database);
    }

    [[noreturn]] static void wrong_dimension(const Vector& vector, std::size_t dimension) {
        adapter::refuse(Code::VECTOR_DIMENSION_MISMATCH,
                        "vector " + vector.id + " has " + std::to_string(vector.values.size()) +
                            " elements, the database " + std::to_string(dimension));
    }

    static bool gone(jvdb_status_t code) noexcept {
        return code == JVDB_ERROR_NOT_FOUND || code == JVDB_ERROR_DROPPED;
    }

    static void unreadable(const std::string& id, const std::exception& error) {
        detail::log("error", "DatabasePersistenceAdapter: database ", id, " cannot be read: ", error.what());
    }

    // Databases.

    /// Whether there is a database of this id; an id that none can have is one that none has.
    bool exists(const std::string& id) const {
        try {
            return storage_.exists(id);
        } catch (const Error& error) {
            if (error.code() != JVDB_ERROR_INVALID_ARGUMENT) throw;
            return false;
        }
    }

    const std::string& existing_name(const std::string& id) const {
        if (!exists(id)) adapter::refuse(Code::NOT_FOUND, "no database " + id);
        return id;
    }

    jvdb::Database open(const std::string& id) const {
        try {
            return storage_.database(id);
        } catch (const Error& error) {
            if (error.code() != JVDB_ERROR_INVALID_ARGUMENT) throw;
            adapter::refuse(Code::NOT_FOUND, "no database " + id);
        }
    }

    /// What the Database of this id is. One that was made otherwise has the least that makes it one.
    static adapter::Json record(const jvdb::Database& database, const std::string& id) {
        const auto stored = database.attribute(adapter::DATABASE_RECORD);
        if (stored) return adapter::json_of(*stored);
        Database made;
        made.databaseId = made.name = id;
        made.vectorDimension = static_cast<int>(database.dimension());
        return adapter::record_of(made);
    }

    /// Whether a crash cut its creation short.
    static bool unfinished(const jvdb::Database& database) {
        return !database.attribute(adapter::DATABASE_RECORD) && database.count() == 0;
    }

    /// The caller holds `catalogue_mutex_`. Read once, from every database.
    Catalogue& catalogue() {
        if (catalogue_) return *catalogue_;
        Catalogue catalogue;
        for (const auto& id : storage_.list()) {
            try {
                const auto database = storage_.database(id);
                if (unfinished(database)) {
                    storage_.drop(id);
                    continue;
                }
                catalogue[id] = record(database, id).value("name", id);
            } catch (const Error& error) {
                unreadable(id, error);
            }
        }
        return catalogue_.emplace(std::move(catalogue));
    }

    static std::optional<std::string> named(const Catalogue& catalogue, const std::string& name) {
        for (const auto& [id, its_name] : catalogue) {
            if (its_name == name) return id;
        }
        return std::nullopt;
    }

    /// The id of a database that is to be made again, if it can be the same.
    std::string existing(const std::string& id, const Database& wanted) const {
        const auto dimension = open(id).dimension();
        if (dimension == static_cast<std::uint32_t>(wanted.vectorDimension)) return id;
        adapter::refuse(Code::ALREADY_EXISTS,
               "a database \"" + wanted.name + "\" of dimension " + std::to_string(dimension) + " exists: " + id);
    }

    // Vectors.

    template <class Call>
    void write(const std::string& database, const Vector& vector, Call call) {
        const auto stored = open(database);
        std::string room;
        const Key key(adapter::key_of(vector.id, room));
        const auto metadata = adapter::metadata_of(vector, adapter::is_long(vector.id.size()));
        detail::done([&](auto error) {
            return call(stored.raw(), key.raw(), vector.values.data(), vector.values.size(), metadata.data(),
                        metadata.size(), error);
        });
    }

    static std::optional<Vector> read(const jvdb::Database& database, const std::string& id) {
        if (id.empty()) return std::nullopt;
        std::string room;
        const auto found = database.get(adapter::key_of(id, room));
        if (!found) return std::nullopt;
        return adapter::vector_of(id, found->data(), found->size(), found->metadata());
    }

    static bool remove(const jvdb::Database& database, const std::string& id) {
        if (id.empty()) return false;
        std::string room;
        const Key key(adapter::key_of(id, room));
        return detail::done([&](auto error) { return jvdb_delete(database.raw(), key.raw(), error); });
    }

    // Indexes: one attribute holds all of a database, so that each change is one step.

    /// The place of an index, or the end.
    static adapter::Json::iterator find(adapter::Json& indexes, const std::string& id) {
        return std::find_if(indexes.begin(), indexes.end(),
                            [&](const auto& index) { return index.at("indexId") == id; });
    }

    static adapter::Json indexes(const jvdb::Database& database) {
        const auto stored = database.attribute(adapter::INDEX_RECORDS);
        return stored ? adapter::json_of(*stored).at("indexes") : adapter::Json::array();
    }

    template <class Change>
    void change_indexes(const std::string& id, Change&& change) {
        const std::lock_guard lock(index_mutexes_[std::hash<std::string>{}(id) % index_mutexes_.size()]);
        auto database = open(id);
        auto indexes = this->indexes(database);
        change(indexes);
        database.set_attribute(adapter::INDEX_RECORDS, adapter::bytes_of({{"indexes", std::move(indexes)}}));
    }

    // Ids and times.

    static std::string new_id() {
        static constexpr std::string_view DIGITS = "0123456789abcdef";
        thread_local std::random_device random;
        std::string id;
        while (id.size() < 32) {
            for (auto bits = random(); id.size() < 32 && bits != 0; bits >>= 4) id.push_back(DIGITS[bits & 15]);
        }
        return id;
    }

    static std::string now() {
        const auto seconds = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
        std::tm parts{};
        ::gmtime_r(&seconds, &parts);
        std::array<char, 32> text{};
        return {text.data(), std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts)};
    }

    std::string path_;
    Storage storage_;
    bool in_memory_ = false;
    std::vector<adapter::ConversionReport> reports_;
    /// Held by whoever makes, names or removes a database.
    std::mutex catalogue_mutex_;
    std::optional<Catalogue> catalogue_;
    std::array<std::mutex, 16> index_mutexes_;
};

}  // namespace jvdb

#endif  // JVDB_DATABASE_PERSISTENCE_ADAPTER_HPP
