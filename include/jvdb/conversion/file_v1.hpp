// Reads vector files of format version 1, as the replaced class left them: whole, cut short or damaged. Nothing is
// written, and nothing is believed: each offset is checked before it is followed, and what cannot be read is reported.
#ifndef JVDB_CONVERSION_FILE_V1_HPP
#define JVDB_CONVERSION_FILE_V1_HPP

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace jvdb::conversion::v1 {

#ifdef __BYTE_ORDER__
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "files are read as they lie in memory");
#endif

inline constexpr std::uint32_t MAGIC = 0x4A564442;
/// Bytes of an id string, its NUL included.
inline constexpr std::size_t ID_CELL = 64;

/// What was not converted, or not as it was: one sentence each.
using Findings = std::vector<std::string>;

/// A vector's place in the file.
struct Entry {
    std::string id;
    std::uint64_t id_hash;
    std::uint64_t values_at;
    std::uint64_t timestamp;
};

/// A file of version 1, open.
class File {
public:
    /// Whether a file begins as one of version 1 does.
    static bool is_one(const std::filesystem::path& path) {
        std::uint32_t head[2]{};
        std::ifstream file(path, std::ios::binary);
        file.read(reinterpret_cast<char*>(head), sizeof head);
        return file && head[0] == MAGIC && head[1] == 1;
    }

    /// Nothing, and why in `findings`, if the header cannot be right.
    static std::optional<File> open(const std::filesystem::path& path, Findings& findings) {
        File file(path);
        file.stream_.seekg(0, std::ios::end);
        file.length_ = static_cast<std::uint64_t>(std::max<std::streamoff>(file.stream_.tellg(), 0));
        char head[128]{};
        if (!file.read(0, head, sizeof head)) {
            findings.push_back("the file is shorter than its header");
            return std::nullopt;
        }
        file.dimension_ = at<std::uint32_t>(head, 8);
        file.active_ = at<std::uint64_t>(head, 24);
        file.index_at_ = at<std::uint64_t>(head, 32);
        file.capacity_ = at<std::uint64_t>(head, 56);
        if (file.dimension_ < 1 || file.dimension_ > 65536) {
            findings.push_back("the header has dimension " + std::to_string(file.dimension_));
            return std::nullopt;
        }
        if (file.index_at_ < sizeof head || file.index_at_ > file.length_) {
            findings.push_back("the header has the index at " + std::to_string(file.index_at_) +
                               ", outside the file");
            return std::nullopt;
        }
        return file;
    }

    std::uint32_t dimension() const noexcept { return dimension_; }

    /// Every vector that is there, the newest of each id, in the order of the file.
    std::vector<Entry> entries(Findings& findings) {
        const auto whole = std::min(capacity_, (length_ - index_at_) / ENTRY);
        if (whole < capacity_) {
            findings.push_back("the index ends after " + std::to_string(whole) + " of " + std::to_string(capacity_) +
                                " entries");
        }
        std::vector<Entry> entries;
        std::uint64_t active = 0;
        for (std::uint64_t number = 0; number < whole; ++number) {
            char raw[ENTRY];
            if (!read(index_at_ + number * ENTRY, raw, sizeof raw)) {
                findings.push_back("entry " + std::to_string(number) + " cannot be read");
                continue;
            }
            if (at<std::uint64_t>(raw, 0) == 0 || (at<std::uint32_t>(raw, 28) & ACTIVE) == 0 ||
                (at<std::uint32_t>(raw, 28) & DELETED) != 0) {
                continue;
            }
            ++active;
            if (auto entry = entry_of(number, raw, findings)) entries.push_back(std::move(*entry));
        }
        if (active != active_ && whole == capacity_) {
            findings.push_back("the header counts " + std::to_string(active_) + " vectors, the index " +
                                std::to_string(active));
        }
        return entries;
    }

    bool values(const Entry& entry, float* values) {
        return read(entry.values_at, reinterpret_cast<char*>(values), dimension_ * sizeof(float));
    }

private:
    static constexpr std::size_t ENTRY = 64;
    static constexpr std::uint32_t ACTIVE = 1, DELETED = 2;

    explicit File(const std::filesystem::path& path) : stream_(path, std::ios::binary) {}

    template <class T>
    static T at(const char* bytes, std::size_t offset) {
        T value;
        std::memcpy(&value, bytes + offset, sizeof value);
        return value;
    }

    /// False for a range outside the file, too.
    bool read(std::uint64_t offset, char* into, std::uint64_t length) {
        if (offset > length_ || length > length_ - offset) return false;
        stream_.clear();
        stream_.seekg(static_cast<std::streamoff>(offset));
        stream_.read(into, static_cast<std::streamsize>(length));
        return static_cast<bool>(stream_);
    }

    std::optional<Entry> entry_of(std::uint64_t number, const char* raw, Findings& findings) {
        const auto lost = [&](const std::string& why) {
            findings.push_back("entry " + std::to_string(number) + " is lost: " + why);
            return std::nullopt;
        };
        Entry entry{{}, at<std::uint64_t>(raw, 0), at<std::uint64_t>(raw, 8), at<std::uint64_t>(raw, 32)};
        const auto id_at = at<std::uint64_t>(raw, 16);
        char cell[ID_CELL];
        if (!read(id_at, cell, sizeof cell)) return lost("its id lies outside the file");
        entry.id.assign(cell, std::find(cell, cell + sizeof cell, '\0'));
        if (entry.id.empty()) return lost("its id is empty");
        if (at<std::uint32_t>(raw, 24) != dimension_ * sizeof(float)) {
            return lost("\"" + entry.id + "\" has another size");
        }
        if (entry.values_at < 128 || entry.values_at > length_ ||
            dimension_ * sizeof(float) > length_ - entry.values_at) {
            return lost("the values of \"" + entry.id + "\" lie outside the file");
        }
        return entry;
    }

    std::ifstream stream_;
    std::uint64_t length_ = 0;
    std::uint32_t dimension_ = 0;
    std::uint64_t active_ = 0, index_at_ = 0, capacity_ = 0;
};

/// Gives entries the ids that were cut at 63 bytes, as far as `known` (the ids with metadata) tells them, and leaves
/// the newest of each id.
inline void settle_ids(std::vector<Entry>& entries, const std::vector<std::string>& known,
                       Findings& findings) {
    std::map<std::string, std::vector<std::string>> by_cut;
    for (const auto& id : known) {
        if (id.size() >= ID_CELL - 1) by_cut[id.substr(0, ID_CELL - 1)].push_back(id);
    }
    for (auto& entry : entries) {
        if (entry.id.size() < ID_CELL - 1) continue;
        const auto found = by_cut.find(entry.id);
        if (found == by_cut.end()) {
            findings.push_back("id \"" + entry.id + "\" may have been longer: it is what 63 characters leave of it");
            continue;
        }
        const auto& candidates = found->second;
        const auto by_hash = std::find_if(candidates.begin(), candidates.end(), [&](const std::string& id) {
            return std::hash<std::string>{}(id) == entry.id_hash;
        });
        if (by_hash != candidates.end()) {
            entry.id = *by_hash;
        } else if (candidates.size() == 1) {
            entry.id = candidates.front();
        } else {
            findings.push_back("id \"" + entry.id + "\" is the beginning of " + std::to_string(candidates.size()) +
                                " ids, and nothing tells which");
        }
    }
    std::map<std::string, std::size_t> newest;
    std::vector<bool> stays(entries.size(), true);
    for (std::size_t i = 0; i < entries.size(); ++i) {
        const auto [before, first] = newest.try_emplace(entries[i].id, i);
        if (first) continue;
        const bool newer = entries[i].timestamp >= entries[before->second].timestamp;
        stays[newer ? before->second : i] = false;
        if (newer) before->second = i;
        findings.push_back("id \"" + entries[i].id + "\" is there twice; the newer vector is converted");
    }
    std::vector<Entry> settled;
    for (std::size_t i = 0; i < entries.size(); ++i) {
        if (stays[i]) settled.push_back(std::move(entries[i]));
    }
    entries = std::move(settled);
}

}  // namespace jvdb::conversion::v1

#endif  // JVDB_CONVERSION_FILE_V1_HPP
