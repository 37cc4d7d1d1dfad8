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

}  // namespace jvdb

#endif  // JVDB_HANDLES_KEY_HPP
