// The databases of an adapter: making, finding, naming and removing them in a jvdb::Storage. It knows nothing of the
// vectors and indexes in them.
//
// The Database of the program is an attribute of the engine's database. A database that lacks it and has no vector is
// one whose creation a crash cut short; it is removed when it is met.
#ifndef JVDB_ADAPTER_DATABASES_HPP
#define JVDB_ADAPTER_DATABASES_HPP

#include "../../jvdb.hpp"
#include "../log.hpp"
#include "../process.hpp"
#include "answer.hpp"
#include "identity.hpp"
#include "kept.hpp"
#include "name.hpp"
#include "record.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace jvdb::adapter {

/// Every call may run on any thread. What fails throws.
class Databases {
public:
    /// Those of a directory that is open. `kept` is how many handles are kept for calls to come.
    Databases(Storage storage, std::filesystem::path root, std::size_t kept)
        : storage_(std::move(storage)), root_(std::move(root)), kept_(kept) {}
    /// Those in memory, which answer as the in-memory class does.
    explicit Databases(Storage storage) : storage_(std::move(storage)), in_memory_(true), kept_(KEPT_IN_MEMORY) {}

    bool in_memory() const noexcept { return in_memory_; }
    Storage& storage() noexcept { return storage_; }

    /// Gives back the handles that are kept for calls to come. A forked child has nothing to give back, and waits for nobody.
    void release() {
        if (origin_.is_here()) kept_.forget_all();
    }

    /// Calls `call(jvdb::Database&)` with the open database of an id; NOT_FOUND if there is none.
    template <class Call>
    std::invoke_result_t<Call&, jvdb::Database&> read(const std::string& id, Call&& call) const {
        return with(id, false, call);
    }

    /// The same for a call that changes something in it; its dimension does not change meanwhile.
    template <class Call>
    std::invoke_result_t<Call&, jvdb::Database&> change(const std::string& id, Call&& call) {
        return with(id, true, call);
    }

    /// Held while something in a database changes; its dimension does not change meanwhile.
    [[nodiscard]] std::shared_lock<std::shared_mutex> changing(const std::string& id) {
        check_process();
        return std::shared_lock(dimension_mutex_of(id));
    }

    /// Ends changes of a dimension that a crash cut short. The directory has just been opened.
    void finish_changes() {
        for (const auto& name : storage_.list()) {
            if (!is_made_from(CHANGING_NAME, name)) continue;
            try {
                finish_change(name);
            } catch (const std::exception& error) {
                unreadable(name, error);
            }
        }
    }

    /// Gives its id. The existing one, if it has no id and there is one of this name and dimension.
    std::string create(const jade::Database& database) {
        check(database);
        check_process();
        const std::lock_guard lock(catalog_mutex_);
        std::string id = database.databaseId;
        if (id.empty() && !in_memory_) {
            if (const auto found = named(catalog(), database.name)) return existing(*found, database);
        }
        if (id.empty()) id = new_id();
        if (!in_memory_ && leads_elsewhere(id)) {
            refuse(Code::INVALID_ARGUMENT, "database id \"" + id + "\" would be a place outside the directory");
        }
        const auto name = name_of(storage_, id);
        auto record = record_of(database);
        record["databaseId"] = id;
        for (const char* time : {"created_at", "updated_at"}) {
            if (!record.contains(time)) record[time] = now();
        }
        const auto bytes = bytes_of(record);
        if (bytes.size() > MAX_RECORD) {
            refuse(Code::INVALID_ARGUMENT, "the description of database " + id + " has " +
                                               std::to_string(bytes.size()) + " bytes, more than " +
                                               std::to_string(MAX_RECORD));
        }
        if (storage_.exists(name)) {
            if (!in_memory_ && !unfinished(storage_.database(name))) {
                refuse(Code::ALREADY_EXISTS, "a database of id " + id + " exists");
            }
            storage_.drop(name);
        }
        make(name, database.vectorDimension, bytes);
        kept_.forget(id);
        if (catalog_) (*catalog_)[id] = database.name;
        return id;
    }

    jade::Database get(const std::string& id) const { return database_of(record(open(id), id)); }

    /// All that can be read, by id; one that cannot is logged and left out.
    std::vector<jade::Database> list() const {
        std::vector<jade::Database> databases;
        for (const auto& name : storage_.list()) {
            if (is_made_from(CHANGING_NAME, name)) continue;
            try {
                databases.push_back(database_of(record(storage_.database(name), name)));
            } catch (const Error& error) {
                if (!gone(error.code())) unreadable(name, error);
            } catch (const std::exception& error) {
                unreadable(name, error);
            }
        }
        return databases;
    }

    void update(const std::string& id, const jade::Database& database) {
        check_process();
        const std::lock_guard lock(catalog_mutex_);
        check(database);
        if (!is_valid(database)) refuse(Code::INVALID_ARGUMENT, "the description of a database is not valid");
        auto stored = open(id);
        const auto before = record(stored, id);
        auto record = record_of(database);
        record["databaseId"] = id;
        if (!record.contains("created_at")) record["created_at"] = before.value("created_at", "");
        if (record.value("updated_at", "") == before.value("updated_at", "")) record["updated_at"] = now();
        if (database.vectorDimension == static_cast<int>(stored.dimension())) {
            stored.set_attribute(DATABASE_RECORD, bytes_of(record));
        } else {
            change_dimension(id, stored, database.vectorDimension, bytes_of(record));
        }
        if (catalog_) (*catalog_)[id] = database.name;
    }

    /// With its folder, and all that a conversion kept.
    void remove(const std::string& id) {
        check_process();
        const std::lock_guard lock(catalog_mutex_);
        if (!exists(id)) refuse(Code::NOT_FOUND, "no database " + id);
        const auto name = name_of(storage_, id);
        storage_.drop(name);
        kept_.forget(id);
        if (!in_memory_) {
            const auto folder = root_ / folder_of(name);
            std::filesystem::remove_all(folder);
            remove_originals(root_ / id, folder);
        }
        if (catalog_) catalog_->erase(id);
    }

    /// Whether there is a database of this id; an id that none can have is one that none has.
    bool exists(const std::string& id) const {
        return (in_memory_ || !leads_elsewhere(id)) && storage_.exists(name_of(storage_, id));
    }

    /// NOT_FOUND if there is none.
    jvdb::Database open(const std::string& id) const {
        if (!is_made_name(id)) {
            try {
                return storage_.database(id);
            } catch (const Error& error) {
                if (error.code() != JVDB_ERROR_INVALID_ARGUMENT) throw;
            }
        }
        if (!in_memory_ && leads_elsewhere(id)) refuse(Code::NOT_FOUND, "no database " + id);
        return storage_.database(made_name_of(id));
    }

private:
    /// Names of all databases by id.
    using Catalog = std::map<std::string, std::string>;

    /// Most calls find the handle that is kept, and take no lock. Who finds none opens the database, and keeps it unless its
    /// dimension is about to change: a change of one waits for all that have the lock or a handle that was kept.
    template <class Call>
    std::invoke_result_t<Call&, jvdb::Database&> with(const std::string& id, bool changes, Call& call) const {
        bool is_dropped = false;
        if (const auto kept = kept_.find(id)) {
            try {
                return call(kept.database());
            } catch (const Error& error) {
                // There may be another one of this id.
                is_dropped = error.code() == JVDB_ERROR_DROPPED;
                if (!is_dropped) throw;
            }
        }
        if (is_dropped) kept_.forget(id);
        if (changes) check_process();
        std::shared_lock lock(dimension_mutex_of(id), std::defer_lock);
        if (changes) {
            lock.lock();
        } else {
            static_cast<void>(lock.try_lock());
        }
        const auto opened = kept_.add(id, open_with_room(id), lock.owns_lock());
        if (!changes && lock) lock.unlock();
        return call(opened.database());
    }

    /// The same as open(). Where as many files are open as may be, those that are kept make room.
    jvdb::Database open_with_room(const std::string& id) const {
        try {
            return open(id);
        } catch (const Error& error) {
            if (error.code() != JVDB_ERROR_ALL_PINNED) throw;
        }
        kept_.forget_all();
        return open(id);
    }

    static void check(const jade::Database& database) {
        if (database.name.empty() || database.vectorDimension <= 0) {
            refuse(Code::INVALID_ARGUMENT, "a database needs a name and a dimension above 0");
        }
        if (database.vectorDimension > MAX_DIMENSION) {
            refuse(Code::INVALID_ARGUMENT, "dimension " + std::to_string(database.vectorDimension) + " is above " +
                                               std::to_string(MAX_DIMENSION));
        }
    }

    /// What the program itself says, if its version has a word in it.
    template <class Database>
    static bool is_valid(const Database& database) {
        if constexpr (requires { database.validate(); }) return database.validate();
        return true;
    }

    static bool gone(jvdb_status_t code) noexcept {
        return code == JVDB_ERROR_NOT_FOUND || code == JVDB_ERROR_DROPPED;
    }

    static void unreadable(const std::string& id, const std::exception& error) {
        detail::log("error", "DatabasePersistenceAdapter: database ", id, " cannot be read: ", error.what());
    }

    /// Makes a database with its record, durable, or none.
    void make(const std::string& name, int dimension, const std::string& record) {
        storage_.create(name, static_cast<std::uint32_t>(dimension), JVDB_METRIC_COSINE, {{DATABASE_RECORD, record}});
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

    /// Fails in a forked child, where a thread that is not there may hold a lock for ever.
    void check_process() const {
        if (origin_.is_here()) return;
        throw Error(JVDB_ERROR_FORKED, "the directory was opened by the parent of this process: " + root_.string());
    }

    /// Whether a crash cut its creation short.
    static bool unfinished(const jvdb::Database& database) {
        return !database.attribute(DATABASE_RECORD) && database.count() == 0;
    }

    /// The caller holds `catalog_mutex_`. Read once, from every database.
    Catalog& catalog() {
        if (catalog_) return *catalog_;
        Catalog catalog;
        for (const auto& name : storage_.list()) {
            if (is_made_from(CHANGING_NAME, name)) continue;
            try {
                const auto database = storage_.database(name);
                if (unfinished(database)) {
                    storage_.drop(name);
                    continue;
                }
                const auto its_record = record(database, name);
                catalog[its_record.value("databaseId", name)] = its_record.value("name", name);
            } catch (const std::exception& error) {
                unreadable(name, error);
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

    // A dimension is fixed in the engine, so another one is another database. It is made whole under a name of its own
    // first; whatever a crash cuts short after that, finish_change() ends.

    void change_dimension(const std::string& id, const jvdb::Database& stored, int dimension,
                          const std::string& record) {
        const std::unique_lock lock(dimension_mutex_of(id));
        kept_.forget_and_wait(id);
        if (const auto count = stored.count(); count != 0) {
            refuse(Code::VECTOR_DIMENSION_MISMATCH,
                   "database " + id + " has " + std::to_string(count) + " vectors of dimension " +
                       std::to_string(stored.dimension()) + ", so its dimension cannot become " +
                       std::to_string(dimension));
        }
        const auto name = changing_name_of(id);
        if (storage_.exists(name)) storage_.drop(name);
        {
            auto changing = storage_.create(name, static_cast<std::uint32_t>(dimension));
            copy_attributes(stored, changing, record);
        }
        finish_change(name);
    }

    /// Puts the database of a name made by changing_name_of() in the place of the one that it changes.
    void finish_change(const std::string& changing_name) {
        {
            const auto changing = storage_.database(changing_name);
            // Without a record it is not whole, and the one that it was to change is as it was.
            if (const auto record = changing.attribute(DATABASE_RECORD)) {
                const auto name = name_of(storage_, json_of(*record).value("databaseId", ""));
                if (!storage_.exists(name) || storage_.database(name).count() == 0) {
                    if (storage_.exists(name)) storage_.drop(name);
                    auto made = storage_.create(name, changing.dimension());
                    copy_attributes(changing, made, *record);
                }
            }
        }
        storage_.drop(changing_name);
    }

    /// The record last: what has it, has all. Durable.
    static void copy_attributes(const jvdb::Database& from, jvdb::Database& to, const std::string& record) {
        for (const auto& name : from.attributes()) {
            if (name == DATABASE_RECORD) continue;
            if (const auto value = from.attribute(name)) to.set_attribute(name, *value);
        }
        to.set_attribute(DATABASE_RECORD, record);
        to.flush();
    }

    std::shared_mutex& dimension_mutex_of(const std::string& id) const {
        return dimension_mutexes_[std::hash<std::string>{}(id) % dimension_mutexes_.size()];
    }

    /// Removes the folder in which a conversion kept the originals of a database whose folder has another name. One in
    /// which there is a database is somebody else's.
    static void remove_originals(const std::filesystem::path& kept, const std::filesystem::path& folder) {
        namespace fs = std::filesystem;
        if (kept == folder || !fs::is_directory(fs::symlink_status(kept))) return;
        if (fs::exists(kept / DATABASE_FILE) || !fs::exists(kept / REPORT_FILE)) return;
        fs::remove_all(kept);
    }

    static constexpr int MAX_DIMENSION = 65536;
    static constexpr std::size_t KEPT_IN_MEMORY = 64;
    /// Bytes of an attribute.
    static constexpr std::size_t MAX_RECORD = 16 << 20;

    detail::Origin origin_;
    Storage storage_;
    std::filesystem::path root_;
    bool in_memory_ = false;
    /// Held by whoever makes, names or removes a database.
    std::mutex catalog_mutex_;
    std::optional<Catalog> catalog_;
    /// One of them is held, shared, while something in a database changes, and alone while its dimension does.
    mutable std::array<std::shared_mutex, 16> dimension_mutexes_;
    mutable Kept kept_;
};

}  // namespace jvdb::adapter

#endif  // JVDB_ADAPTER_DATABASES_HPP
