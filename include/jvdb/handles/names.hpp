// Lists of names of jvdb.h as vectors of strings. Included by jvdb.hpp.
#ifndef JVDB_HANDLES_NAMES_HPP
#define JVDB_HANDLES_NAMES_HPP

#include "error.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace jvdb {

namespace detail {

inline std::vector<std::string> list(const Handle<jvdb_names_t, jvdb_names_free>& names) {
    std::vector<std::string> list;
    list.reserve(jvdb_names_count(names.get()));
    for (std::size_t index = 0; const char* name = jvdb_names_at(names.get(), index); ++index) {
        list.emplace_back(name, jvdb_names_length(names.get(), index));
    }
    return list;
}

}  // namespace detail

}  // namespace jvdb

#endif  // JVDB_HANDLES_NAMES_HPP
