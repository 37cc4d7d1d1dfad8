// The time between automatic flushes, as the classes take it and jvdb_options_t wants it.
#ifndef JVDB_FLUSH_INTERVAL_HPP
#define JVDB_FLUSH_INTERVAL_HPP

#include "../jvdb.hpp"

#include <chrono>
#include <cstdint>
#include <string>

namespace jvdb::detail {

/// For jvdb_options_t::flush_interval_ms. Throws jvdb::Error for what is not within 0 to 3600 s.
inline std::int64_t flush_interval_ms(std::chrono::seconds interval) {
    if (interval.count() < 0 || interval.count() > 3600) {
        throw Error(JVDB_ERROR_INVALID_ARGUMENT, "invalid flush_interval: " + std::to_string(interval.count()) +
                                                     " s is not within 0..=3600 s, of which 0 is none at all");
    }
    return interval.count() == 0 ? JVDB_OFF : static_cast<std::int64_t>(interval.count()) * 1000;
}

}  // namespace jvdb::detail

#endif  // JVDB_FLUSH_INTERVAL_HPP
