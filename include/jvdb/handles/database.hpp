// jvdb::Database: one database, and every call on it. Included by jvdb.hpp.
#ifndef JVDB_HANDLES_DATABASE_HPP
#define JVDB_HANDLES_DATABASE_HPP

#include "batch.hpp"
#include "cursor.hpp"
#include "elements.hpp"
#include "error.hpp"
#include "finding.hpp"
#include "key.hpp"
#include "names.hpp"
#include "vector.hpp"
#include "visitor.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <iterator>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace jvdb {

/// How the file of a database will be read: JVDB_ADVICE_*.
enum class Advice : std::int32_t {
    /// Here and there, as every file begins.
    random = JVDB_ADVICE_RANDOM,
    /// From the start to the end.
    sequential = JVDB_ADVICE_SEQUENTIAL,
    /// Soon, and all of it.
    will_need = JVDB_ADVICE_WILL_NEED,
    /// Not soon: its memory may go.
    dont_need = JVDB_ADVICE_DONT_NEED,
};

/// One database, open and pinned while this lives.
class Database {
public:
    /// Takes a handle of jvdb.h.
    explicit Database(jvdb_database_t* handle) noexcept : handle_(handle) {}

    /// Stores or replaces.
    void put(Key key, Elements elements, Bytes metadata = {}) { store(jvdb_put, key, elements, metadata); }
    /// The same by a pointer.
    void put(Key key, const float* vector, std::size_t dimension, Bytes metadata = {}) {
        put(key, Elements(vector, dimension), metadata);
    }

    /// Stores under a new key; throws JVDB_ERROR_KEY_EXISTS otherwise.
    void insert(Key key, Elements elements, Bytes metadata = {}) { store(jvdb_insert, key, elements, metadata); }
    /// The same by a pointer.
    void insert(Key key, const float* vector, std::size_t dimension, Bytes metadata = {}) {
        insert(key, Elements(vector, dimension), metadata);
    }

    /// Stores in place of what is there; throws JVDB_ERROR_KEY_NOT_FOUND otherwise.
    void replace(Key key, Elements elements, Bytes metadata = {}) { store(jvdb_replace, key, elements, metadata); }
    /// The same by a pointer.
    void replace(Key key, const float* vector, std::size_t dimension, Bytes metadata = {}) {
        replace(key, Elements(vector, dimension), metadata);
    }

    /// Stores and deletes: all of a batch or none.
    void put(const Batch& batch) { write(batch); }

    /// Stores all of a batch or none.
    void put(jvdb_batch_t batch) {
        batch.struct_size = sizeof batch;
        detail::done([&](auto error) { return jvdb_put_batch(raw(), &batch, error); });
    }

    /// Stores and deletes: all of a batch or none. Tells what was done.
    jvdb_written_t write(jvdb_batch_t batch) {
        batch.struct_size = sizeof batch;
        jvdb_written_t written{};
        written.struct_size = sizeof written;
        detail::done([&](auto error) { return jvdb_write_batch(raw(), &batch, &written, error); });
        return written;
    }

    /// The same for rows of any kind. A row of another length than the first one is JVDB_ERROR_DIMENSION_MISMATCH.
    jvdb_written_t write(const Batch& batch) {
        const Batch::Columns columns(batch);
        return write(columns.raw(dimension()));
    }

    /// Copies a vector to where the caller wants it; false if the key is not there.
    bool get_into(Key key, float* vector, std::size_t dimension) const {
        return detail::done([&](auto error) {
            return jvdb_get_into(raw(), key.raw(), vector, dimension, nullptr, 0, nullptr, error);
        });
    }

    /// The same into whatever has data() and size(), which is the dimension.
    template <class T, std::enable_if_t<detail::has_floats<T>, int> = 0>
    bool get_into(Key key, T&& room) const {
        return get_into(key, std::data(room), std::size(room));
    }

    /// Copies many vectors into the rows of a matrix, and tells in `found`, which may be NULL, which were there. Returns
    /// how many.
    std::size_t get_batch(const std::uint64_t* ids, std::size_t count, float* matrix, std::size_t dimension,
                          std::uint8_t* found = nullptr) const {
        jvdb_get_batch_t batch{};
        batch.struct_size = sizeof batch;
        batch.count = count;
        batch.dimension = dimension;
        batch.ids = ids;
        batch.matrix = matrix;
        batch.found = found;
        std::size_t there = 0;
        detail::done([&](auto error) { return jvdb_get_batch(raw(), &batch, &there, nullptr, error); });
        return there;
    }

    /// Reads without a copy; nothing if the key is not there.
    std::optional<Vector> get(Key key) const {
        std::optional<Vector> vector(std::in_place);
        const bool found = detail::done(
            [&](auto error) { return jvdb_get(raw(), key.raw(), &vector->raw_, error); });
        if (!found) vector.reset();
        return vector;
    }

    /// Whether there is a vector of this key.
    bool contains(Key key) const {
        return detail::done([&](auto error) { return jvdb_contains(raw(), key.raw(), error); });
    }

    /// False if the key was not there.
    bool erase(Key key) {
        return detail::done([&](auto error) { return jvdb_delete(raw(), key.raw(), error); });
    }

    /// Deletes all at once; returns how many were there.
    std::uint64_t erase(const std::uint64_t* ids, std::size_t count) {
        std::uint64_t deleted = 0;
        detail::done([&](auto error) { return jvdb_delete_batch(raw(), ids, nullptr, count, &deleted, error); });
        return deleted;
    }

    /// Vectors in the database.
    std::uint64_t count() const {
        std::uint64_t count = 0;
        detail::done([&](auto error) { return jvdb_count(raw(), &count, error); });
        return count;
    }

    /// Elements of each.
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
    void visit_keys(Visit&& visit) const {
        jvdb_cursor_t* opened = nullptr;
        detail::done([&](auto error) { return jvdb_cursor_open(raw(), 0, &opened, error); });
        const detail::Handle<jvdb_cursor_t, jvdb_cursor_close> cursor(opened);
        jvdb_key_t key;
        while (detail::done([&](auto error) { return jvdb_cursor_next_key(cursor.get(), &key, error); })) visit(key);
    }

    /// Goes over all vectors, from the beginning or behind Cursor::position().
    Cursor scan(std::uint64_t position = 0) const {
        jvdb_cursor_t* opened = nullptr;
        detail::done([&](auto error) { return jvdb_cursor_open(raw(), position, &opened, error); });
        return Cursor(opened);
    }

    /// Shows vectors where they lie, as `see(jvdb::Key, jvdb::View)`, from the beginning or behind a position; stops where
    /// `see` returns false, and goes to the end where it returns nothing or true. Returns the position behind the last one
    /// shown, for another visit or a cursor. Faster than a cursor, and what is shown is good until `see` returns. What `see`
    /// throws ends the visit and is thrown here. Which calls it may make, jvdb_visit_callback_t says: reads by key of this
    /// database, nothing else.
    template <class See>
    std::uint64_t visit(See&& see, std::uint64_t position = 0) const {
        using Seen = std::invoke_result_t<See&, Key, View>;
        static_assert(std::is_void_v<Seen> || std::is_same_v<Seen, bool>, "see returns nothing, or whether to go on");
        using Visitor = detail::Visitor<std::remove_reference_t<See>>;
        Visitor visitor{see, nullptr};
        detail::done([&](auto error) {
            return jvdb_visit(raw(), position, Visitor::call, &visitor, &position, error);
        });
#if JVDB_EXCEPTIONS
        if (visitor.thrown) std::rethrow_exception(visitor.thrown);
#endif
        return position;
    }

    /// Tells the operating system how the file will be read. It changes how long reads take, never what they give.
    void advise(Advice advice) {
        detail::done([&](auto error) { return jvdb_advise(raw(), static_cast<std::int32_t>(advice), error); });
    }

    /// Sets what the name says of the database; in place of what it said before.
    void set_attribute(const std::string& name, Bytes value) {
        detail::done([&](auto error) {
            return jvdb_attribute_set(raw(), detail::text(name, "name"), value.data(), value.size(), error);
        });
    }

    /// Nothing if it was never set.
    std::optional<std::string> attribute(const std::string& name) const {
        std::string value;
        for (std::size_t length = 0; !detail::failed();) {
            jvdb_error_t* error = nullptr;
            const auto status = jvdb_attribute_get(raw(), detail::text(name, "name"), value.data(), value.size(),
                                                   &length, &error);
            if (status == JVDB_ABSENT) return std::nullopt;
            if (status < 0 && status != JVDB_ERROR_BUFFER_TOO_SMALL) {
                detail::fail(Error(status, error));
                break;
            }
            jvdb_error_free(error);
            value.resize(length);
            if (status == JVDB_OK) return value;
        }
        return std::nullopt;
    }

    /// False if it was not there.
    bool remove_attribute(const std::string& name) {
        return detail::done(
            [&](auto error) { return jvdb_attribute_remove(raw(), detail::text(name, "name"), error); });
    }

    /// Names of all attributes, sorted.
    std::vector<std::string> attributes() const {
        jvdb_names_t* listed = nullptr;
        detail::done([&](auto error) { return jvdb_attribute_list(raw(), &listed, error); });
        return detail::list(detail::Handle<jvdb_names_t, jvdb_names_free>(listed));
    }

    /// Gives back the space of replaced and deleted vectors; returns the bytes gained.
    std::uint64_t compact() {
        std::uint64_t gained = 0;
        detail::done([&](auto error) { return jvdb_compact(raw(), &gained, error); });
        return gained;
    }

    /// Writes a durable copy to a new file; returns its length.
    std::uint64_t backup(const std::string& path) {
        std::uint64_t bytes = 0;
        detail::done([&](auto error) { return jvdb_backup(raw(), detail::text(path, "path"), &bytes, error); });
        return bytes;
    }

    /// Checks everything.
    Verified verify() const {
        Verified verified;
        verified.figures.struct_size = sizeof verified.figures;
        jvdb_findings_t* found = nullptr;
        detail::done([&](auto error) { return jvdb_verify(raw(), &verified.figures, &found, error); });
        verified.damage = detail::list(detail::Findings(found));
        return verified;
    }

    /// Moves on to what the writing process has flushed, where the storage was opened read-only; whether there was anything new.
    bool refresh() {
        return detail::done([&](auto error) { return jvdb_refresh(raw(), error); });
    }

    /// Returns when everything acknowledged before is durable.
    std::chrono::microseconds flush() {
        std::uint64_t duration = 0;
        detail::done([&](auto error) { return jvdb_flush(raw(), &duration, error); });
        return std::chrono::microseconds(duration);
    }

    /// Figures of this moment, as jvdb_database_stats() gives them.
    jvdb_database_stats_t stats() const {
        jvdb_database_stats_t stats{};
        stats.struct_size = sizeof stats;
        detail::done([&](auto error) { return jvdb_database_stats(raw(), &stats, error); });
        return stats;
    }

    /// For calls of jvdb.h.
    jvdb_database_t* raw() const noexcept { return handle_.get(); }

private:
    template <class Call>
    void store(Call call, Key key, Elements elements, Bytes metadata) {
        detail::done([&](auto error) {
            return call(raw(), key.raw(), elements.data(), elements.size(), metadata.data(), metadata.size(), error);
        });
    }

    detail::Handle<jvdb_database_t, jvdb_database_release> handle_;
};

}  // namespace jvdb

#endif  // JVDB_HANDLES_DATABASE_HPP
