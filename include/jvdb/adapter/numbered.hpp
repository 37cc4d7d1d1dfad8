// The bytes that the engine keeps with a Vector, its metadata: none for a Vector with nothing but defaults beside its id and
// values, otherwise a numbered record. include/README.md says byte by byte what it is.
//
// Members have numbers that never change. What has its default is left out; a number that the program's version has no
// member for is passed over. JSON and CBOR records of earlier versions are read too: a numbered one begins with the byte 1.
#ifndef JVDB_ADAPTER_NUMBERED_HPP
#define JVDB_ADAPTER_NUMBERED_HPP

#include "items.hpp"
#include "record.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace jvdb::adapter {

inline constexpr char NUMBERED = 1;

/// Whole numbers; neither booleans nor letters are any.
template <class T>
inline constexpr bool is_whole = std::is_integral_v<T> && !std::is_same_v<T, bool> && !std::is_same_v<T, char>;

/// Of the members that are not like the others.
inline constexpr std::uint8_t ID_NUMBER = 0, DATABASE_NUMBER = 1, VERSION_NUMBER = 21;

/// What a whole number is if nobody sets it.
constexpr int default_of(std::uint8_t number) noexcept { return number == VERSION_NUMBER ? 1 : 0; }

/// The database in which a Vector is, as far as its databaseId goes.
struct Home {
    std::string_view id;
    /// Whether a Vector that was stored without a databaseId is given this one when it is read.
    bool is_given = false;
};

/// Appends the members of a Vector that have not their defaults.
class CompactWriter {
public:
    CompactWriter(std::string& bytes, const Home& home) : bytes_(bytes), items_(bytes), home_(home) {
        bytes_.assign({NUMBERED, static_cast<char>(0xb8), 0});
    }

    template <class T>
    void operator()(std::uint8_t number, const char* name, const T& value) {
        if constexpr (std::is_same_v<T, std::string>) {
            if (!value.empty()) text(number, value);
        } else if constexpr (std::is_same_v<T, std::vector<std::string>>) {
            if (value.empty()) return;
            begin(number);
            items_.head(Major::array, value.size());
            for (const auto& each : value) items_.text(each);
        } else if constexpr (std::is_same_v<T, bool>) {
            if (value) begin(number), items_.simple(Simple::yes);
        } else if constexpr (std::is_same_v<T, float>) {
            if (std::bit_cast<std::uint32_t>(value) != 0) begin(number), items_.real(value);
        } else if constexpr (is_whole<T>) {
            if (std::cmp_equal(value, default_of(number))) return;
            begin(number);
            items_.number(static_cast<std::conditional_t<std::is_signed_v<T>, std::int64_t, std::uint64_t>>(value));
        } else if constexpr (std::is_same_v<T, std::map<std::string, Json>>) {
            if (value.empty()) return;
            check_nesting(name, value);
            begin(number);
            items_.head(Major::map, value.size());
            for (const auto& [its_name, its_value] : value) items_.text(its_name), items_.json(its_value);
        } else {
            const Json json(value);
            if (!json.empty()) begin(number), items_.json(json);
        }
    }

    template <class T, class Visit>
    void nested(const char*, const T& value, Visit&& visit) {
        visit(*this, value);
    }

    /// Leaves no bytes where there is no member.
    void end() {
        if (count_ == 0) return bytes_.clear();
        bytes_[2] = static_cast<char>(count_);
    }

private:
    void begin(std::uint8_t number) {
        items_.number(std::uint64_t{number});
        ++count_;
    }

    void text(std::uint8_t number, const std::string& value) {
        const bool at_home = number == DATABASE_NUMBER && value == home_.id;
        if (at_home && home_.is_given) return;
        begin(number);
        if (at_home) return items_.simple(Simple::null);
        items_.text(value);
    }

    std::string& bytes_;
    ItemWriter items_;
    const Home& home_;
    std::uint8_t count_ = 0;
};

/// Sets every member of a Vector: to what the record has, or to its default.
class CompactReader {
public:
    CompactReader(std::string_view record, const Home& home) : items_(record, record.empty() ? 0 : 1), home_(home) {
        if (!record.empty()) left_ = items_.map();
        step();
    }

    template <class T>
    void operator()(std::uint8_t number, const char*, T& value) {
        while (next_ < number) pass();
        const bool there = next_ == number;
        if constexpr (std::is_same_v<T, std::string>) {
            there ? text(number, value) : value.clear();
        } else if constexpr (std::is_same_v<T, bool>) {
            value = there && boolean();
        } else if constexpr (std::is_same_v<T, float>) {
            value = there ? real() : 0.0f;
        } else if constexpr (is_whole<T>) {
            value = there ? whole<T>() : static_cast<T>(default_of(number));
        } else {
            if constexpr (requires { value.clear(); }) value.clear();
            if (there) structured(value);
        }
        if (there) step();
    }

    template <class T, class Visit>
    void nested(const char*, T& value, Visit&& visit) {
        visit(*this, value);
    }

    /// Everything has been visited.
    void end() {
        while (next_ != NONE) pass();
        if (!items_.is_at_end()) items_.wrong("something behind its end");
    }

private:
    static constexpr std::uint64_t NONE = ~std::uint64_t{0};

    /// Goes on to the next number, which is above the one before.
    void step() {
        if (left_ == 0) {
            next_ = NONE;
            return;
        }
        --left_;
        const auto number = items_.argument(Major::unsigned_number, "no number of a member");
        if (number == NONE || (next_ != NONE && number <= next_)) items_.wrong("a member that is out of order");
        next_ = number;
    }

    void pass() {
        items_.json();
        step();
    }

    void text(std::uint8_t number, std::string& value) {
        const auto head = items_.head();
        if (number == DATABASE_NUMBER && ItemReader::is(head, Simple::null)) {
            value = home_.id;
        } else {
            value = items_.text(head);
        }
    }

    bool boolean() {
        const auto head = items_.head();
        if (!ItemReader::is(head, Simple::yes) && !ItemReader::is(head, Simple::no)) items_.wrong("no boolean");
        return ItemReader::is(head, Simple::yes);
    }

    float real() {
        const auto head = items_.head();
        if (!ItemReader::is(head, Simple::float32)) items_.wrong("no number of 32 bits");
        return ItemReader::float32(head);
    }

    template <class T>
    T whole() {
        const auto head = items_.head();
        if (head.major == Major::unsigned_number && std::in_range<T>(head.argument)) return static_cast<T>(head.argument);
        if (head.major == Major::negative_number) {
            const auto value = items_.negative(head.argument);
            if (std::in_range<T>(value)) return static_cast<T>(value);
        }
        items_.wrong("no whole number that its member can be");
    }

    template <class T>
    void structured(T& value) {
        if constexpr (std::is_same_v<T, std::vector<std::string>>) {
            for (auto left = items_.array(); left > 0; --left) value.emplace_back(items_.text());
        } else if constexpr (std::is_same_v<T, std::map<std::string, Json>>) {
            for (auto left = items_.map(); left > 0; --left) items_.member(value, items_.text());
        } else {
            items_.json().get_to(value);
        }
    }

    ItemReader items_;
    const Home& home_;
    std::uint64_t left_ = 0, next_ = NONE;
};

/// Writes the metadata that the engine keeps with a vector in place of what `bytes` held. The id is in them only where the
/// key does not tell it.
inline void write_metadata(std::string& bytes, const jade::Vector& vector, const Home& home, bool with_id) {
    CompactWriter writer(bytes, home);
    if (with_id) writer(ID_NUMBER, "id", vector.id);
    visit_vector(writer, vector);
    writer.end();
}

/// Whether metadata are none, or a numbered record, and not of an earlier version.
inline bool is_numbered(std::string_view metadata) noexcept { return metadata.empty() || metadata.front() == NUMBERED; }

/// The id that is in a vector's metadata; empty if it is its own key.
inline std::string id_in(std::string_view metadata) {
    if (!is_numbered(metadata)) return json_of(metadata).value("id", "");
    std::string id;
    CompactReader(metadata, Home{})(ID_NUMBER, "id", id);
    return id;
}

/// Sets all of a vector.
inline void read_vector(jade::Vector& vector, const std::string& id, const float* values, std::size_t dimension,
                        std::string_view metadata, const Home& home) {
    if (is_numbered(metadata)) {
        CompactReader reader(metadata, home);
        visit_vector(reader, vector);
        reader.end();
    } else {
        visit_vector(Reader(json_of(metadata)), vector);
    }
    if constexpr (requires { vector.databaseId; }) {
        if (home.is_given && vector.databaseId.empty()) vector.databaseId = home.id;
    }
    vector.id = id;
    vector.values.assign(values, values + dimension);
}

}  // namespace jvdb::adapter

#endif  // JVDB_ADAPTER_NUMBERED_HPP
