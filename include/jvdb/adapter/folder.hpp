// Where a database of the adapter lies below the directory: one folder for each, named after its id.
#ifndef JVDB_ADAPTER_FOLDER_HPP
#define JVDB_ADAPTER_FOLDER_HPP

#include "../conversion/file_name.hpp"

#include <string>

namespace jvdb::adapter {

/// Folder of a database: its id, spelled as the engine spells names of files.
inline std::string folder_of(const std::string& id) { return conversion::file_name_of(id); }

}  // namespace jvdb::adapter

#endif  // JVDB_ADAPTER_FOLDER_HPP
