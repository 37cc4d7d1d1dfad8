// Which process an object belongs to. A forked child has a copy of everything of its parent but its threads: in the copy a
// thread cannot be waited for, and a lock that another thread held is held for ever.
#ifndef JVDB_PROCESS_HPP
#define JVDB_PROCESS_HPP

#include <atomic>
#include <memory>
#include <sys/types.h>
#include <unistd.h>

namespace jvdb::detail {

/// The process in which this was made.
class Origin {
public:
    Origin() noexcept : process_(::getpid()) {}
    /// False in its forked children.
    bool is_here() const noexcept { return process_ == ::getpid(); }

private:
    pid_t process_;
};

/// One object of its type for each process, made when it is first asked for and never destroyed. A forked child gets one
/// of its own, and its parent's is not touched there.
template <class T>
class PerProcess {
public:
    T& get() {
        for (Entry* seen = newest_.load();;) {
            if (seen != nullptr && seen->origin.is_here()) return seen->value;
            auto made = std::make_unique<Entry>(seen);
            if (newest_.compare_exchange_strong(seen, made.get())) return made.release()->value;
        }
    }

private:
    struct Entry {
        explicit Entry(const Entry* entry) : parents(entry) {}
        Origin origin;
        T value;
        /// Keeps it within reach of those who look for memory that was lost.
        const Entry* parents;
    };

    std::atomic<Entry*> newest_{nullptr};
};

}  // namespace jvdb::detail

#endif  // JVDB_PROCESS_HPP
