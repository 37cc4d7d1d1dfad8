// Items of CBOR (RFC 8949; lengths are definite, numbers big-endian) as bytes, and back. Reading checks every length against
// the bytes that are there, and what is not as it should be is DATA_LOSS. It knows nothing of what the items are for.
#ifndef JVDB_ADAPTER_ITEMS_HPP
#define JVDB_ADAPTER_ITEMS_HPP

#include "nesting.hpp"
#include "refusal.hpp"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>

namespace jvdb::adapter {

/// The upper three bits of an item's first byte.
enum class Major : std::uint8_t { unsigned_number, negative_number, bytes, text, array, map, tag, simple };

/// The lower five bits of what is simple.
enum class Simple : std::uint8_t { no = 20, yes = 21, null = 22, undefined = 23, float32 = 26, float64 = 27 };

/// Appends items to a text.
class ItemWriter {
public:
    explicit ItemWriter(std::string& bytes) noexcept : bytes_(bytes) {}

    /// What an item begins with: its kind, and a number, a length or a count.
    void head(Major major, std::uint64_t argument) {
        const auto kind = static_cast<unsigned>(major) << 5;
        if (argument < 24) return byte(kind | static_cast<unsigned>(argument));
        if (argument <= 0xff) return byte(kind | 24), big_endian(argument, 1);
        if (argument <= 0xffff) return byte(kind | 25), big_endian(argument, 2);
        if (argument <= 0xffffffff) return byte(kind | 26), big_endian(argument, 4);
        byte(kind | 27), big_endian(argument, 8);
    }

    void text(std::string_view text) {
        head(Major::text, text.size());
        bytes_.append(text);
    }

    void number(std::uint64_t value) { head(Major::unsigned_number, value); }
    void number(std::int64_t value) {
        if (value >= 0) return number(static_cast<std::uint64_t>(value));
        head(Major::negative_number, ~static_cast<std::uint64_t>(value));
    }

    /// Bit for bit.
    void real(float value) { simple(Simple::float32), big_endian(std::bit_cast<std::uint32_t>(value), 4); }
    void real(double value) { simple(Simple::float64), big_endian(std::bit_cast<std::uint64_t>(value), 8); }

    void simple(Simple value) { byte(static_cast<unsigned>(Major::simple) << 5 | static_cast<unsigned>(value)); }

    /// The caller has seen that it does not nest too deep.
    void json(const Json& value) {
        switch (value.type()) {
            case Json::value_t::null: return simple(Simple::null);
            case Json::value_t::boolean: return simple(value.get<bool>() ? Simple::yes : Simple::no);
            case Json::value_t::number_integer: return number(value.get<std::int64_t>());
            case Json::value_t::number_unsigned: return number(value.get<std::uint64_t>());
            case Json::value_t::number_float: return real(value.get<double>());
            case Json::value_t::string: return text(value.get_ref<const std::string&>());
            case Json::value_t::array:
                head(Major::array, value.size());
                for (const auto& element : value) json(element);
                return;
            case Json::value_t::object:
                head(Major::map, value.size());
                for (const auto& [name, member] : value.get_ref<const Json::object_t&>()) text(name), json(member);
                return;
            case Json::value_t::binary: return binary(value.get_binary());
            case Json::value_t::discarded: break;
        }
        simple(Simple::undefined);
    }

private:
    void binary(const Json::binary_t& value) {
        if (value.has_subtype()) head(Major::tag, value.subtype());
        head(Major::bytes, value.size());
        bytes_.append(value.begin(), value.end());
    }

    void byte(unsigned value) { bytes_.push_back(static_cast<char>(value)); }
    void big_endian(std::uint64_t value, int width) {
        for (int shift = 8 * (width - 1); shift >= 0; shift -= 8) byte(static_cast<unsigned>(value >> shift & 0xff));
    }

    std::string& bytes_;
};

/// Takes items off the front of bytes.
class ItemReader {
public:
    /// What an item begins with. `info` is the lower five bits of its first byte.
    struct Head {
        Major major;
        std::uint8_t info;
        std::uint64_t argument;
    };

    /// Items begin at `at`, which is not behind the end.
    explicit ItemReader(std::string_view bytes, std::size_t at = 0) noexcept : bytes_(bytes), at_(at) {}

    bool is_at_end() const noexcept { return at_ == bytes_.size(); }

    Head head() {
        const auto first = static_cast<std::uint8_t>(take(1)[0]);
        const auto info = static_cast<std::uint8_t>(first & 31);
        std::uint64_t argument = info;
        if (info >= 24) {
            if (info > 27) wrong("no length that is known beforehand");
            argument = 0;
            for (const auto byte : take(std::size_t{1} << (info - 24))) {
                argument = argument << 8 | static_cast<std::uint8_t>(byte);
            }
        }
        return {static_cast<Major>(first >> 5), info, argument};
    }

    /// Of a kind that has to be there.
    std::uint64_t argument(Major major, const char* what) {
        const auto found = head();
        if (found.major != major) wrong(what);
        return found.argument;
    }

    /// Borrows it.
    std::string_view text() { return text(head()); }
    /// The same with its head already read.
    std::string_view text(const Head& head) {
        if (head.major != Major::text) wrong("no text");
        return take(head.argument);
    }
    /// How many items follow.
    std::uint64_t array() { return count(argument(Major::array, "no array"), 1); }
    /// How many names and values follow.
    std::uint64_t map() { return count(argument(Major::map, "no map"), 2); }

    /// `levels` is how deep it may nest.
    Json json(std::size_t levels = MAX_NESTING) {
        const auto found = head();
        switch (found.major) {
            case Major::unsigned_number: return found.argument;
            case Major::negative_number: return negative(found.argument);
            case Major::bytes: return Json::binary(binary(found.argument));
            case Major::text: return std::string(take(found.argument));
            case Major::array: {
                Json::array_t list;
                auto left = count(found.argument, 1);
                // Every array within claims as much: no more is made room for than is soon there.
                list.reserve(std::min<std::uint64_t>(left, 64));
                for (; left > 0; --left) list.push_back(json(within(levels)));
                return list;
            }
            case Major::map: {
                Json::object_t object;
                for (auto left = count(found.argument, 2); left > 0; --left) member(object, text(), within(levels));
                return object;
            }
            case Major::tag:
                return Json::binary(binary(argument(Major::bytes, "a tag of no bytes")), found.argument);
            case Major::simple: break;
        }
        return simple(found);
    }

    /// Reads a member of an object; its name must be a new one.
    template <class Object>
    void member(Object& object, std::string_view name, std::size_t levels = MAX_NESTING) {
        const auto before = object.size();
        object.emplace_hint(object.end(), name, json(levels));
        if (object.size() == before) wrong("a name that is there twice");
    }

    std::int64_t negative(std::uint64_t argument) const {
        if (argument > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) wrong("a number below -2^63");
        return -1 - static_cast<std::int64_t>(argument);
    }

    static float float32(const Head& head) { return std::bit_cast<float>(static_cast<std::uint32_t>(head.argument)); }
    static double float64(const Head& head) { return std::bit_cast<double>(head.argument); }
    static bool is(const Head& head, Simple value) noexcept {
        return head.major == Major::simple && head.info == static_cast<std::uint8_t>(value);
    }

    [[noreturn]] void wrong(const char* what) const {
        refuse(Code::DATA_LOSS, "a record is not what it should be: " + std::string(what) + " before byte " +
                                    std::to_string(at_) + " of " + std::to_string(bytes_.size()));
    }

private:
    std::string_view take(std::uint64_t length) {
        if (length > bytes_.size() - at_) wrong("it is cut, or a length is wrong");
        const auto taken = bytes_.substr(at_, static_cast<std::size_t>(length));
        at_ += taken.size();
        return taken;
    }

    /// Each takes that many bytes at least.
    std::uint64_t count(std::uint64_t claimed, std::size_t each) const {
        if (claimed > (bytes_.size() - at_) / each) wrong("it is cut, or a count is wrong");
        return claimed;
    }

    std::size_t within(std::size_t levels) const {
        if (levels <= 1) wrong("it nests too deep");
        return levels - 1;
    }

    Json::binary_t::container_type binary(std::uint64_t length) {
        const auto taken = take(length);
        return {taken.begin(), taken.end()};
    }

    Json simple(const Head& head) const {
        if (is(head, Simple::no)) return false;
        if (is(head, Simple::yes)) return true;
        if (is(head, Simple::null)) return nullptr;
        if (is(head, Simple::undefined)) return Json(Json::value_t::discarded);
        if (is(head, Simple::float32)) return float32(head);
        if (is(head, Simple::float64)) return float64(head);
        wrong("a value of a kind that no record has");
    }

    std::string_view bytes_;
    std::size_t at_;
};

}  // namespace jvdb::adapter

#endif  // JVDB_ADAPTER_ITEMS_HPP
