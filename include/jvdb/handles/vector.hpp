// jvdb::Vector and jvdb::View: vectors read without a copy. Included by jvdb.hpp.
#ifndef JVDB_HANDLES_VECTOR_HPP
#define JVDB_HANDLES_VECTOR_HPP

#include "../../jvdb.h"

#include <cstddef>
#include <string_view>
#include <utility>

#if defined(__has_include) && __cplusplus >= 202002L
#if __has_include(<span>)
#include <span>
#endif
#endif

namespace jvdb {

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
    friend class Cursor;
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

}  // namespace jvdb

#endif  // JVDB_HANDLES_VECTOR_HPP
