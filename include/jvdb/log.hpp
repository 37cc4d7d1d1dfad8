// Log lines of the C++ classes: one line each to std::clog, written in one piece.
#ifndef JVDB_LOG_HPP
#define JVDB_LOG_HPP

#include <iostream>
#include <sstream>

namespace jvdb::detail {

template <class... Parts>
void log(const char* level, const Parts&... parts) {
    std::ostringstream line;
    line << '[' << level << "] ";
    (line << ... << parts) << '\n';
    std::clog << line.str() << std::flush;
}

}  // namespace jvdb::detail

#endif  // JVDB_LOG_HPP
