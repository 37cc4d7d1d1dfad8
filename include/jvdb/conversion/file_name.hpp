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

}  // namespace jvdb::conversion

#endif  // JVDB_CONVERSION_FILE_NAME_HPP
