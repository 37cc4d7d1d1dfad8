// Ids of vectors, which have any length, as keys of the engine, which have 1 to 512 bytes.
//
// An id of up to 511 bytes is its own key. A longer one has a key of exactly 512 bytes: its first 448 and, in
// hexadecimal, its SHA-256. So no two ids share a key, and the id of a long key is found in the vector's record.
#ifndef JVDB_ADAPTER_KEY_HPP
#define JVDB_ADAPTER_KEY_HPP

#include "sha256.hpp"

#include <cstddef>
#include <string>
#include <string_view>

namespace jvdb::adapter {

inline constexpr std::size_t LONG_KEY = 512;
inline constexpr std::size_t LONG_KEY_PREFIX = LONG_KEY - 64;

/// Whether the id of this length has a key other than itself.
inline bool is_long(std::size_t length) noexcept { return length >= LONG_KEY; }

/// The key of an id, in the id's own bytes or in `buffer`.
inline std::string_view key_of(const std::string& id, std::string& buffer) {
    if (!is_long(id.size())) return id;
    buffer.assign(id, 0, LONG_KEY_PREFIX);
    buffer += sha256_text(id);
    return buffer;
}

}  // namespace jvdb::adapter

#endif  // JVDB_ADAPTER_KEY_HPP
