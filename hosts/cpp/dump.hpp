// Every vector of a storage as one binary stream, little-endian, the same from every face:
//   per database, by name:   u32 name length, name, u32 dimension, u64 count, then
//   per vector, by id:       u64 id, dimension f32, u32 metadata length, metadata
#pragma once

#include "DatabasePersistence.hpp"

#include <bit>
#include <chrono>
#include <cstdint>
#include <fstream>
#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

static_assert(std::endian::native == std::endian::little, "the dump is written as it lies in memory");

/// What was found in a storage.
struct Contents {
    std::uint64_t databases = 0;
    std::uint64_t vectors = 0;
    /// Mean nanoseconds of one retrieve_vector, over all vectors in the order of their ids.
    std::uint64_t get_ns = 0;
};

/// Reads every vector once, and measures.
inline Contents read_all(const DatabasePersistence& persistence) {
    Contents contents;
    std::chrono::nanoseconds total{0};
    for (const auto& name : persistence.list_databases()) {
        ++contents.databases;
        const auto ids = persistence.list_vector_ids(name);
        const auto start = std::chrono::steady_clock::now();
        for (const auto id : ids) contents.vectors += persistence.retrieve_vector(name, id).has_value();
        total += std::chrono::steady_clock::now() - start;
    }
    if (contents.vectors > 0) contents.get_ns = static_cast<std::uint64_t>(total.count()) / contents.vectors;
    return contents;
}

/// Writes every vector, for as long as `go_on` says yes.
inline void dump_all(const DatabasePersistence& persistence, const std::string& path,
                     const std::function<bool()>& go_on) {
    std::ofstream out(path, std::ios::binary | std::ios::trunc);
    const auto bytes = [&](const void* data, std::size_t length) {
        out.write(static_cast<const char*>(data), static_cast<std::streamsize>(length));
    };
    const auto number = [&](auto value) { bytes(&value, sizeof value); };
    const auto text = [&](std::string_view value) {
        number(static_cast<std::uint32_t>(value.size()));
        bytes(value.data(), value.size());
    };
    for (const auto& name : persistence.list_databases()) {
        const auto ids = persistence.list_vector_ids(name);
        text(name);
        number(static_cast<std::uint32_t>(persistence.get_database_schema(name).value().dimension));
        number(static_cast<std::uint64_t>(ids.size()));
        for (const auto id : ids) {
            if (!go_on()) throw std::runtime_error("interrupted; " + path + " is not complete");
            const auto found = persistence.retrieve_vector(name, id);
            if (!found) throw std::runtime_error(DatabasePersistence::last_error());
            number(static_cast<std::uint64_t>(id));
            bytes(found->first.data(), found->first.size() * sizeof(float));
            text(found->second);
        }
    }
    out.close();
    if (!out) throw std::runtime_error("cannot write " + path);
}
