// jvdb::Elements and jvdb::Bytes: what a call reads, wherever it lies. Included by jvdb.hpp.
#ifndef JVDB_HANDLES_ELEMENTS_HPP
#define JVDB_HANDLES_ELEMENTS_HPP

#include <cstddef>
#include <initializer_list>
#include <iterator>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace jvdb {

namespace detail {

/// What the elements of a container are, by its data().
template <class T>
using ElementOf = std::remove_pointer_t<decltype(std::data(std::declval<T&>()))>;

template <class T, class = void>
inline constexpr bool has_floats = false;
template <class T>
inline constexpr bool has_floats<T, std::void_t<ElementOf<T>>> = std::is_same_v<std::remove_const_t<ElementOf<T>>, float>;

template <class T, class = void>
inline constexpr bool has_bytes = false;
template <class T>
inline constexpr bool has_bytes<T, std::void_t<ElementOf<T>>> =
    sizeof(ElementOf<T>) == 1 && std::is_trivially_copyable_v<ElementOf<T>>;

/// A list is not a member to be kept, which some compilers warn of, but what a call reads while it runs.
inline const float* begin_of(const std::initializer_list<float>& list) noexcept { return std::data(list); }

}  // namespace detail

/// The elements of a vector that a call reads: a std::vector<float>, std::array, std::span, an array, a jvdb::Vector, a list in
/// braces, or a pointer and a length. Borrows them.
class Elements {
public:
    /// So many from there on.
    Elements(const float* data, std::size_t size) noexcept : data_(data), size_(size) {}
    /// Of whatever has data() and size().
    template <class T, std::enable_if_t<detail::has_floats<const T>, int> = 0>
    Elements(const T& elements) noexcept : data_(std::data(elements)), size_(std::size(elements)) {}
    /// Of a list in braces.
    Elements(std::initializer_list<float> elements) noexcept
        : data_(detail::begin_of(elements)), size_(elements.size()) {}

    /// The first element.
    const float* data() const noexcept { return data_; }
    /// How many there are.
    std::size_t size() const noexcept { return size_; }

private:
    const float* data_;
    std::size_t size_;
};

/// Bytes that a call reads, such as metadata: a text, or whatever has data() and size() and elements of one byte. Borrows them.
class Bytes {
public:
    /// None.
    Bytes() noexcept = default;
    /// So many from there on.
    Bytes(const void* data, std::size_t size) noexcept : data_(static_cast<const char*>(data)), size_(size) {}
    /// Of a text.
    Bytes(std::string_view text) noexcept : Bytes(text.data(), text.size()) {}
    /// The same.
    Bytes(const std::string& text) noexcept : Bytes(text.data(), text.size()) {}
    /// Up to the NUL; none for a null pointer.
    Bytes(const char* text) noexcept : Bytes(text != nullptr ? std::string_view(text) : std::string_view()) {}
    /// Of any container.
    template <class T, std::enable_if_t<std::is_class_v<T> && detail::has_bytes<const T>, int> = 0>
    Bytes(const T& bytes) noexcept : Bytes(static_cast<const void*>(std::data(bytes)), std::size(bytes)) {}

    /// The first byte.
    const char* data() const noexcept { return data_; }
    /// How many there are.
    std::size_t size() const noexcept { return size_; }
    /// As text.
    std::string_view text() const noexcept { return {data_, size_}; }

private:
    const char* data_ = nullptr;
    std::size_t size_ = 0;
};

}  // namespace jvdb

#endif  // JVDB_HANDLES_ELEMENTS_HPP
