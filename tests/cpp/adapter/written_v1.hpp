// Files of format version 1, as the replaced class writes them, and how tests put them where they want them.
#pragma once

#include "fixture.hpp"

#include <cstdint>
#include <fstream>
#include <functional>
#include <iterator>

/// A file of format version 1, as the replaced class writes it.
class FileV1 {
public:
    static constexpr std::size_t HEADER = 128, ENTRY = 64, CELL = 64, DIMENSION = 4;

    explicit FileV1(std::size_t capacity) : capacity_(capacity), index_(capacity * ENTRY, '\0') {}

    void add(const std::string& id, const std::vector<float>& values, std::uint32_t flags = 1,
             std::uint64_t timestamp = 1) {
        const std::size_t entry = count_++ * ENTRY;
        put(index_, entry, std::uint64_t{std::hash<std::string>{}(id)});
        put(index_, entry + 8, std::uint64_t{data_at() + data_.size()});
        put(index_, entry + 16, std::uint64_t{ids_at() + ids_.size()});
        put(index_, entry + 24, static_cast<std::uint32_t>(values.size() * sizeof(float)));
        put(index_, entry + 28, flags);
        put(index_, entry + 32, timestamp);
        active_ += flags == 1;
        data_.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float));
        std::string cell = id.substr(0, CELL - 1);
        cell.resize(CELL);
        ids_ += cell;
    }

    std::string bytes() const {
        std::string header(HEADER, '\0');
        put(header, 0, std::uint32_t{0x4A564442});
        put(header, 4, std::uint32_t{1});
        put(header, 8, static_cast<std::uint32_t>(DIMENSION));
        put(header, 16, std::uint64_t{count_});
        put(header, 24, std::uint64_t{active_});
        put(header, 32, std::uint64_t{HEADER});
        put(header, 40, std::uint64_t{data_at()});
        put(header, 48, std::uint64_t{ids_at()});
        put(header, 56, std::uint64_t{capacity_});
        put(header, 64, std::uint64_t{capacity_ * DIMENSION * sizeof(float)});
        auto data = data_;
        data.resize(capacity_ * DIMENSION * sizeof(float));
        auto ids = ids_;
        ids.resize(capacity_ * CELL);
        return header + index_ + data + ids;
    }

    std::size_t data_at() const { return HEADER + capacity_ * ENTRY; }
    std::size_t ids_at() const { return data_at() + capacity_ * DIMENSION * sizeof(float); }

    template <class T>
    static void put(std::string& bytes, std::size_t at, T value) {
        std::memcpy(bytes.data() + at, &value, sizeof value);
    }

private:
    std::size_t capacity_, count_ = 0, active_ = 0;
    std::string index_, data_, ids_;
};

inline void write(const fs::path& path, const std::string& bytes) {
    fs::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << bytes;
}

inline std::string read(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}
