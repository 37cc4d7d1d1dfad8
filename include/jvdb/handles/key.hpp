// jvdb::Key: what a vector is stored under. Included by jvdb.hpp.
#ifndef JVDB_HANDLES_KEY_HPP
#define JVDB_HANDLES_KEY_HPP

#include "../../jvdb.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

namespace jvdb {

namespace detail {

template <class T, class... Others>
inline constexpr bool is_one_of = (std::is_same_v<std::remove_cv_t<T>, Others> || ...);

#ifdef __cpp_char8_t
template <class T>
inline constexpr bool is_character = is_one_of<T, char, wchar_t, char8_t, char16_t, char32_t>;
#else
template <class T>
inline constexpr bool is_character = is_one_of<T, char, wchar_t, char16_t, char32_t>;
#endif

template <class T>
inline constexpr bool is_number =
    std::is_integral_v<T> && !is_character<T> && !is_one_of<T, bool> && sizeof(T) <= sizeof(std::uint64_t);

}  // namespace detail

/// Key of a vector: a 64-bit integer or 1 to 512 bytes. Borrows the bytes.
class Key {
public:
    /// An integer key. A negative number is the unsigned one of the same 64 bits.
    template <class T, std::enable_if_t<detail::is_number<T>, int> = 0>
    Key(T id) noexcept : raw_(jvdb_key(static_cast<std::uint64_t>(id))) {}
    /// 'c' and true are no numbers, and 128 bits are too many: convert what is meant.
    template <class T, std::enable_if_t<std::is_integral_v<T> && !detail::is_number<T>, int> = 0>
    Key(T) = delete;
    /// An enumerator is its number, where that is asked for: `Key(Colour::red)`.
    template <class T, std::enable_if_t<std::is_enum_v<T>, bool> = true>
    explicit Key(T id) noexcept : Key(static_cast<std::uint64_t>(id)) {}
    /// A byte key of 1 to 512 bytes, which are not copied.
    Key(std::string_view bytes) noexcept : raw_(jvdb_key_bytes(bytes.data(), bytes.size())) {}
    /// The same.
    Key(const std::string& bytes) noexcept : Key(std::string_view(bytes)) {}
    /// The same, up to the NUL. A null pointer makes a key that every call refuses.
    Key(const char* text) noexcept : Key(text != nullptr ? std::string_view(text) : std::string_view()) {}
    /// No key.
    Key(std::nullptr_t) = delete;
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

}  // namespace jvdb

#endif  // JVDB_HANDLES_KEY_HPP
