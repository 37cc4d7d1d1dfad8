// Names of databases as the engine spells them in names of files.
#ifndef JVDB_CONVERSION_FILE_NAME_HPP
#define JVDB_CONVERSION_FILE_NAME_HPP

#include <cstddef>
#include <string>
#include <string_view>

namespace jvdb::conversion {

/// A name of a database, spelled as the engine spells names of files and folders.
inline std::string file_name_of(const std::string& name) {
    static constexpr std::string_view DIGITS = "0123456789ABCDEF";
    std::string spelled;
    for (std::size_t i = 0; i < name.size(); ++i) {
        const auto byte = static_cast<unsigned char>(name[i]);
        const bool plain = (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
                           (byte >= 'a' && byte <= 'z') || byte == '-' || byte == '_' || (byte == '.' && i > 0);
        if (plain) {
            spelled.push_back(name[i]);
        } else {
            spelled.append({'%', DIGITS[byte >> 4], DIGITS[byte & 15]});
        }
    }
    return spelled;
}

/// The name of a database whose file or folder has that name, less what it ends with: what the engine spells so, or the name
/// that a person gave it.
inline std::string name_of_file(const std::string& spelled) {
    const auto digit = [&](std::size_t at) -> int {
        const char byte = at < spelled.size() ? spelled[at] : '\0';
        return byte >= '0' && byte <= '9' ? byte - '0' : byte >= 'A' && byte <= 'F' ? byte - 'A' + 10 : -1;
    };
    std::string name;
    for (std::size_t i = 0; i < spelled.size(); ++i) {
        if (spelled[i] != '%') {
            name.push_back(spelled[i]);
        } else if (digit(i + 1) >= 0 && digit(i + 2) >= 0) {
            name.push_back(static_cast<char>(digit(i + 1) * 16 + digit(i + 2)));
            i += 2;
        } else {
            return spelled;
        }
    }
    return file_name_of(name) == spelled ? name : spelled;
}

}  // namespace jvdb::conversion

#endif  // JVDB_CONVERSION_FILE_NAME_HPP
