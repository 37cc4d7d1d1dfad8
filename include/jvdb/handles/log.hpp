// jvdb::set_log(): one callback for what the library and the C++ classes have to say. Included by jvdb.hpp.
#ifndef JVDB_HANDLES_LOG_HPP
#define JVDB_HANDLES_LOG_HPP

#include "../log.hpp"
#include "error.hpp"

#include <cstdint>
#include <string>

namespace jvdb {

/// Hands what the library and the C++ classes have to say, up to a JVDB_LOG_* level, to a callback of the process; nothing is
/// said with NULL or JVDB_LOG_OFF. Until this, or jvdb_set_log(), is called, the library says nothing, and the classes
/// write what is at least JVDB_LOG_INFO to std::clog.
inline void set_log(jvdb_log_callback_t callback, void* user, std::int32_t level) {
    detail::done([&](auto error) { return jvdb_set_log(callback, user, level, error); });
}

namespace detail {

/// False if nobody has said what is to become of lines.
inline bool to_the_log(std::int32_t level, const std::string& line) noexcept {
    return jvdb_log(level, line.c_str(), nullptr) != JVDB_ABSENT;
}

/// Made before main() begins.
inline const bool lines_go_to_the_log = (where_lines_go = to_the_log, true);

}  // namespace detail

}  // namespace jvdb

#endif  // JVDB_HANDLES_LOG_HPP
