// What the replaced class kept beside the vectors of a database: metadata.json, the database's description, and
// vector_metadata.json, the metadata of the vectors by id. As much is taken as is whole; the rest is said in findings.
//
// The class wrote metadata.json line by line without escaping anything, and read it so: a quote, a backslash or a byte
// that is no UTF-8 stands for itself, and a value may go over several lines. Only a file that is laid out otherwise is
// taken for JSON. vector_metadata.json is JSON.
#ifndef JVDB_ADAPTER_SIDECAR_HPP
#define JVDB_ADAPTER_SIDECAR_HPP

#include "../conversion/file_v1.hpp"
#include "nesting.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace jvdb::adapter {

/// Members of metadata.json as the class wrote them.
class Lines {
public:
    /// Whether a text is laid out as the class does it: a line for the brace, and database_id in the next.
    static bool are_in(std::string_view text) {
        const auto line_end = text.find('\n');
        if (line_end == std::string_view::npos || trimmed(text.substr(0, line_end)) != "{") return false;
        return field_of(text.substr(line_end + 1), {0}).has_value();
    }

    /// `in_order`: all members come as the class writes them, so that a line within a value may look like any but the next.
    Lines(std::string_view text, bool in_order) {
        std::set<std::size_t> ahead;
        for (std::size_t number = 0; number < NAMES.size(); ++number) ahead.insert(number);
        std::optional<std::size_t> field;
        std::string value;
        for (std::size_t at = 0; at <= text.size();) {
            const auto end = std::min(text.find('\n', at), text.size());
            const auto line = text.substr(at, end - at);
            at = end + 1;
            const auto next = in_order && !ahead.empty() ? std::set{*ahead.begin()} : ahead;
            if (const auto found = field_of(line, next)) {
                if (field) add(*field, value, false);
                field = found->first;
                value = found->second;
                ahead.erase(*field);
            } else if (field) {
                value.push_back('\n');
                if (end < text.size() || !begins_next(line, ahead)) value.append(line);
            }
        }
        if (field) add(*field, value, true);
        lost_ = lost_ || (in_order && !ahead.empty());
    }

    /// Texts, but for vector_dimension, which is a number.
    const Json& members() const noexcept { return members_; }
    /// Whether the file has its end, and each member before it is whole.
    bool whole() const noexcept { return closed_ && !lost_; }

private:
    static constexpr std::array<std::string_view, 7> NAMES{
        "database_id", "name", "description", "vector_dimension", "index_type", "created_at", "updated_at"};
    static constexpr std::string_view BLANKS = " \t\r\n";

    static std::string_view trimmed(std::string_view text) {
        const auto first = text.find_first_not_of(BLANKS);
        if (first == std::string_view::npos) return {};
        return text.substr(first, text.find_last_not_of(BLANKS) - first + 1);
    }

    /// The member that a line begins, of those that are `ahead`, and what follows its colon.
    static std::optional<std::pair<std::size_t, std::string_view>> field_of(std::string_view line,
                                                                            const std::set<std::size_t>& ahead) {
        const auto skip = [&] { line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size())); };
        skip();
        if (line.empty() || line.front() != '"') return std::nullopt;
        for (const auto number : ahead) {
            const auto name = NAMES[number];
            if (line.substr(1, name.size()) != name || line.substr(name.size() + 1, 1) != "\"") continue;
            line.remove_prefix(name.size() + 2);
            skip();
            if (line.empty() || line.front() != ':') return std::nullopt;
            line.remove_prefix(1);
            skip();
            return std::pair(number, line);
        }
        return std::nullopt;
    }

    /// Whether a line, which is the last and cut short, is the beginning of one for the next member.
    static bool begins_next(std::string_view line, const std::set<std::size_t>& ahead) {
        const auto whole = ahead.empty() ? std::string() : "  \"" + std::string(NAMES[*ahead.begin()]) + "\"";
        return std::string_view(whole).substr(0, line.size()) == line;
    }

    /// A member with all that stands before the next one, or before the end of the file.
    void add(std::size_t field, std::string_view value, bool last) {
        const bool ends_its_line = !value.empty() && value.back() == '\n';
        value = trimmed(value);
        if (last && value.size() > 1 && value.back() == '}') {
            const auto before = value.substr(0, value.size() - 1);
            closed_ = before.find_last_of('\n') > before.find_last_not_of(BLANKS);
            if (closed_) value = trimmed(before);
        }
        const bool comma = !value.empty() && value.back() == ',';
        if (comma) value.remove_suffix(1);
        if (last ? closed_ || (comma && ends_its_line) : comma) {
            if (const auto member = value_of(field, value); !member.is_null()) {
                members_[std::string(NAMES[field])] = member;
                return;
            }
        }
        lost_ = true;
    }

    /// Null for what is neither a number nor between quotes.
    static Json value_of(std::size_t field, std::string_view value) {
        if (NAMES[field] == "vector_dimension") {
            if (value.empty() || value.size() > 9) return nullptr;
            if (value.find_first_not_of("0123456789") != std::string_view::npos) return nullptr;
            return std::stoi(std::string(value));
        }
        if (value.size() < 2 || value.front() != '"' || value.back() != '"') return nullptr;
        return std::string(value.substr(1, value.size() - 2));
    }

    Json members_ = Json::object();
    bool closed_ = false, lost_ = false;
};

/// The members of the object in a JSON text, as many as are whole.
struct Members {
    explicit Members(std::string_view text) {
        std::string key;
        bool too_deep = false;
        const auto take = [&](int depth, Json::parse_event_t event, Json& parsed) {
            using Event = Json::parse_event_t;
            if (event == Event::object_start || event == Event::array_start) {
                const bool shallow = static_cast<std::size_t>(depth) < MAX_VALUE_NESTING;
                too_deep = too_deep || !shallow;
                return shallow;
            }
            if (depth != 1) return true;
            if (event == Event::key) key = parsed.get<std::string>();
            if (event == Event::value || event == Event::object_end || event == Event::array_end) {
                if (std::exchange(too_deep, false)) too_deep_in.push_back(key);
                members[key] = std::move(parsed);
            }
            return true;
        };
        try {
            const auto whole = Json::parse(text.begin(), text.end(), take);
            (void)whole;
        } catch (const Json::exception& error) {
            damage = error.what();
        }
    }

    Json members = Json::object();
    /// What the parser says of the rest; empty if there is none.
    std::string damage;
    /// Those with something in them that nests too deep, which is left out.
    std::vector<std::string> too_deep_in;
};

/// The members of metadata.json, or none.
inline Json description_in(const std::optional<std::string>& text, conversion::v1::Findings& findings) {
    if (!text) {
        findings.push_back("metadata.json is missing");
        return Json::object();
    }
    const bool as_written = Lines::are_in(*text);
    if (const Lines lines(*text, true); as_written && lines.whole()) return lines.members();
    const Lines lines(*text, false);
    if (as_written && lines.whole()) return lines.members();
    Members json(*text);
    if (!as_written && json.damage.empty()) return std::move(json.members);
    const bool by_line = as_written || lines.members().size() >= json.members.size();
    auto members = by_line ? lines.members() : std::move(json.members);
    findings.push_back("metadata.json is damaged; " + std::to_string(members.size()) + " members of it are whole" +
                       (by_line ? std::string() : ": " + json.damage));
    return members;
}

/// The members of vector_metadata.json, or none.
inline Json vector_metadata_in(const std::optional<std::string>& text, conversion::v1::Findings& findings) {
    if (!text) {
        findings.push_back("vector_metadata.json is missing");
        return Json::object();
    }
    Members json(*text);
    for (const auto& id : json.too_deep_in) {
        if (auto& member = json.members[id]; member.is_object()) member.erase("_custom");
        findings.push_back("_custom of \"" + id + "\" nests deeper than " + std::to_string(MAX_VALUE_NESTING) +
                           " levels and was left out");
    }
    if (!json.damage.empty()) {
        findings.push_back("vector_metadata.json is damaged; " + std::to_string(json.members.size()) +
                           " members of it are whole: " + json.damage);
    }
    return std::move(json.members);
}

}  // namespace jvdb::adapter

#endif  // JVDB_ADAPTER_SIDECAR_HPP
