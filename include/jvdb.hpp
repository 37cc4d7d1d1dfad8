// RAII over jvdb.h: handles that release themselves, errors as exceptions, reads without copies. Header-only, C++17.
//
// What is said at the head of jvdb.h holds here too. Every call may throw jvdb::Error, or gives it as a value through
// jvdb::attempt(); every object but a handle being moved or destroyed, and a walk, may be used from any number of threads
// at once. Handles can be moved, not copied. Nothing here keeps state, makes decisions, or copies vectors unasked. With
// C++20 vectors are also spans.
#ifndef JVDB_HPP
#define JVDB_HPP

#include "jvdb.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <iterator>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#if defined(__has_include) && __cplusplus >= 202002L
#if __has_include(<span>)
#include <span>
#endif
#endif

namespace jvdb {

/// A call that failed: what() says what happened, where, and what to do.
class Error : public std::runtime_error {
public:
    /// An error of this face itself.
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

/// What a call came to, for those who do not want exceptions: its value, or its error.
template <class T>
class [[nodiscard]] Result {
public:
    /// It succeeded.
    Result(T value) : either_(std::in_place_index<0>, std::move(value)) {}
    /// It failed.
    Result(Error error) : either_(std::in_place_index<1>, std::move(error)) {}

    /// Whether it succeeded.
    explicit operator bool() const noexcept { return either_.index() == 0; }
    /// Throws the error, if there is one.
    T& value() & {
        if (!*this) throw error();
        return std::get<0>(either_);
    }
    /// The same, moved out.
    T&& value() && { return std::move(value()); }
    /// Only if this is false.
    const Error& error() const { return std::get<1>(either_); }

private:
    std::variant<T, Error> either_;
};

/// Makes calls and gives what they throw as a value: `if (auto stored = jvdb::attempt([&] { db.put(1, v); })) ...`. For
/// calls that return nothing the value is true.
template <class Call>
auto attempt(Call&& call) {
    using T = std::invoke_result_t<Call>;
    using R = Result<std::conditional_t<std::is_void_v<T>, bool, T>>;
    try {
        if constexpr (std::is_void_v<T>) {
            std::forward<Call>(call)();
            return R(true);
        } else {
            return R(std::forward<Call>(call)());
        }
    } catch (const Error& error) {
        return R(error);
    }
}

/// Key of a vector: a 64-bit integer or 1 to 512 bytes. Borrows the bytes.
class Key {
public:
    /// An integer key.
    template <class T, class = std::enable_if_t<std::is_integral_v<T>>>
    Key(T id) noexcept : raw_(jvdb_key(static_cast<std::uint64_t>(id))) {}
    /// A byte key of 1 to 512 bytes, which are not copied.
    Key(std::string_view bytes) noexcept : raw_(jvdb_key_bytes(bytes.data(), bytes.size())) {}
    /// The same.
    Key(const std::string& bytes) noexcept : Key(std::string_view(bytes)) {}
    /// The same, up to the NUL.
    Key(const char* text) noexcept : Key(std::string_view(text)) {}
    /// A key of jvdb.h.
    Key(jvdb_key_t raw) noexcept : raw_(raw) {}

    /// Whether it is an integer key.
    bool is_integer() const noexcept { return raw_.bytes == nullptr; }
    /// The integer, if it is one.
    std::uint64_t integer() const noexcept { return raw_.number; }
    /// The bytes, if it is not.
    std::string_view bytes() const noexcept {
        return {static_cast<const char*>(raw_.bytes), is_integer() ? 0 : static_cast<std::size_t>(raw_.number)};
    }

    /// For calls of jvdb.h.
    jvdb_key_t raw() const noexcept { return raw_; }

private:
    jvdb_key_t raw_;
};

/// A vector read without a copy: valid and unchanged while this lives, whatever happens to the database.
class Vector {
public:
    Vector() noexcept = default;
    /// Takes what the other one held.
    Vector(Vector&& other) noexcept : raw_(std::exchange(other.raw_, jvdb_vector_t{})) {}
    /// Swaps what the two hold.
    Vector& operator=(Vector&& other) noexcept {
        std::swap(raw_, other.raw_);
        return *this;
    }
    ~Vector() { jvdb_vector_release(&raw_); }

    /// The elements, on a 64-byte boundary.
    const float* data() const noexcept { return raw_.elements; }
    /// How many there are.
    std::size_t size() const noexcept { return raw_.dimension; }
    /// The first element.
    const float* begin() const noexcept { return data(); }
    /// Behind the last element.
    const float* end() const noexcept { return data() + size(); }
    /// An element; the index is not checked.
    float operator[](std::size_t index) const noexcept { return raw_.elements[index]; }
    /// Good for as long as this object is.
    std::string_view metadata() const noexcept {
        return {static_cast<const char*>(raw_.metadata), raw_.metadata_length};
    }
#ifdef __cpp_lib_span
    operator std::span<const float>() const noexcept { return {data(), size()}; }
#endif

private:
    friend class Database;
    friend class Walk;
    jvdb_vector_t raw_{};
};

/// A vector while a visit shows it: good until the callable returns.
class View {
public:
    /// Elements and metadata as jvdb_visit() shows them.
    View(const float* elements, std::size_t dimension, std::string_view metadata) noexcept
        : elements_(elements), dimension_(dimension), metadata_(metadata) {}

    /// The elements, on a 64-byte boundary.
    const float* data() const noexcept { return elements_; }
    /// How many there are.
    std::size_t size() const noexcept { return dimension_; }
    /// The first element.
    const float* begin() const noexcept { return data(); }
    /// Behind the last element.
    const float* end() const noexcept { return data() + size(); }
    /// An element; the index is not checked.
    float operator[](std::size_t index) const noexcept { return elements_[index]; }
    /// Good for as long as the elements are.
    std::string_view metadata() const noexcept { return metadata_; }
#ifdef __cpp_lib_span
    operator std::span<const float>() const noexcept { return {data(), size()}; }
#endif

private:
    const float* elements_;
    std::size_t dimension_;
    std::string_view metadata_;
};

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

/// A vector met on a walk, with its key, whose bytes live until the walk goes on.
struct Entry {
    /// Good until the walk goes on.
    Key key = 0;
    /// Empty in a walk over keys.
    Vector vector;
};

/// A walk over all vectors, in the order in which they were last stored: `for (auto& entry : database.walk()) ...`. To be
/// gone through once, by one thread. It pins the database. What is moved out of an entry outlives it.
class Walk {
public:
    class iterator {
    public:
        using iterator_category = std::input_iterator_tag;
        using value_type = Entry;
        using difference_type = std::ptrdiff_t;
        using pointer = Entry*;
        using reference = Entry&;

        iterator() noexcept = default;
        explicit iterator(Walk* walk) : walk_(walk) { ++*this; }
        Entry& operator*() const noexcept { return walk_->entry_; }
        Entry* operator->() const noexcept { return &walk_->entry_; }
        iterator& operator++() {
            if (!walk_->next()) walk_ = nullptr;
            return *this;
        }
        void operator++(int) { ++*this; }
        friend bool operator==(const iterator& a, const iterator& b) noexcept { return a.walk_ == b.walk_; }
        friend bool operator!=(const iterator& a, const iterator& b) noexcept { return !(a == b); }

    private:
        Walk* walk_ = nullptr;
    };

    /// Takes a cursor of jvdb.h.
    explicit Walk(jvdb_cursor_t* cursor) noexcept : cursor_(cursor) {}
    /// Goes on from where it is; once.
    iterator begin() { return iterator(this); }
    /// Behind the last.
    iterator end() noexcept { return {}; }

    /// Goes to the next vector; false after the last.
    bool next() {
        jvdb_key_t key;
        Vector vector;
        const bool found = detail::done(
            [&](auto error) { return jvdb_cursor_next_vector(cursor_.get(), &key, &vector.raw_, error); });
        entry_ = Entry{Key(key), std::move(vector)};
        return found;
    }
    /// What next() has found.
    Entry& entry() noexcept { return entry_; }

    /// Behind the vector given last: where another walk may begin.
    std::uint64_t position() const {
        std::uint64_t position = 0;
        detail::done([&](auto error) { return jvdb_cursor_position(cursor_.get(), &position, error); });
        return position;
    }

private:
    detail::Handle<jvdb_cursor_t, jvdb_cursor_close> cursor_;
    Entry entry_;
};

/// Something a verification or a repair has found.
struct Finding {
    /// JVDB_FINDING_*.
    std::uint64_t kind;
    /// Byte offset in the file as it was; 0 where the kind has none.
    std::uint64_t offset;
    /// Where a gap ends; otherwise 0.
    std::uint64_t end;
    /// Records lost in a gap; -1 if that is not known. Otherwise 0.
    std::int64_t records;
    /// All of it in a line.
    std::string text;
    /// The key, or the name of an attribute.
    std::variant<std::uint64_t, std::string> key;
};

namespace detail {

/// A callable, as jvdb_visit() calls it: what it throws waits until the library is left.
template <class See>
struct Visitor {
    See& see;
    std::exception_ptr thrown;

    static std::int32_t call(void* user, jvdb_key_t key, const float* elements, std::size_t dimension,
                             const void* metadata, std::size_t metadata_length) noexcept {
        auto& visitor = *static_cast<Visitor*>(user);
        const View view(elements, dimension, {static_cast<const char*>(metadata), metadata_length});
        try {
            if constexpr (std::is_void_v<std::invoke_result_t<See&, Key, View>>) {
                visitor.see(Key(key), view);
                return 0;
            } else {
                return visitor.see(Key(key), view) ? 0 : 1;
            }
        } catch (...) {
            visitor.thrown = std::current_exception();
            return 1;
        }
    }
};

using Findings = Handle<jvdb_findings_t, jvdb_findings_free>;

inline std::vector<Finding> list(const Findings& findings) {
    std::vector<Finding> list;
    jvdb_finding_t raw{};
    raw.struct_size = sizeof raw;
    for (std::size_t index = 0;
         done([&](auto error) { return jvdb_findings_at(findings.get(), index, &raw, error); }); ++index) {
        const Key key(raw.key);
        list.push_back({raw.kind, raw.offset, raw.end, raw.records, raw.text, key.integer()});
        if (!key.is_integer()) list.back().key = std::string(key.bytes());
    }
    return list;
}

inline std::vector<std::string> list(const Handle<jvdb_names_t, jvdb_names_free>& names) {
    std::vector<std::string> list;
    list.reserve(jvdb_names_count(names.get()));
    for (std::size_t index = 0; const char* name = jvdb_names_at(names.get(), index); ++index) {
        list.emplace_back(name, jvdb_names_length(names.get(), index));
    }
    return list;
}

}  // namespace detail

/// What a verification came to.
struct Verified {
    /// As jvdb_verify() gives them.
    jvdb_verified_t figures{};
    /// Empty if the database is sound.
    std::vector<Finding> damage;
};

/// What a repair came to.
struct Repaired {
    /// As jvdb_repair() gives them.
    jvdb_repaired_t figures{};
    /// What was damaged, and what is lost.
    std::vector<Finding> findings;
    /// Name of the file that holds the database as it was; empty if nothing was repaired.
    std::string backup;
};

/// One database, open and pinned while this lives.
class Database {
public:
    /// Takes a handle of jvdb.h.
    explicit Database(jvdb_database_t* handle) noexcept : handle_(handle) {}

    /// Stores or replaces.
    void put(Key key, const float* vector, std::size_t dimension, std::string_view metadata = {}) {
        detail::done([&](auto error) {
            return jvdb_put(raw(), key.raw(), vector, dimension, metadata.data(), metadata.size(), error);
        });
    }
    /// The same for a std::vector.
    void put(Key key, const std::vector<float>& vector, std::string_view metadata = {}) {
        put(key, vector.data(), vector.size(), metadata);
    }
#ifdef __cpp_lib_span
    void put(Key key, std::span<const float> vector, std::string_view metadata = {}) {
        put(key, vector.data(), vector.size(), metadata);
    }
#endif

    /// Stores under a new key; throws JVDB_ERROR_KEY_EXISTS otherwise.
    void insert(Key key, const float* vector, std::size_t dimension, std::string_view metadata = {}) {
        detail::done([&](auto error) {
            return jvdb_insert(raw(), key.raw(), vector, dimension, metadata.data(), metadata.size(), error);
        });
    }

    /// Stores in place of what is there; throws JVDB_ERROR_KEY_NOT_FOUND otherwise.
    void replace(Key key, const float* vector, std::size_t dimension, std::string_view metadata = {}) {
        detail::done([&](auto error) {
            return jvdb_replace(raw(), key.raw(), vector, dimension, metadata.data(), metadata.size(), error);
        });
    }

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

    /// Copies a vector to where the caller wants it; false if the key is not there.
    bool get_into(Key key, float* vector, std::size_t dimension) const {
        return detail::done([&](auto error) {
            return jvdb_get(raw(), key.raw(), vector, dimension, nullptr, 0, nullptr, error);
        });
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
            [&](auto error) { return jvdb_get_pinned(raw(), key.raw(), &vector->raw_, error); });
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
    void each_key(Visit&& visit) const {
        jvdb_cursor_t* opened = nullptr;
        detail::done([&](auto error) { return jvdb_cursor_open(raw(), 0, &opened, error); });
        const detail::Handle<jvdb_cursor_t, jvdb_cursor_close> cursor(opened);
        jvdb_key_t key;
        while (detail::done([&](auto error) { return jvdb_cursor_next_key(cursor.get(), &key, error); })) visit(key);
    }

    /// Walks over all vectors, from the beginning or behind Walk::position().
    Walk walk(std::uint64_t position = 0) const {
        jvdb_cursor_t* opened = nullptr;
        detail::done([&](auto error) { return jvdb_cursor_open(raw(), position, &opened, error); });
        return Walk(opened);
    }

    /// Shows vectors where they lie, as `see(jvdb::Key, jvdb::View)`, from the beginning or behind a position; stops where
    /// `see` returns false, and goes to the end where it returns nothing or true. Returns the position behind the last one
    /// shown, for another visit or a walk. Faster than a walk, and what is shown is good until `see` returns. What `see`
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
        if (visitor.thrown) std::rethrow_exception(visitor.thrown);
        return position;
    }

    /// Tells the operating system how the file will be read. It changes how long reads take, never what they give.
    void advise(Advice advice) {
        detail::done([&](auto error) { return jvdb_advise(raw(), static_cast<std::int32_t>(advice), error); });
    }

    /// Sets what the name says of the database; in place of what it said before.
    void set_attribute(const std::string& name, std::string_view value) {
        detail::done([&](auto error) {
            return jvdb_attribute_set(raw(), detail::text(name, "name"), value.data(), value.size(), error);
        });
    }

    /// Nothing if it was never set.
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
    detail::Handle<jvdb_database_t, jvdb_database_release> handle_;
};

/// Hands what the library has to say, up to a JVDB_LOG_* level, to a callback of the process; NULL for none.
inline void set_log(jvdb_log_callback_t callback, void* user, std::int32_t level) {
    detail::done([&](auto error) { return jvdb_set_log(callback, user, level, error); });
}

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

    /// Creates a database. Throws if there is one of this name.
    Database create(const std::string& name, std::uint32_t dimension, std::int32_t metric = JVDB_METRIC_COSINE) {
        jvdb_database_t* database = nullptr;
        detail::done([&](auto error) {
            return jvdb_create(raw(), detail::text(name, "name"), dimension, metric, &database, error);
        });
        return Database(database);
    }

    /// Opens a database, and keeps its file open while the handle lives. Throws if there is none.
    Database database(const std::string& name) const {
        jvdb_database_t* database = nullptr;
        detail::done(
            [&](auto error) { return jvdb_database_open(raw(), detail::text(name, "name"), &database, error); });
        return Database(database);
    }

    /// Whether there is a database of this name.
    bool exists(const std::string& name) const {
        return detail::done([&](auto error) { return jvdb_exists(raw(), detail::text(name, "name"), error); });
    }

    /// Removes a database and its file. Throws if there is none.
    void drop(const std::string& name) {
        detail::done([&](auto error) { return jvdb_drop(raw(), detail::text(name, "name"), error); });
    }

    /// Names, sorted.
    std::vector<std::string> list() const {
        jvdb_names_t* listed = nullptr;
        detail::done([&](auto error) { return jvdb_list(raw(), &listed, error); });
        return detail::list(detail::Handle<jvdb_names_t, jvdb_names_free>(listed));
    }

    /// Repairs a damaged database that no handle holds. Dimension and metric only if the file does not tell them.
    Repaired repair(const std::string& name, std::uint32_t dimension = 0, std::int32_t metric = JVDB_METRIC_COSINE) {
        Repaired repaired;
        repaired.figures.struct_size = sizeof repaired.figures;
        jvdb_findings_t* found = nullptr;
        detail::done([&](auto error) {
            return jvdb_repair(raw(), detail::text(name, "name"), dimension, metric, &repaired.figures, &found, error);
        });
        const detail::Findings findings(found);
        repaired.findings = detail::list(findings);
        if (const char* backup = jvdb_findings_backup(findings.get())) repaired.backup = backup;
        return repaired;
    }

    /// Flushes every database; returns when everything acknowledged before is durable.
    std::chrono::microseconds flush() {
        std::uint64_t duration = 0;
        detail::done([&](auto error) { return jvdb_storage_flush(raw(), &duration, error); });
        return std::chrono::microseconds(duration);
    }

    /// Figures of this moment, as jvdb_storage_stats() gives them.
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
