// Log lines of the C++ classes. They go where the library's go, if the program uses the library and has called jvdb::set_log();
// otherwise each is a line of std::clog, written in one piece. Needs nothing of the library itself.
#ifndef JVDB_LOG_HPP
#define JVDB_LOG_HPP

#include <atomic>
#include <cstdint>
#include <iostream>
#include <sstream>
#include <string>

namespace jvdb::detail {

/// Takes a line and its JVDB_LOG_* level; false if nobody has said what is to become of lines.
using LineTaker = bool (*)(std::int32_t level, const std::string& line) noexcept;

/// Set by handles/log.hpp.
inline std::atomic<LineTaker> where_lines_go{nullptr};

/// `level` is "error", "warn" or "info".
template <class... Parts>
void log(const char* level, const Parts&... parts) {
    std::ostringstream text;
    (text << ... << parts);
    const auto line = text.str();
    const LineTaker takes = where_lines_go;
    if (takes != nullptr && takes(*level == 'e' ? 1 : *level == 'w' ? 2 : 3, line)) return;
    std::ostringstream whole;
    whole << '[' << level << "] " << line << '\n';
    std::clog << whole.str() << std::flush;
}

}  // namespace jvdb::detail

#endif  // JVDB_LOG_HPP
