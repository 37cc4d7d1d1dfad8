// jvdb::Cursor: vectors one after another. Included by jvdb.hpp.
#ifndef JVDB_HANDLES_CURSOR_HPP
#define JVDB_HANDLES_CURSOR_HPP

#include "error.hpp"
#include "key.hpp"
#include "vector.hpp"

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <utility>

namespace jvdb {

/// A vector that a cursor has come to, with its key, whose bytes live until the cursor goes on.
struct Entry {
    /// Good until the cursor goes on.
    Key key = 0;
    /// Keeps its bytes for as long as it lives.
    Vector vector;
};

/// Goes over all vectors, in the order in which they were last stored: `for (auto& entry : database.scan()) ...`. Once, and
/// by one thread. It pins the database. What is moved out of an entry outlives it.
class Cursor {
public:
    class iterator {
    public:
        using iterator_category = std::input_iterator_tag;
        using value_type = Entry;
        using difference_type = std::ptrdiff_t;
        using pointer = Entry*;
        using reference = Entry&;

        iterator() noexcept = default;
        explicit iterator(Cursor* cursor) : cursor_(cursor) { ++*this; }
        Entry& operator*() const noexcept { return cursor_->entry_; }
        Entry* operator->() const noexcept { return &cursor_->entry_; }
        iterator& operator++() {
            if (!cursor_->next()) cursor_ = nullptr;
            return *this;
        }
        void operator++(int) { ++*this; }
        friend bool operator==(const iterator& a, const iterator& b) noexcept { return a.cursor_ == b.cursor_; }
        friend bool operator!=(const iterator& a, const iterator& b) noexcept { return !(a == b); }

    private:
        Cursor* cursor_ = nullptr;
    };

    /// Takes a cursor of jvdb.h.
    explicit Cursor(jvdb_cursor_t* cursor) noexcept : cursor_(cursor) {}
    /// Goes on from where it is; once.
    iterator begin() { return iterator(this); }
    /// Behind the last.
    iterator end() noexcept { return {}; }

    /// Goes to the next vector; false after the last.
    bool next() {
        jvdb_key_t key;
        Vector vector;
        const bool found = detail::done(
            [&](auto error) { return jvdb_cursor_next_vector(cursor_.get(), &key, &vector.raw_, error); });
        entry_ = Entry{Key(key), std::move(vector)};
        return found;
    }
    /// What next() has found.
    Entry& entry() noexcept { return entry_; }

    /// Behind the vector given last: where another cursor may begin.
    std::uint64_t position() const {
        std::uint64_t position = 0;
        detail::done([&](auto error) { return jvdb_cursor_position(cursor_.get(), &position, error); });
        return position;
    }

private:
    detail::Handle<jvdb_cursor_t, jvdb_cursor_close> cursor_;
    Entry entry_;
};

}  // namespace jvdb

#endif  // JVDB_HANDLES_CURSOR_HPP
