// Reads vector files of format version 1, as the replaced class left them: whole, cut short or damaged. Nothing is
// written, and nothing is believed: each offset is checked before it is followed, and what cannot be read is reported.
#ifndef JVDB_CONVERSION_FILE_V1_HPP
#define JVDB_CONVERSION_FILE_V1_HPP

#include "input_file.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <functional>
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
    /// Whether a file begins as one of version 1 does. Throws for what is there and cannot be read.
    static bool is_one(const std::filesystem::path& path) {
        auto file = InputFile::open(path);
        std::uint32_t head[2]{};
        return file && file->read(0, reinterpret_cast<char*>(head), sizeof head) && head[0] == MAGIC && head[1] == 1;
    }

    /// Nothing, and why in `findings`, if the header cannot be right.
    static std::optional<File> open(const std::filesystem::path& path, Findings& findings) {
        auto input = InputFile::open(path);
        if (!input) throw std::runtime_error(path.string() + " is missing");
        File file(std::move(*input));
        char head[HEADER]{};
        if (!file.input_.read(0, head, sizeof head)) {
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
        if (file.index_at_ < sizeof head || file.index_at_ > file.input_.length()) {
            findings.push_back("the header has the index at " + std::to_string(file.index_at_) +
                               ", outside the file");
            return std::nullopt;
        }
        return file;
    }

    std::uint32_t dimension() const noexcept { return dimension_; }

    /// Every vector that is there, in the order of the index. Throws std::runtime_error if there are some and not one of
    /// them is whole.
    std::vector<Entry> entries(Findings& findings) {
        auto slots = active_slots(findings);
        // Ids lie in the order in which they were stored, slots in that of their hashes: one way through the file.
        std::sort(slots.begin(), slots.end(), [](const Slot& a, const Slot& b) { return a.id_at < b.id_at; });
        std::vector<Found> found;
        for (const auto& slot : slots) found.push_back({slot.number, entry_of(slot)});
        std::sort(found.begin(), found.end(), [](const Found& a, const Found& b) { return a.number < b.number; });
        std::vector<Entry> entries;
        for (auto& [number, outcome] : found) {
            if (outcome.lost.empty()) {
                entries.push_back(std::move(outcome.entry));
            } else {
                findings.push_back("entry " + std::to_string(number) + " is lost: " + outcome.lost);
            }
        }
        if (entries.empty() && !slots.empty()) throw std::runtime_error(nothing_is_whole(slots));
        return entries;
    }

    /// False if they lie outside the file.
    bool values(const Entry& entry, float* values) {
        return input_.read(entry.values_at, reinterpret_cast<char*>(values), dimension_ * sizeof(float));
    }

private:
    static constexpr std::size_t HEADER = 128, ENTRY = 64;
    static constexpr std::uint32_t ACTIVE = 1, DELETED = 2;

    /// A place of the index, as it is written.
    struct Slot {
        std::uint64_t number, id_hash, values_at, id_at, timestamp;
        std::uint32_t size;
    };

    /// What comes of a slot: an entry, or why there is none.
    struct Outcome {
        Entry entry;
        std::string lost;
    };

    struct Found {
        std::uint64_t number;
        Outcome outcome;
    };

    explicit File(InputFile input) : input_(std::move(input)) {}

    template <class T>
    static T at(const char* bytes, std::size_t offset) {
        T value;
        std::memcpy(&value, bytes + offset, sizeof value);
        return value;
    }

    std::vector<Slot> active_slots(Findings& findings) {
        const auto whole = std::min(capacity_, (input_.length() - index_at_) / ENTRY);
        if (whole < capacity_) {
            findings.push_back("the index ends after " + std::to_string(whole) + " of " + std::to_string(capacity_) +
                               " entries");
        }
        std::vector<Slot> slots;
        for (std::uint64_t number = 0; number < whole; ++number) {
            char raw[ENTRY];
            if (!input_.read(index_at_ + number * ENTRY, raw, sizeof raw)) {
                findings.push_back("entry " + std::to_string(number) + " cannot be read");
                continue;
            }
            const auto hash = at<std::uint64_t>(raw, 0);
            const auto flags = at<std::uint32_t>(raw, 28);
            if (hash == 0 || (flags & ACTIVE) == 0 || (flags & DELETED) != 0) continue;
            slots.push_back({number, hash, at<std::uint64_t>(raw, 8), at<std::uint64_t>(raw, 16),
                             at<std::uint64_t>(raw, 32), at<std::uint32_t>(raw, 24)});
        }
        if (slots.size() != active_ && whole == capacity_) {
            findings.push_back("the header counts " + std::to_string(active_) + " vectors, the index " +
                               std::to_string(slots.size()));
        }
        return slots;
    }

    Outcome entry_of(const Slot& slot) {
        Outcome outcome{{{}, slot.id_hash, slot.values_at, slot.timestamp}, {}};
        auto& [entry, lost] = outcome;
        char cell[ID_CELL];
        if (!input_.read(slot.id_at, cell, sizeof cell)) {
            lost = "its id lies outside the file";
            return outcome;
        }
        entry.id.assign(cell, std::find(cell, cell + sizeof cell, '\0'));
        const auto length = input_.length();
        if (entry.id.empty() && slot.id_hash != std::hash<std::string>{}(std::string())) {
            lost = "its id is empty";
        } else if (slot.size != dimension_ * sizeof(float)) {
            lost = "\"" + entry.id + "\" has another size";
        } else if (entry.values_at < HEADER || entry.values_at > length ||
                   dimension_ * sizeof(float) > length - entry.values_at) {
            lost = "the values of \"" + entry.id + "\" lie outside the file";
        }
        return outcome;
    }

    /// What to say where there are vectors and not one can be taken.
    std::string nothing_is_whole(const std::vector<Slot>& slots) const {
        const auto size = slots.front().size;
        const bool one_size =
            std::all_of(slots.begin(), slots.end(), [&](const Slot& slot) { return slot.size == size; });
        if (one_size && size != dimension_ * sizeof(float)) {
            return "the header has dimension " + std::to_string(dimension_) + ", and each of the " +
                   std::to_string(slots.size()) + " vectors has " + std::to_string(size) +
                   " bytes, which is dimension " + std::to_string(size / sizeof(float)) +
                   "; nothing was converted: correct the header, 4 bytes at offset 8";
        }
        return "not one of the " + std::to_string(slots.size()) +
               " vectors that the index tells of is whole; nothing was converted";
    }

    InputFile input_;
    std::uint32_t dimension_ = 0;
    std::uint64_t active_ = 0, index_at_ = 0, capacity_ = 0;
};

/// Gives entries the ids that were cut at 63 bytes, as far as `known` (the ids with metadata) tells them, and leaves
/// the newest of each id, in the order of their values in the file.
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
    std::stable_sort(settled.begin(), settled.end(),
                     [](const Entry& a, const Entry& b) { return a.values_at < b.values_at; });
    entries = std::move(settled);
}

}  // namespace jvdb::conversion::v1

#endif  // JVDB_CONVERSION_FILE_V1_HPP
