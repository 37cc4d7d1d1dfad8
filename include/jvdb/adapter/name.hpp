// Ids of databases, which are any bytes, as names of the engine, which are UTF-8 without control characters and of up to
// 246 bytes; and the folders in which they lie.
//
// An id that the engine takes is its own name. Any other has a name that is made of its SHA-256, and the database's record
// tells the id. While a database gets another dimension there is a second one beside it, whose name is made likewise.
#ifndef JVDB_ADAPTER_NAME_HPP
#define JVDB_ADAPTER_NAME_HPP

#include "../../jvdb.hpp"
#include "../conversion/file_name.hpp"
#include "sha256.hpp"

#include <algorithm>
#include <string>
#include <string_view>

namespace jvdb::adapter {

inline constexpr std::string_view MADE_NAME = "sha256-";
inline constexpr std::string_view CHANGING_NAME = "changing-sha256-";

/// The name that is made for an id.
inline std::string made_name_of(const std::string& id) { return std::string(MADE_NAME) + sha256_text(id); }

/// The name of what a database of this id becomes.
inline std::string changing_name_of(const std::string& id) { return std::string(CHANGING_NAME) + sha256_text(id); }

inline bool is_made_from(std::string_view prefix, std::string_view name) noexcept {
    return name.size() == prefix.size() + 64 && name.substr(0, prefix.size()) == prefix &&
           name.find_first_not_of("0123456789abcdef", prefix.size()) == std::string_view::npos;
}

/// Whether a name was made, so that the id is in the record. An id that looks like one gets another.
inline bool is_made_name(std::string_view name) noexcept {
    return is_made_from(MADE_NAME, name) || is_made_from(CHANGING_NAME, name);
}

/// The engine's name of the database of an id, which may exist or not.
inline std::string name_of(const Storage& storage, const std::string& id) {
    if (is_made_name(id)) return made_name_of(id);
    try {
        storage.exists(id);
        return id;
    } catch (const Error& error) {
        // Any other error is about the file of that name.
        return error.code() == JVDB_ERROR_INVALID_ARGUMENT ? made_name_of(id) : id;
    }
}

/// Whether an id, taken for the name of a folder, stands for another place than one in the directory.
inline bool leads_elsewhere(std::string_view id) noexcept {
    return id.empty() || id == "." || id == ".." || id.find('/') != std::string_view::npos ||
           id.find('\0') != std::string_view::npos;
}

/// Folder of a database of this name, spelled as the engine spells names of files.
inline std::string folder_of(const std::string& name) { return conversion::file_name_of(name); }

/// What lies in such a folder: the database; the file that it was converted from; and what was said of that.
inline constexpr const char* DATABASE_FILE = "vectors.jvdb";
inline constexpr const char* ORIGINAL_FILE = "vectors.jvdb.v1";
inline constexpr const char* REPORT_FILE = "conversion-report.json";

}  // namespace jvdb::adapter

#endif  // JVDB_ADAPTER_NAME_HPP
