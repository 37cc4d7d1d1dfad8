// jvdb::Finding: what a verification or a repair has to say. Included by jvdb.hpp.
#ifndef JVDB_HANDLES_FINDING_HPP
#define JVDB_HANDLES_FINDING_HPP

#include "error.hpp"
#include "key.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace jvdb {

/// Something a verification or a repair has found.
struct Finding {
    /// JVDB_FINDING_*.
    std::uint64_t kind;
    /// Byte offset in the file as it was; 0 where the kind has none.
    std::uint64_t offset;
    /// Where a gap ends; otherwise 0.
    std::uint64_t end;
    /// Records lost in a gap; -1 if that is not known. Otherwise 0.
    std::int64_t records;
    /// All of it in a line.
    std::string text;
    /// The key, or the name of an attribute.
    std::variant<std::uint64_t, std::string> key;
};

/// What a verification came to.
struct Verified {
    /// As jvdb_verify() gives them.
    jvdb_verified_t figures{};
    /// Empty if the database is sound.
    std::vector<Finding> damage;
};

/// What a repair came to.
struct Repaired {
    /// As jvdb_repair() gives them.
    jvdb_repaired_t figures{};
    /// What was damaged, and what is lost.
    std::vector<Finding> findings;
    /// Name of the file that holds the database as it was; empty if nothing was repaired.
    std::string backup;
};

namespace detail {

using Findings = Handle<jvdb_findings_t, jvdb_findings_free>;

inline std::vector<Finding> list(const Findings& findings) {
    std::vector<Finding> list;
    jvdb_finding_t raw{};
    raw.struct_size = sizeof raw;
    for (std::size_t index = 0;
         done([&](auto error) { return jvdb_findings_at(findings.get(), index, &raw, error); }); ++index) {
        const Key key(raw.key);
        list.push_back({raw.kind, raw.offset, raw.end, raw.records, raw.text, key.integer()});
        if (!key.is_integer()) list.back().key = std::string(key.bytes());
    }
    return list;
}

}  // namespace detail

}  // namespace jvdb

#endif  // JVDB_HANDLES_FINDING_HPP
