// How deep JSON may nest. What reads, copies or writes JSON calls itself once a level, so a value of 100,000 levels would
// end the program; one of more than MAX_NESTING is refused before anything follows it down.
#ifndef JVDB_ADAPTER_NESTING_HPP
#define JVDB_ADAPTER_NESTING_HPP

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string_view>

namespace jvdb::adapter {

using Json = nlohmann::json;

/// Objects and arrays within each other, the outermost included.
inline constexpr std::size_t MAX_NESTING = 1000;
/// The same for a value of the program, around which a record has levels of its own.
inline constexpr std::size_t MAX_VALUE_NESTING = MAX_NESTING - 10;

/// Whether a value nests deeper than that. It goes down no further than that itself.
inline bool nests_too_deep(const Json& json, std::size_t levels = MAX_NESTING) {
    if (!json.is_structured()) return false;
    if (levels == 0) return true;
    for (const auto& value : json) {
        if (nests_too_deep(value, levels - 1)) return true;
    }
    return false;
}

/// Counts the levels of a text or of CBOR while it is parsed, and stops the parser below the last one.
class NestingCounter final : public nlohmann::json_sax<Json> {
public:
    bool too_deep() const noexcept { return too_deep_; }

    bool null() override { return true; }
    bool boolean(bool) override { return true; }
    bool number_integer(number_integer_t) override { return true; }
    bool number_unsigned(number_unsigned_t) override { return true; }
    bool number_float(number_float_t, const string_t&) override { return true; }
    bool string(string_t&) override { return true; }
    bool binary(binary_t&) override { return true; }
    bool key(string_t&) override { return true; }
    bool start_object(std::size_t) override { return enter(); }
    bool start_array(std::size_t) override { return enter(); }
    bool end_object() override { return leave(); }
    bool end_array() override { return leave(); }
    /// Whoever parses next says what is wrong.
    bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) override { return false; }

private:
    bool enter() {
        too_deep_ = ++level_ > MAX_NESTING;
        return !too_deep_;
    }
    bool leave() {
        --level_;
        return true;
    }

    std::size_t level_ = 0;
    bool too_deep_ = false;
};

/// The same for bytes that have not been parsed.
inline bool nests_too_deep(std::string_view bytes, Json::input_format_t format) {
    // A level takes a byte at least: most records are too short to nest too deep, and are not looked at.
    if (bytes.size() <= MAX_NESTING) return false;
    NestingCounter counter;
    Json::sax_parse(bytes.begin(), bytes.end(), &counter, format, format == Json::input_format_t::json);
    return counter.too_deep();
}

}  // namespace jvdb::adapter

#endif  // JVDB_ADAPTER_NESTING_HPP
