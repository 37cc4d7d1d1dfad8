// Ids of vectors, which have any length, as keys of the engine, which have 1 to 512 bytes.
//
// An id of 1 to 511 bytes is its own key. Any other has a key of exactly 512 bytes: its first 448, filled up with NUL, and,
// in hexadecimal, its SHA-256. So no two ids share a key, and the id of such a key is found in the vector's record.
#ifndef JVDB_ADAPTER_KEY_HPP
#define JVDB_ADAPTER_KEY_HPP

#include "sha256.hpp"

#include <cstddef>
#include <string>
#include <string_view>

namespace jvdb::adapter {

inline constexpr std::size_t MADE_KEY = 512;
inline constexpr std::size_t MADE_KEY_PREFIX = MADE_KEY - 64;

/// Whether the id of this length has a key that is made for it, so that its record tells the id.
inline bool has_made_key(std::size_t id_length) noexcept { return id_length == 0 || id_length >= MADE_KEY; }

/// Whether a key of this length was made for an id.
inline bool is_made_key(std::size_t key_length) noexcept { return key_length == MADE_KEY; }

/// The key of an id, in the id's own bytes or in `buffer`.
inline std::string_view key_of(const std::string& id, std::string& buffer) {
    if (!has_made_key(id.size())) return id;
    buffer.assign(id, 0, MADE_KEY_PREFIX);
    buffer.resize(MADE_KEY_PREFIX, '\0');
    buffer += sha256_text(id);
    return buffer;
}

}  // namespace jvdb::adapter

#endif  // JVDB_ADAPTER_KEY_HPP
