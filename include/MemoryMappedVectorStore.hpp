// One database as an object of its own, named by its file.
#ifndef JVDB_MEMORY_MAPPED_VECTOR_STORE_HPP
#define JVDB_MEMORY_MAPPED_VECTOR_STORE_HPP

#include "jvdb/conversion/file_name.hpp"
#include "jvdb/conversion/flat.hpp"
#include "jvdb/log.hpp"
#include "jvdb/process.hpp"
#include "jvdb/storage_persistence.hpp"

#include <filesystem>
#include <map>
#include <memory>
#include <mutex>

namespace jadevectordb {

/// Vectors of one dimension in one file. Answers and errors as DatabasePersistence gives them; every call may run on
/// any thread. The file is a database of the directory it lies in, and the directory is in use while the object
/// lives: any number of stores of this process may share it, a PersistentDatabasePersistence may not. A forked child can
/// destroy its parent's stores; its own calls on them throw jvdb::Error with the code JVDB_ERROR_FORKED.
class MemoryMappedVectorStore {
public:
    /// Opens a file, creating it and its directory if they are missing. `file_path` ends in ".jvdb", which is appended
    /// if it does not; it may have any name, `my copy.jvdb` as well. Only where there is none, but one of the database of this
    /// name as a PersistentDatabasePersistence makes it, `my%20copy.jvdb`, that one is opened. `initial_capacity` reserves
    /// nothing: room is made as vectors come. Files of format version 1 in that directory are converted once, and the
    /// originals kept.
    /// Throws std::runtime_error for a file that cannot be opened or is damaged, std::invalid_argument for a
    /// dimension outside 1 to 65,536 or another one than the file has.
    MemoryMappedVectorStore(const std::string& file_path, std::size_t dimension, std::size_t initial_capacity = 1000)
        : path_(normal(file_path)),
          name_(jvdb::conversion::name_of_file(path_.stem().string())),
          dimension_(checked(dimension)),
          initial_capacity_(initial_capacity),
          directory_(path_.parent_path()) {
        directory_->make(path_, name_, static_cast<std::uint32_t>(dimension));
        const auto found = directory_->open(name_).dimension();
        if (found != dimension) {
            throw std::invalid_argument(path_.string() + " holds vectors of dimension " + std::to_string(found) +
                                        ", not " + std::to_string(dimension));
        }
    }

    /// Stores or replaces. False for another dimension or a negative id.
    bool store_vector(std::int64_t id, const std::vector<float>& vector, const std::string& metadata = "") {
        return directory_->store_vector(name_, id, vector, metadata);
    }
    /// A copy; nothing if there is none.
    std::optional<std::pair<std::vector<float>, std::string>> retrieve_vector(std::int64_t id) const {
        return directory_->retrieve_vector(name_, id);
    }
    /// False if there was none.
    bool delete_vector(std::int64_t id) { return directory_->delete_vector(name_, id); }
    /// Stores all or none. `metadata_list` is empty or as long as the other two.
    bool batch_store(const std::vector<std::int64_t>& ids, const std::vector<std::vector<float>>& vectors,
                     const std::vector<std::string>& metadata_list = {}) {
        return directory_->batch_store(name_, ids, vectors, metadata_list);
    }
    /// Returns when everything stored before survives a loss of power. False if it does not: last_error() says why.
    bool flush() {
        try {
            return directory_->flush_database(name_);
        } catch (const jvdb::Error& error) {
            jvdb::detail::log("error", "MemoryMappedVectorStore: flush of ", path_.string(), " failed: ", error.what());
            return directory_->failed(error);
        }
    }
    /// Why the last call on this thread that answered `false` or `std::nullopt` did so.
    static const std::string& last_error() { return DatabasePersistence::last_error(); }

    /// Vectors that are there.
    std::size_t get_vector_count() const { return directory_->open(name_).count(); }
    /// Elements of each.
    std::size_t get_dimension() const noexcept { return dimension_; }
    /// Vectors there is room for without anything being made larger, as callers of a fixed file understand it.
    std::size_t get_capacity() const { return std::max(initial_capacity_, get_vector_count()); }

private:
    class Directory : public StoragePersistence {
    public:
        explicit Directory(const std::filesystem::path& path)
            : StoragePersistence(jvdb::Storage::open(path.string())) {
            jvdb::conversion::Flat::of_directory(path, "MemoryMappedVectorStore");
        }
        jvdb::Database open(const std::string& name) { return storage().database(name); }
        /// Makes the database of a name in that very file, unless there is one.
        void make(const std::filesystem::path& path, const std::string& name, std::uint32_t dimension) {
            const auto spelled = jvdb::conversion::file_name_of(name);
            if (spelled == path.stem().string()) {
                create_database(name, DatabaseSchema{dimension});
                return;
            }
            // A name that the engine would spell otherwise. It finds the file where there is none of its own spelling.
            const auto others = path.parent_path() / (spelled + ".jvdb");
            if (std::filesystem::exists(path) && std::filesystem::exists(others)) {
                throw std::runtime_error(path.string() + " and " + others.string() +
                                         " are both the database \"" + name + "\"; give one of them another name");
            }
            // Of two stores that are made at once one makes the file.
            const std::lock_guard lock(making_);
            if (storage().exists(name)) return;
            jvdb::Storage::memory().create("empty", dimension, JVDB_METRIC_COSINE).backup(path.string());
        }
        bool failed(const jvdb::Error& error) {
            reason() = error.what();
            return false;
        }

    private:
        std::mutex making_;
    };

    /// The directories that this process has open, and their users.
    struct Open {
        std::mutex mutex;
        std::map<std::filesystem::path, std::pair<std::unique_ptr<Directory>, std::size_t>> directories;
    };

    static Open& this_process() {
        static jvdb::detail::PerProcess<Open> open;
        return open.get();
    }

    /// A share of a directory that is open once for all stores of this process. The last one closes it, and whoever
    /// opens it again waits for that.
    class Share {
    public:
        explicit Share(std::filesystem::path path) : path_(std::move(path)) {
            Open& open = this_process();
            const std::lock_guard lock(open.mutex);
            auto& [directory, users] = open.directories[path_];
            if (users == 0) directory = std::make_unique<Directory>(path_);
            ++users;
            directory_ = directory.get();
        }
        ~Share() {
            // In a child the directory is the parent's, and stays as it is.
            if (!origin_.is_here()) return;
            Open& open = this_process();
            const std::lock_guard lock(open.mutex);
            const auto entry = open.directories.find(path_);
            if (--entry->second.second == 0) open.directories.erase(entry);
        }
        Share(const Share&) = delete;
        Share& operator=(const Share&) = delete;
        Directory* operator->() const noexcept { return directory_; }

    private:
        jvdb::detail::Origin origin_;
        std::filesystem::path path_;
        Directory* directory_;
    };

    static std::filesystem::path normal(const std::string& file_path) {
        auto path = std::filesystem::weakly_canonical(std::filesystem::absolute(file_path));
        if (path.extension() != ".jvdb") path += ".jvdb";
        return path;
    }

    static std::size_t checked(std::size_t dimension) {
        if (dimension >= 1 && dimension <= 65536) return dimension;
        throw std::invalid_argument("invalid dimension: " + std::to_string(dimension) + " is not within 1..=65536");
    }

    std::filesystem::path path_;
    std::string name_;
    std::size_t dimension_;
    std::size_t initial_capacity_;
    Share directory_;
};

}  // namespace jadevectordb

#ifndef JVDB_NO_USING
using jadevectordb::MemoryMappedVectorStore;
#endif

#endif  // JVDB_MEMORY_MAPPED_VECTOR_STORE_HPP
