// The vectors of one open database, in the program's terms: ids as keys, and a Vector as values with metadata. It knows
// nothing of how the database was found.
#ifndef JVDB_ADAPTER_VECTORS_HPP
#define JVDB_ADAPTER_VECTORS_HPP

#include "../../jvdb.hpp"
#include "answer.hpp"
#include "numbered.hpp"
#include "key.hpp"
#include "rows.hpp"

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace jvdb::adapter {

/// What is stored and read through one handle. What fails throws.
class Vectors {
public:
    /// Both outlive this.
    Vectors(jvdb::Database& database, const Home& home) noexcept : database_(database), home_(home) {}

    /// Stores or replaces.
    void put(const jade::Vector& vector) { write(vector, jvdb_put); }

    /// Stores in place of what is there; JVDB_ERROR_KEY_NOT_FOUND otherwise.
    void replace(const jade::Vector& vector) { write(vector, jvdb_replace); }

    /// Stores all or none.
    void put_all(const std::vector<jade::Vector>& vectors) {
        const auto dimension = database_.dimension();
        Rows rows(vectors.size(), home_);
        for (const auto& vector : vectors) {
            if (vector.values.size() != dimension) wrong_dimension(vector, dimension);
            rows.add(vector);
        }
        if (!vectors.empty()) database_.put(rows.batch(dimension));
    }

    /// False if it is not there.
    bool get(const std::string& id, jade::Vector& vector) const {
        std::string buffer;
        const auto found = database_.get(key_of(id, buffer));
        if (!found) return false;
        try {
            read_vector(vector, id, found->data(), found->size(), found->metadata(), home_);
        } catch (const Refusal& refusal) {
            refuse(refusal.code, "vector " + id + " of database " + std::string(home_.id) + ": " + refusal.what());
        }
        return true;
    }

    bool contains(const std::string& id) const {
        std::string buffer;
        return database_.contains(key_of(id, buffer));
    }

    /// False if it was not there.
    bool erase(const std::string& id) {
        std::string buffer;
        return database_.erase(key_of(id, buffer));
    }

    /// Deletes all or none; ids that are not there are passed over.
    void erase_all(const std::vector<std::string>& ids) {
        std::vector<std::string> buffers(ids.size());
        std::vector<jvdb_key_t> keys;
        keys.reserve(ids.size());
        for (std::size_t i = 0; i < ids.size(); ++i) keys.push_back(Key(key_of(ids[i], buffers[i])).raw());
        if (keys.empty()) return;
        detail::done([&](auto error) {
            return jvdb_delete_batch(database_.raw(), nullptr, keys.data(), keys.size(), nullptr, error);
        });
    }

    std::size_t count() const { return database_.count(); }

    /// Sorted.
    std::vector<std::string> ids() const {
        std::vector<std::string> ids;
        database_.visit_keys([&](jvdb_key_t key) {
            if (key.bytes == nullptr) return;  // stored through another face
            std::string id(static_cast<const char*>(key.bytes), key.number);
            if (is_made_key(id.size())) {
                const auto found = database_.get(std::string_view(id));
                if (!found) return;
                id = id_in(found->metadata());
            }
            ids.push_back(std::move(id));
        });
        // A vector that is stored again meanwhile may come twice.
        std::sort(ids.begin(), ids.end());
        ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
        return ids;
    }

private:
    [[noreturn]] static void wrong_dimension(const jade::Vector& vector, std::size_t dimension) {
        refuse(Code::VECTOR_DIMENSION_MISMATCH, "vector " + vector.id + " has " +
                                                    std::to_string(vector.values.size()) +
                                                    " elements, the database " + std::to_string(dimension));
    }

    template <class Call>
    void write(const jade::Vector& vector, Call call) {
        std::string buffer;
        const Key key(key_of(vector.id, buffer));
        // Its memory serves the next one, unless that is much.
        thread_local std::string metadata;
        write_metadata(metadata, vector, home_, has_made_key(vector.id.size()));
        detail::done([&](auto error) {
            return call(database_.raw(), key.raw(), vector.values.data(), vector.values.size(), metadata.data(),
                        metadata.size(), error);
        });
        if (metadata.capacity() > MUCH) std::string().swap(metadata);
    }

    static constexpr std::size_t MUCH = 64 << 10;

    jvdb::Database& database_;
    const Home& home_;
};

}  // namespace jvdb::adapter

#endif  // JVDB_ADAPTER_VECTORS_HPP
