// Database and Index of jadevectordb as bytes, and back: nothing of them is lost, whatever is in them. And what a Vector has
// beside its id and values, member by member; numbered.hpp makes its bytes.
//
// The bytes are JSON text, so that every tool of jvdb can show them, and CBOR where text cannot hold a value (a string
// that is no UTF-8, a float that is no number, binary values). Which it is, the first byte tells: JSON begins with '{'.
// The types are those of the program that includes this: members that its version does not have are passed over.
#ifndef JVDB_ADAPTER_RECORD_HPP
#define JVDB_ADAPTER_RECORD_HPP

#include "nesting.hpp"
#include "refusal.hpp"
#include "services/database_layer.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace jvdb::adapter {

namespace jade = jadevectordb;

/// Attribute of the engine that holds the Database, and the one that holds its indexes.
inline constexpr const char* DATABASE_RECORD = "database";
inline constexpr const char* INDEX_RECORDS = "indexes";

/// Whether JSON text gives this back as it is; strings are looked at when the text is made.
inline bool has_text(const Json& json) {
    if (json.is_number_float()) return std::isfinite(json.template get_ref<const double&>());
    if (json.is_binary() || json.is_discarded()) return false;
    if (json.is_structured()) {
        for (const auto& value : json) {
            if (!has_text(value)) return false;
        }
    }
    return true;
}

inline std::string bytes_of(const Json& json) {
    if (has_text(json)) {
        try {
            return json.dump();
        } catch (const Json::type_error&) {
            // A string is no UTF-8.
        }
    }
    std::string bytes;
    Json::to_cbor(json, bytes);
    return bytes;
}

/// Throws Json::exception for bytes that are neither, and a Refusal for those that nest too deep.
inline Json json_of(std::string_view bytes) {
    if (bytes.empty()) return Json::object();
    const bool text = bytes.front() == '{';
    if (nests_too_deep(bytes, text ? Json::input_format_t::json : Json::input_format_t::cbor)) {
        refuse(Code::DATA_LOSS, "a record nests deeper than " + std::to_string(MAX_NESTING) + " levels");
    }
    return text ? Json::parse(bytes) : Json::from_cbor(bytes);
}

/// Refuses what nests too deep, before anything copies it.
inline void check_nesting(const char* name, const std::map<std::string, Json>& values) {
    for (const auto& [key, value] : values) {
        if (!nests_too_deep(value, MAX_VALUE_NESTING)) continue;
        refuse(Code::INVALID_ARGUMENT, std::string(name) + " \"" + key + "\" nests deeper than " +
                                           std::to_string(MAX_VALUE_NESTING) + " levels");
    }
}

/// Writes the members of a struct into JSON. What is empty is left out.
class Writer {
public:
    explicit Writer(Json& json) : json_(json) {}

    template <class T>
    void operator()(const char* name, const T& value) const {
        if constexpr (std::is_same_v<T, std::map<std::string, Json>>) check_nesting(name, value);
        if constexpr (std::is_same_v<T, float>) {
            json_[name] = number(value);
        } else if constexpr (requires { value.empty(); }) {
            if (!value.empty()) json_[name] = value;
        } else {
            json_[name] = value;
        }
    }

    /// A struct within: `visit(writer, struct)`.
    template <class T, class Visit>
    void nested(const char* name, const T& value, Visit&& visit) const {
        Json inside = Json::object();
        visit(Writer(inside), value);
        if (!inside.empty()) json_[name] = std::move(inside);
    }

    template <class T, class Visit>
    void nested(const char* name, const std::unique_ptr<T>& value, Visit&& visit) const {
        if (!value) return;
        json_[name] = Json::object();
        visit(Writer(json_[name]), *value);
    }

    template <class T, class Visit>
    void each(const char* name, const std::vector<T>& values, Visit&& visit) const {
        if (values.empty()) return;
        auto& list = json_[name] = Json::array();
        for (const auto& value : values) visit(Writer(list.emplace_back(Json::object())), value);
    }

private:
    /// Its value where it has one, and its bits otherwise: a float that nobody set may be anything.
    static Json number(float value) {
        if (std::isfinite(value)) return value;
        return Json{{"bits", std::bit_cast<std::uint32_t>(value)}};
    }

    Json& json_;
};

/// Reads the members of a struct from JSON. What is not there is empty; what is of another type throws Json::exception.
class Reader {
public:
    explicit Reader(const Json& json) : json_(json) {}

    template <class T>
    void operator()(const char* name, T& value) const {
        const auto found = json_.find(name);
        if constexpr (std::is_same_v<T, float>) {
            value = found == json_.end() ? 0.0f : number(*found);
        } else if (found != json_.end()) {
            found->get_to(value);
        } else if constexpr (requires { value.clear(); }) {
            value.clear();
        }
    }

    /// Members of a Vector have numbers, which are of no use here.
    template <class T>
    void operator()(std::uint8_t, const char* name, T& value) const {
        (*this)(name, value);
    }

    template <class T, class Visit>
    void nested(const char* name, T& value, Visit&& visit) const {
        static const Json nothing = Json::object();
        const auto found = json_.find(name);
        visit(Reader(found == json_.end() ? nothing : *found), value);
    }

    template <class T, class Visit>
    void nested(const char* name, std::unique_ptr<T>& value, Visit&& visit) const {
        const auto found = json_.find(name);
        value.reset();
        if (found == json_.end()) return;
        value = std::make_unique<T>();
        visit(Reader(*found), *value);
    }

    template <class T, class Visit>
    void each(const char* name, std::vector<T>& values, Visit&& visit) const {
        values.clear();
        const auto found = json_.find(name);
        if (found == json_.end()) return;
        for (const auto& json : *found) visit(Reader(json), values.emplace_back());
    }

private:
    static float number(const Json& json) {
        if (!json.is_object()) return json.get<float>();
        return std::bit_cast<float>(json.at("bits").get<std::uint32_t>());
    }

    const Json& json_;
};

/// Visits a member if this version of the struct has it.
#define JVDB_MEMBER(visitor, object, member)                          \
    do {                                                              \
        if constexpr (requires { (object).member; }) {                \
            visitor(#member, (object).member);                        \
        }                                                             \
    } while (false)

/// The same with the number that it has in a numbered record.
#define JVDB_NUMBERED(visitor, number, object, member)                \
    do {                                                              \
        if constexpr (requires { (object).member; }) {                \
            visitor(std::uint8_t{number}, #member, (object).member);  \
        }                                                             \
    } while (false)

/// What both directions do with a Vector, but for its id and values, which the engine keeps. Numbers stand in ascending
/// order, and are never given to another member.
template <class Visitor, class Vector>
void visit_vector(Visitor&& visitor, Vector& vector) {
    JVDB_NUMBERED(visitor, 1, vector, databaseId);
    visitor.nested("metadata", vector.metadata, [](auto&& visit, auto& metadata) {
        JVDB_NUMBERED(visit, 2, metadata, source);
        JVDB_NUMBERED(visit, 3, metadata, created_at);
        JVDB_NUMBERED(visit, 4, metadata, updated_at);
        JVDB_NUMBERED(visit, 5, metadata, tags);
        JVDB_NUMBERED(visit, 6, metadata, owner);
        JVDB_NUMBERED(visit, 7, metadata, permissions);
        JVDB_NUMBERED(visit, 8, metadata, category);
        JVDB_NUMBERED(visit, 9, metadata, score);
        JVDB_NUMBERED(visit, 10, metadata, status);
        JVDB_NUMBERED(visit, 11, metadata, custom);
    });
    visitor.nested("index", vector.index, [](auto&& visit, auto& index) {
        JVDB_NUMBERED(visit, 12, index, type);
        JVDB_NUMBERED(visit, 13, index, version);
        JVDB_NUMBERED(visit, 14, index, parameters);
    });
    visitor.nested("embedding_model", vector.embedding_model, [](auto&& visit, auto& model) {
        JVDB_NUMBERED(visit, 15, model, name);
        JVDB_NUMBERED(visit, 16, model, version);
        JVDB_NUMBERED(visit, 17, model, provider);
        JVDB_NUMBERED(visit, 18, model, input_type);
    });
    JVDB_NUMBERED(visitor, 19, vector, shard);
    JVDB_NUMBERED(visitor, 20, vector, replicas);
    JVDB_NUMBERED(visitor, 21, vector, version);
    JVDB_NUMBERED(visitor, 22, vector, deleted);
}

#undef JVDB_NUMBERED

/// What both directions do with a Database.
template <class Visitor, class Database>
void visit_database(const Visitor& visitor, Database& database) {
    JVDB_MEMBER(visitor, database, databaseId);
    JVDB_MEMBER(visitor, database, name);
    JVDB_MEMBER(visitor, database, description);
    JVDB_MEMBER(visitor, database, owner);
    JVDB_MEMBER(visitor, database, vectorDimension);
    JVDB_MEMBER(visitor, database, indexType);
    JVDB_MEMBER(visitor, database, indexParameters);
    visitor.nested("sharding", database.sharding, [](const auto& visit, auto& sharding) {
        JVDB_MEMBER(visit, sharding, strategy);
        JVDB_MEMBER(visit, sharding, numShards);
    });
    visitor.nested("replication", database.replication, [](const auto& visit, auto& replication) {
        JVDB_MEMBER(visit, replication, factor);
        JVDB_MEMBER(visit, replication, sync);
    });
    visitor.each("embeddingModels", database.embeddingModels, [](const auto& visit, auto& model) {
        JVDB_MEMBER(visit, model, name);
        JVDB_MEMBER(visit, model, version);
        JVDB_MEMBER(visit, model, provider);
        JVDB_MEMBER(visit, model, inputType);
        JVDB_MEMBER(visit, model, outputDimension);
        JVDB_MEMBER(visit, model, parameters);
        JVDB_MEMBER(visit, model, status);
    });
    JVDB_MEMBER(visitor, database, metadataSchema);
    visitor.nested("retentionPolicy", database.retentionPolicy, [](const auto& visit, auto& policy) {
        JVDB_MEMBER(visit, policy, maxAgeDays);
        JVDB_MEMBER(visit, policy, archiveOnExpire);
    });
    visitor.nested("accessControl", database.accessControl, [](const auto& visit, auto& access) {
        JVDB_MEMBER(visit, access, roles);
        JVDB_MEMBER(visit, access, defaultPermissions);
    });
    JVDB_MEMBER(visitor, database, created_at);
    JVDB_MEMBER(visitor, database, updated_at);
}

/// What both directions do with an Index.
template <class Visitor, class Index>
void visit_index(const Visitor& visitor, Index& index) {
    JVDB_MEMBER(visitor, index, indexId);
    JVDB_MEMBER(visitor, index, databaseId);
    JVDB_MEMBER(visitor, index, type);
    JVDB_MEMBER(visitor, index, parameters);
    JVDB_MEMBER(visitor, index, status);
    JVDB_MEMBER(visitor, index, created_at);
    JVDB_MEMBER(visitor, index, updated_at);
    visitor.nested("stats", index.stats, [](const auto& visit, auto& stats) {
        JVDB_MEMBER(visit, stats, vectorCount);
        JVDB_MEMBER(visit, stats, sizeBytes);
        JVDB_MEMBER(visit, stats, buildTimeMs);
    });
}

#undef JVDB_MEMBER

inline Json record_of(const jade::Database& database) {
    Json json = Json::object();
    visit_database(Writer(json), database);
    return json;
}

inline jade::Database database_of(const Json& json) {
    jade::Database database;
    visit_database(Reader(json), database);
    return database;
}

inline Json record_of(const jade::Index& index) {
    Json json = Json::object();
    visit_index(Writer(json), index);
    return json;
}

inline jade::Index index_of(const Json& json) {
    jade::Index index;
    visit_index(Reader(json), index);
    return index;
}

}  // namespace jvdb::adapter

#endif  // JVDB_ADAPTER_RECORD_HPP
