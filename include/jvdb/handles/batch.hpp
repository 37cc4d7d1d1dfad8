// jvdb::Batch: rows to store and delete in one step. Included by jvdb.hpp.
#ifndef JVDB_HANDLES_BATCH_HPP
#define JVDB_HANDLES_BATCH_HPP

#include "elements.hpp"
#include "error.hpp"
#include "key.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <type_traits>
#include <vector>

namespace jvdb {

namespace detail {

template <class T>
inline constexpr bool is_array = std::is_array_v<T>;
template <class T, std::size_t N>
inline constexpr bool is_array<std::array<T, N>> = true;

/// Whether an object takes its elements with it when it goes.
template <class T>
inline constexpr bool owns_elements = is_array<T> || !std::is_trivially_copyable_v<T>;

}  // namespace detail

/// Rows to store and delete in one atomic step, which Database::put() and Database::write() do. Keys and metadata are copied.
/// Elements are borrowed: they stay where they are until the batch is written or cleared. One thread at a time uses it.
class Batch {
public:
    /// Adds a row that stores.
    Batch& put(Key key, Elements elements, Bytes metadata = {}) {
        add(key, elements, metadata, 0);
        return *this;
    }
    /// What goes at once cannot be borrowed: give the vector a name.
    template <class T, std::enable_if_t<!std::is_lvalue_reference_v<T> && detail::owns_elements<std::remove_cv_t<T>>, int> = 0>
    Batch& put(Key key, T&& elements, Bytes metadata = {}) = delete;
    /// The same.
    Batch& put(Key key, std::initializer_list<float> elements, Bytes metadata = {}) = delete;

    /// Adds a row that deletes.
    Batch& erase(Key key) {
        add(key, Elements(nullptr, 0), {}, 1);
        return *this;
    }

    /// Rows.
    std::size_t size() const noexcept { return rows_.size(); }
    /// Whether there is none.
    bool empty() const noexcept { return rows_.empty(); }
    /// Takes all rows out.
    void clear() noexcept {
        rows_.clear();
        bytes_.clear();
    }

private:
    friend class Database;

    struct Row {
        bool is_integer;
        /// The integer, or how many bytes of the key there are.
        std::uint64_t key;
        Elements elements;
        std::size_t metadata_length;
        std::uint8_t deletes;
    };

    void add(Key key, Elements elements, Bytes metadata, std::uint8_t deletes) {
        bytes_.append(key.bytes()).append(metadata.text());
        rows_.push_back({key.is_integer(), key.raw().number, elements, metadata.size(), deletes});
    }

    /// All of it as jvdb.h takes it, which lives as long as this does.
    struct Columns {
        explicit Columns(const Batch& batch) {
            const char* bytes = batch.bytes_.data();
            for (const Row& row : batch.rows_) {
                keys.push_back(row.is_integer ? jvdb_key(row.key) : jvdb_key_bytes(bytes, row.key));
                bytes += row.is_integer ? 0 : row.key;
                metadata.push_back(bytes);
                metadata_lengths.push_back(row.metadata_length);
                bytes += row.metadata_length;
                rows.push_back(row.elements.data());
                deletes.push_back(row.deletes);
                if (row.deletes != 0) continue;
                if (!seen) dimension = row.elements.size();
                seen = true;
                if (row.elements.size() != dimension) uneven(row.elements.size());
            }
        }

        void uneven(std::size_t size) const {
            detail::fail(Error(JVDB_ERROR_DIMENSION_MISMATCH, "row " + std::to_string(keys.size() - 1) + " of the batch has " +
                                                                  std::to_string(size) + " elements, the first one " +
                                                                  std::to_string(dimension)));
        }

        jvdb_batch_t raw(std::size_t otherwise) const noexcept {
            jvdb_batch_t raw{};
            raw.count = keys.size();
            raw.dimension = seen ? dimension : otherwise;
            raw.keys = keys.data();
            raw.rows = rows.data();
            raw.metadata = metadata.data();
            raw.metadata_lengths = metadata_lengths.data();
            raw.deletes = deletes.data();
            return raw;
        }

        bool seen = false;
        std::size_t dimension = 0;
        std::vector<jvdb_key_t> keys;
        std::vector<const float*> rows;
        std::vector<const void*> metadata;
        std::vector<std::size_t> metadata_lengths;
        std::vector<std::uint8_t> deletes;
    };

    std::vector<Row> rows_;
    /// Of each row the bytes of its key, and its metadata.
    std::string bytes_;
};

}  // namespace jvdb

#endif  // JVDB_HANDLES_BATCH_HPP
