// Vectors of the adapter as a batch of jvdb.h.
#ifndef JVDB_ADAPTER_ROWS_HPP
#define JVDB_ADAPTER_ROWS_HPP

#include "../../jvdb.hpp"
#include "numbered.hpp"
#include "key.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace jvdb::adapter {

/// Values stay where they are, so what is added outlives this.
class Rows {
public:
    Rows(std::size_t count, const Home& home) : home_(home), buffers_(count), texts_(count) {
        keys_.reserve(count), values_.reserve(count), metadata_.reserve(count), lengths_.reserve(count);
    }

    void add(const jade::Vector& vector) {
        const auto row = keys_.size();
        const auto key = key_of(vector.id, buffers_[row]);
        write_metadata(texts_[row], vector, home_, has_made_key(vector.id.size()));
        keys_.push_back(jvdb_key_bytes(key.data(), key.size()));
        values_.push_back(vector.values.data());
        metadata_.push_back(texts_[row].data());
        lengths_.push_back(texts_[row].size());
    }

    jvdb_batch_t batch(std::size_t dimension) const noexcept {
        jvdb_batch_t batch{};
        batch.count = keys_.size();
        batch.dimension = dimension;
        batch.keys = keys_.data();
        batch.rows = values_.data();
        batch.metadata = metadata_.data();
        batch.metadata_lengths = lengths_.data();
        return batch;
    }

private:
    Home home_;
    std::vector<std::string> buffers_, texts_;
    std::vector<jvdb_key_t> keys_;
    std::vector<const float*> values_;
    std::vector<const void*> metadata_;
    std::vector<std::size_t> lengths_;
};

}  // namespace jvdb::adapter

#endif  // JVDB_ADAPTER_ROWS_HPP
