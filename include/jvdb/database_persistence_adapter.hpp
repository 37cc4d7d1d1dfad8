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
// Every call may run on any thread, and none throws but the two flushes: what fails is an ErrorInfo. A stored vector
// survives the death of the process when the call returns, and a loss of power after the next flush: flush_all(), the
// flush interval, the destructor. A batch is stored, or deleted, whole or not at all.
#ifndef JVDB_DATABASE_PERSISTENCE_ADAPTER_HPP
#define JVDB_DATABASE_PERSISTENCE_ADAPTER_HPP

#include "../jvdb.hpp"
#include "adapter/answer.hpp"
#include "adapter/conversion.hpp"
#include "adapter/databases.hpp"
#include "adapter/indexes.hpp"
#include "adapter/vectors.hpp"
#include "flush_interval.hpp"
#include "log.hpp"

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
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
        /// A line of the log for each flush_all(). What goes wrong is logged all the same.
        bool log_flushes = true;
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
        : path_(path), log_flushes_(options.log_flushes), databases_(Storage::open(path, raw(options)), path, options.max_open_files / 2) {
        detail::log("info", "Initializing DatabasePersistenceAdapter at ", path);
        databases_.finish_changes();
        if (options.convert) reports_ = adapter::Conversion::of_directory(databases_.storage(), path);
    }

    /// Says that there are to be no files.
    struct InMemory {
        explicit InMemory() = default;
    };

    /// In memory, with the answers of the in-memory class: a database made under an id that exists takes its place, any
    /// number of databases have one name, a database that is not there has 0 vectors, an index gets an id of its own.
    explicit DatabasePersistenceAdapter(InMemory) : databases_(Storage::memory()) {}

    /// The same.
    static std::unique_ptr<DatabasePersistenceAdapter> in_memory() {
        return std::make_unique<DatabasePersistenceAdapter>(InMemory());
    }

    /// What was converted when the directory was opened; each report also lies in its folder.
    const std::vector<adapter::ConversionReport>& conversion_reports() const noexcept { return reports_; }

    /// Gives its id. The existing one, if it has no id and there is one of this name and dimension.
    Result<std::string> create_database(const Database& database) override {
        return adapter::answer<std::string>([&] { return databases_.create(database); });
    }

    /// NOT_FOUND if there is none.
    Result<Database> get_database(const std::string& id) override {
        return adapter::answer<Database>([&] { return databases_.get(id); });
    }

    /// All that can be read, by id; one that cannot is logged and left out.
    Result<std::vector<Database>> list_databases() override {
        return adapter::answer<std::vector<Database>>([&] { return databases_.list(); });
    }

    /// All but the id may change; the dimension only while there is no vector.
    Result<void> update_database(const std::string& id, const Database& database) override {
        return adapter::answer<void>([&] { databases_.update(id, database); });
    }

    /// Removes the database and its folder, with all that a conversion kept in it.
    Result<void> delete_database(const std::string& id) override {
        return adapter::answer<void>([&] { databases_.remove(id); });
    }

    /// Stores or replaces.
    Result<void> store_vector(const std::string& database, const Vector& vector) override {
        return adapter::answer<void>([&] { change(database, [&](auto stored) { stored.put(vector); }); });
    }

    /// NOT_FOUND if there is none.
    Result<Vector> retrieve_vector(const std::string& database, const std::string& id) override {
        return adapter::filled<Vector>([&](Vector& vector) {
            const bool found = read(database, [&](auto stored) { return stored.get(id, vector); });
            if (!found) no_vector(database, id);
        });
    }

    /// In the order asked for; missing ones are left out.
    Result<std::vector<Vector>> retrieve_vectors(const std::string& database,
                                                 const std::vector<std::string>& ids) override {
        return adapter::filled<std::vector<Vector>>([&](auto& vectors) {
            read(database, [&](auto stored) {
                vectors.clear();
                vectors.reserve(ids.size());
                for (const auto& id : ids) {
                    if (!stored.get(id, vectors.emplace_back())) vectors.pop_back();
                }
            });
        });
    }

    /// NOT_FOUND if there is none.
    Result<void> update_vector(const std::string& database, const Vector& vector) override {
        return adapter::answer<void>([&] { change(database, [&](auto stored) { stored.replace(vector); }); });
    }

    /// NOT_FOUND if there is none.
    Result<void> delete_vector(const std::string& database, const std::string& id) override {
        return adapter::answer<void>([&] {
            if (!change(database, [&](auto stored) { return stored.erase(id); })) no_vector(database, id);
        });
    }

    /// Stores all or none.
    Result<void> batch_store_vectors(const std::string& database, const std::vector<Vector>& vectors) override {
        return adapter::answer<void>([&] { change(database, [&](auto stored) { stored.put_all(vectors); }); });
    }

    /// Ids that are not there are passed over.
    Result<void> batch_delete_vectors(const std::string& database, const std::vector<std::string>& ids) override {
        return adapter::answer<void>([&] { change(database, [&](auto stored) { stored.erase_all(ids); }); });
    }

    /// Keeps the id it is given, and makes one otherwise; in memory it always makes one.
    Result<void> create_index(const std::string& database, const Index& index) override {
        return adapter::answer<void>([&] {
            const auto changing = databases_.changing(database);
            indexes_.create(databases_.open(database), database, index, databases_.in_memory());
        });
    }

    /// NOT_FOUND if there is none.
    Result<Index> get_index(const std::string& database, const std::string& id) override {
        return adapter::answer<Index>([&] { return indexes_.get(databases_.open(database), database, id); });
    }

    /// In the order in which they were made.
    Result<std::vector<Index>> list_indexes(const std::string& database) override {
        return adapter::answer<std::vector<Index>>([&] { return indexes_.list(databases_.open(database)); });
    }

    /// NOT_FOUND if there is none.
    Result<void> update_index(const std::string& database, const std::string& id, const Index& index) override {
        return adapter::answer<void>([&] {
            const auto changing = databases_.changing(database);
            indexes_.update(databases_.open(database), database, id, index);
        });
    }

    /// NOT_FOUND if there is none.
    Result<void> delete_index(const std::string& database, const std::string& id) override {
        return adapter::answer<void>([&] {
            const auto changing = databases_.changing(database);
            indexes_.remove(databases_.open(database), database, id);
        });
    }

    /// Whether there is a database of this id.
    Result<bool> database_exists(const std::string& id) const override {
        return adapter::answer<bool>([&] { return databases_.exists(id); });
    }

    /// False, too, for a database that does not exist.
    Result<bool> vector_exists(const std::string& database, const std::string& id) const override {
        return adapter::answer<bool>([&] {
            return databases_.exists(database) && read(database, [&](auto stored) { return stored.contains(id); });
        });
    }

    /// False, too, for a database that does not exist.
    Result<bool> index_exists(const std::string& database, const std::string& id) const override {
        return adapter::answer<bool>(
            [&] { return databases_.exists(database) && indexes_.contains(databases_.open(database), id); });
    }

    /// NOT_FOUND for a database that does not exist; in memory, 0.
    Result<std::size_t> get_vector_count(const std::string& database) const override {
        return adapter::answer<std::size_t>([&]() -> std::size_t {
            if (databases_.in_memory() && !databases_.exists(database)) return 0;
            return read(database, [](auto stored) { return stored.count(); });
        });
    }

    /// Sorted.
    Result<std::vector<std::string>> get_all_vector_ids(const std::string& database) const override {
        return adapter::answer<std::vector<std::string>>([&] { return read(database, [](auto stored) { return stored.ids(); }); });
    }

    /// Returns when everything stored before survives a loss of power. Throws jvdb::Error if it does not.
    void flush_all() {
        const auto duration = databases_.storage().flush();
        if (!log_flushes_) return;
        detail::log("info", "DatabasePersistenceAdapter: flush completed, storage path: ", path_,
                    ", flush_duration_ms=", static_cast<double>(duration.count()) / 1000);
    }

    /// The same for one database. Throws jvdb::Error if it does not exist.
    void flush_database(const std::string& id) { databases_.open(id).flush(); }

    /// For calls of jvdb.hpp: figures, reads without a copy. Gives back the handles that the adapter keeps for itself, so that
    /// a database can be repaired.
    Storage& storage() {
        databases_.release();
        return databases_.storage();
    }

private:
    static jvdb_options_t raw(const Options& options) {
        // Zero is the default in jvdb_options_t, and out of range here.
        if (options.max_open_files == 0) {
            throw Error(JVDB_ERROR_INVALID_ARGUMENT, "invalid max_open_files: 0 is not within 5..=1000");
        }
        jvdb_options_t raw{};
        raw.flags = JVDB_FOLDERS | (options.verify_checksums ? JVDB_VERIFY_CHECKSUMS : 0);
        raw.max_open_files = options.max_open_files;
        raw.flush_interval_ms = detail::flush_interval_ms(options.flush_interval);
        return raw;
    }

    [[noreturn]] static void no_vector(const std::string& database, const std::string& id) {
        adapter::refuse(adapter::Code::NOT_FOUND, "no vector " + id + " in database " + database);
    }

    /// Calls `call(adapter::Vectors)` to read in a database.
    template <class Call>
    std::invoke_result_t<Call&, adapter::Vectors> read(const std::string& database, Call&& call) const {
        const auto home = home_of(database);
        return databases_.read(database, [&](auto& open) { return call(adapter::Vectors(open, home)); });
    }

    /// The same to change something in it.
    template <class Call>
    std::invoke_result_t<Call&, adapter::Vectors> change(const std::string& database, Call&& call) {
        const auto home = home_of(database);
        return databases_.change(database, [&](auto& open) { return call(adapter::Vectors(open, home)); });
    }

    adapter::Home home_of(const std::string& database) const noexcept { return {database, !databases_.in_memory()}; }

    std::string path_;
    /// In memory a flush does nothing, and there is nothing to tell.
    bool log_flushes_ = false;
    adapter::Databases databases_;
    adapter::Indexes indexes_;
    std::vector<adapter::ConversionReport> reports_;
};

}  // namespace jvdb

#endif  // JVDB_DATABASE_PERSISTENCE_ADAPTER_HPP
