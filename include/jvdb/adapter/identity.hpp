// What the adapter gives to a database or an index that comes without: an id, and times.
#ifndef JVDB_ADAPTER_IDENTITY_HPP
#define JVDB_ADAPTER_IDENTITY_HPP

#include <array>
#include <chrono>
#include <ctime>
#include <random>
#include <string>
#include <string_view>

namespace jvdb::adapter {

/// 32 hexadecimal digits that nobody else has.
inline std::string new_id() {
    static constexpr std::string_view DIGITS = "0123456789abcdef";
    thread_local std::random_device random;
    std::string id;
    while (id.size() < 32) {
        for (auto bits = random(); id.size() < 32 && bits != 0; bits >>= 4) id.push_back(DIGITS[bits & 15]);
    }
    return id;
}

/// This second in UTC, as ISO 8601 writes it.
inline std::string now() {
    const auto seconds = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
    std::tm parts{};
    ::gmtime_r(&seconds, &parts);
    std::array<char, 32> text{};
    return {text.data(), std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts)};
}

}  // namespace jvdb::adapter

#endif  // JVDB_ADAPTER_IDENTITY_HPP
