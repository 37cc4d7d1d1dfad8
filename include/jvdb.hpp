// RAII over jvdb.h: handles that release themselves, errors as exceptions, reads without copies. Header-only, C++17.
//
// What is said at the head of jvdb.h holds here too. Every call may throw jvdb::Error; every object but a handle being
// moved or destroyed may be used from any number of threads at once. Nothing here keeps state or makes decisions.
#ifndef JVDB_HPP
#define JVDB_HPP

#include "jvdb.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace jvdb {

/// A call that failed: what() says what happened, where, and what to do.
class Error : public std::runtime_error {
public:
    Error(jvdb_status_t code, const std::string& message) : std::runtime_error(message), code_(code) {}

    /// Takes what a call reported; frees it.
    Error(jvdb_status_t code, jvdb_error_t* error) : std::runtime_error(jvdb_error_message(error)), code_(code) {
        os_errno_ = jvdb_error_os_errno(error);
        offset_ = jvdb_error_offset(error);
        if (const char* name = jvdb_error_database(error)) database_ = name;
        if (const char* path = jvdb_error_path(error)) path_ = path;
        jvdb_error_free(error);
    }

    /// JVDB_ERROR_*.
    jvdb_status_t code() const noexcept { return code_; }
    /// errno of the operating system, or 0.
    int os_errno() const noexcept { return os_errno_; }
    /// Database it happened to, or empty.
    const std::string& database() const noexcept { return database_; }
    /// File or directory it happened to, or empty.
    const std::string& path() const noexcept { return path_; }
    /// Byte offset in that file, or -1.
    std::int64_t offset() const noexcept { return offset_; }

private:
    jvdb_status_t code_;
    int os_errno_ = 0;
    std::string database_, path_;
    std::int64_t offset_ = -1;
};

namespace detail {

/// Makes a call with an error object; true for JVDB_OK, false for JVDB_ABSENT, throws for an error.
template <class Call>
bool done(Call&& call) {
    jvdb_error_t* error = nullptr;
    const jvdb_status_t status = call(&error);
    if (status < 0) throw Error(status, error);
    return status == JVDB_OK;
}

template <class T, void (*Release)(T*)>
struct Releaser {
    void operator()(T* handle) const noexcept { Release(handle); }
};

template <class T, void (*Release)(T*)>
using Handle = std::unique_ptr<T, Releaser<T, Release>>;

/// Text for C, which would end at a NUL inside.
inline const char* text(const std::string& text, const char* what) {
    if (text.find('\0') != std::string::npos) {
        throw Error(JVDB_ERROR_INVALID_ARGUMENT, std::string("invalid ") + what + ": it holds a NUL");
    }
    return text.c_str();
}

inline void close_quietly(jvdb_storage_t* storage) { jvdb_close(storage, nullptr); }

}  // namespace detail

/// Key of a vector: a 64-bit integer or 1 to 512 bytes. Borrows the bytes.
class Key {
public:
    template <class T, class = std::enable_if_t<std::is_integral_v<T>>>
    Key(T id) noexcept : raw_(jvdb_key(static_cast<std::uint64_t>(id))) {}
    Key(std::string_view bytes) noexcept : raw_(jvdb_key_bytes(bytes.data(), bytes.size())) {}
    Key(const std::string& bytes) noexcept : Key(std::string_view(bytes)) {}
    Key(const char* text) noexcept : Key(std::string_view(text)) {}

    jvdb_key_t raw() const noexcept { return raw_; }

private:
    jvdb_key_t raw_;
};

/// A vector read without a copy: valid and unchanged while this lives, whatever happens to the database.
class Vector {
public:
    Vector() noexcept = default;
    Vector(Vector&& other) noexcept : raw_(std::exchange(other.raw_, jvdb_vector_t{})) {}
    Vector& operator=(Vector&& other) noexcept {
        std::swap(raw_, other.raw_);
        return *this;
    }
    ~Vector() { jvdb_vector_release(&raw_); }

    /// The elements, on a 64-byte boundary.
    const float* data() const noexcept { return raw_.elements; }
    std::size_t size() const noexcept { return raw_.dimension; }
    const float* begin() const noexcept { return data(); }
    const float* end() const noexcept { return data() + size(); }
    float operator[](std::size_t index) const noexcept { return raw_.elements[index]; }
    std::string_view metadata() const noexcept {
        return {static_cast<const char*>(raw_.metadata), raw_.metadata_length};
    }

private:
    friend class Database;
    jvdb_vector_t raw_{};
};

/// One database, open and pinned while this lives.
class Database {
public:
    explicit Database(jvdb_database_t* handle) noexcept : handle_(handle) {}

    /// Stores or replaces.
    void put(Key key, const float* vector, std::size_t dimension, std::string_view metadata = {}) {
        detail::done([&](auto error) {
            return jvdb_put(raw(), key.raw(), vector, dimension, metadata.data(), metadata.size(), error);
        });
    }
    void put(Key key, const std::vector<float>& vector, std::string_view metadata = {}) {
        put(key, vector.data(), vector.size(), metadata);
    }

    /// Stores all of a batch or none.
    void put(jvdb_batch_t batch) {
        batch.struct_size = sizeof batch;
        detail::done([&](auto error) { return jvdb_put_batch(raw(), &batch, error); });
    }

    /// Reads without a copy; nothing if the key is not there.
    std::optional<Vector> get(Key key) const {
        std::optional<Vector> vector(std::in_place);
        const bool found = detail::done(
            [&](auto error) { return jvdb_get_pinned(raw(), key.raw(), &vector->raw_, error); });
        if (!found) vector.reset();
        return vector;
    }

    bool contains(Key key) const {
        return detail::done([&](auto error) { return jvdb_contains(raw(), key.raw(), error); });
    }

    /// False if the key was not there.
    bool erase(Key key) {
        return detail::done([&](auto error) { return jvdb_delete(raw(), key.raw(), error); });
    }

    std::uint64_t count() const {
        std::uint64_t count = 0;
        detail::done([&](auto error) { return jvdb_count(raw(), &count, error); });
        return count;
    }

    std::uint32_t dimension() const {
        std::uint32_t dimension = 0;
        detail::done([&](auto error) { return jvdb_database_schema(raw(), &dimension, nullptr, error); });
        return dimension;
    }

    /// JVDB_METRIC_*.
    std::int32_t metric() const {
        std::int32_t metric = 0;
        detail::done([&](auto error) { return jvdb_database_schema(raw(), nullptr, &metric, error); });
        return metric;
    }

    /// Calls `visit(jvdb_key_t)` for every key, in the order they were written.
    template <class Visit>
    void each_key(Visit&& visit) const {
        jvdb_cursor_t* opened = nullptr;
        detail::done([&](auto error) { return jvdb_cursor_open(raw(), 0, &opened, error); });
        const detail::Handle<jvdb_cursor_t, jvdb_cursor_close> cursor(opened);
        jvdb_key_t key;
        while (detail::done([&](auto error) { return jvdb_cursor_next_key(cursor.get(), &key, error); })) visit(key);
    }

    void set_attribute(const std::string& name, std::string_view value) {
        detail::done([&](auto error) {
            return jvdb_attribute_set(raw(), detail::text(name, "name"), value.data(), value.size(), error);
        });
    }

    std::optional<std::string> attribute(const std::string& name) const {
        std::string value;
        for (std::size_t length = 0;;) {
            jvdb_error_t* error = nullptr;
            const auto status = jvdb_attribute_get(raw(), detail::text(name, "name"), value.data(), value.size(),
                                                   &length, &error);
            if (status == JVDB_ABSENT) return std::nullopt;
            if (status < 0 && status != JVDB_ERROR_BUFFER_TOO_SMALL) throw Error(status, error);
            jvdb_error_free(error);
            value.resize(length);
            if (status == JVDB_OK) return value;
        }
    }

    /// Returns when everything acknowledged before is durable.
    std::chrono::microseconds flush() {
        std::uint64_t duration = 0;
        detail::done([&](auto error) { return jvdb_flush(raw(), &duration, error); });
        return std::chrono::microseconds(duration);
    }

    jvdb_database_stats_t stats() const {
        jvdb_database_stats_t stats{};
        stats.struct_size = sizeof stats;
        detail::done([&](auto error) { return jvdb_database_stats(raw(), &stats, error); });
        return stats;
    }

    /// For calls of jvdb.h.
    jvdb_database_t* raw() const noexcept { return handle_.get(); }

private:
    detail::Handle<jvdb_database_t, jvdb_database_release> handle_;
};

/// A directory of databases, or memory that plays one. The last to go: databases and cursors are released before it.
class Storage {
public:
    /// A directory, created if it is missing.
    static Storage open(const std::string& path, jvdb_options_t options = {}) {
        options.struct_size = sizeof options;
        jvdb_storage_t* storage = nullptr;
        detail::done([&](auto error) { return jvdb_open(detail::text(path, "path"), &options, &storage, error); });
        return Storage(storage);
    }

    /// Memory: no files; all is gone at the end.
    static Storage memory(jvdb_options_t options = {}) {
        options.struct_size = sizeof options;
        jvdb_storage_t* storage = nullptr;
        detail::done([&](auto error) { return jvdb_open_memory(&options, &storage, error); });
        return Storage(storage);
    }

    Database create(const std::string& name, std::uint32_t dimension, std::int32_t metric = JVDB_METRIC_COSINE) {
        jvdb_database_t* database = nullptr;
        detail::done([&](auto error) {
            return jvdb_create(raw(), detail::text(name, "name"), dimension, metric, &database, error);
        });
        return Database(database);
    }

    Database database(const std::string& name) const {
        jvdb_database_t* database = nullptr;
        detail::done(
            [&](auto error) { return jvdb_database_open(raw(), detail::text(name, "name"), &database, error); });
        return Database(database);
    }

    bool exists(const std::string& name) const {
        return detail::done([&](auto error) { return jvdb_exists(raw(), detail::text(name, "name"), error); });
    }

    void drop(const std::string& name) {
        detail::done([&](auto error) { return jvdb_drop(raw(), detail::text(name, "name"), error); });
    }

    /// Names, sorted.
    std::vector<std::string> list() const {
        jvdb_names_t* listed = nullptr;
        detail::done([&](auto error) { return jvdb_list(raw(), &listed, error); });
        const detail::Handle<jvdb_names_t, jvdb_names_free> names(listed);
        std::vector<std::string> list;
        list.reserve(jvdb_names_count(names.get()));
        for (std::size_t index = 0; const char* name = jvdb_names_at(names.get(), index); ++index) {
            list.emplace_back(name);
        }
        return list;
    }

    /// Flushes every database; returns when everything acknowledged before is durable.
    std::chrono::microseconds flush() {
        std::uint64_t duration = 0;
        detail::done([&](auto error) { return jvdb_storage_flush(raw(), &duration, error); });
        return std::chrono::microseconds(duration);
    }

    jvdb_storage_stats_t stats() const {
        jvdb_storage_stats_t stats{};
        stats.struct_size = sizeof stats;
        detail::done([&](auto error) { return jvdb_storage_stats(raw(), &stats, error); });
        return stats;
    }

    /// Flushes, closes, and says if that failed; the destructor does the same and says nothing.
    void close() {
        detail::done([&](auto error) { return jvdb_close(handle_.release(), error); });
    }

    /// For calls of jvdb.h.
    jvdb_storage_t* raw() const noexcept { return handle_.get(); }

private:
    explicit Storage(jvdb_storage_t* handle) noexcept : handle_(handle) {}

    detail::Handle<jvdb_storage_t, detail::close_quietly> handle_;
};

}  // namespace jvdb

#endif  // JVDB_HPP
