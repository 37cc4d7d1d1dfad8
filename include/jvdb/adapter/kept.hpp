// Handles of databases that the adapter keeps open, so that a call finds its own without a lock, an allocation or a copy of
// its id. It opens none, and a handle that it keeps may be one of a database that was dropped: the engine says so.
//
// Finding: a thread reads a slot, says that it uses what is there (in_use.hpp), and reads the slot again. What it says comes
// before the second reading in the one order of all that is sequentially consistent; so whoever empties the slot either does
// so before, and is noticed, or sees what was said, and frees nothing.
#ifndef JVDB_ADAPTER_KEPT_HPP
#define JVDB_ADAPTER_KEPT_HPP

#include "../../jvdb.hpp"
#include "in_use.hpp"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace jvdb::adapter {

/// Every call may run on any thread; none may run while this is destroyed.
class Kept {
    struct Open {
        std::string id;
        jvdb::Database database;
    };

public:
    /// `most` handles at once, 1 at least.
    explicit Kept(std::size_t most) : slots_(most) {}
    ~Kept() {
        for (auto& slot : slots_) delete slot.load(std::memory_order_relaxed);
    }
    Kept(const Kept&) = delete;
    Kept& operator=(const Kept&) = delete;

    /// A handle that a call uses; it lives as long as this, whatever becomes of the database. One thread has it.
    class Use {
    public:
        Use() noexcept = default;
        Use(Use&& other) noexcept
            : kept_(other.kept_), place_(std::exchange(other.place_, nullptr)), found_(std::exchange(other.found_, nullptr)),
              own_(std::move(other.own_)) {}
        Use& operator=(Use&&) = delete;
        ~Use() {
            if (place_ == nullptr) return;
            place_->used.store(nullptr, std::memory_order_release);
            if (kept_->has_retired_.load(std::memory_order_relaxed)) kept_->free_unused();
        }

        explicit operator bool() const noexcept { return found_ != nullptr; }
        jvdb::Database& database() const noexcept { return found_->database; }

    private:
        friend class Kept;
        Use(Kept* kept, Place* place, Open* found) noexcept : kept_(kept), place_(place), found_(found) {}
        explicit Use(std::unique_ptr<Open> own) noexcept : found_(own.get()), own_(std::move(own)) {}

        Kept* kept_ = nullptr;
        Place* place_ = nullptr;
        Open* found_ = nullptr;
        std::unique_ptr<Open> own_;
    };

    /// The handle of this id, if it is kept.
    Use find(const std::string& id) {
        auto* const place = free_place();
        if (place == nullptr) return {};
        auto& slot = slot_of(id);
        auto* found = slot.load(std::memory_order_relaxed);
        while (found != nullptr) {
            place->used.store(found, std::memory_order_seq_cst);
            auto* const again = slot.load(std::memory_order_seq_cst);
            if (again == found) {
                if (found->id == id) return Use(this, place, found);
                break;
            }
            found = again;
        }
        place->used.store(nullptr, std::memory_order_release);
        return {};
    }

    /// Takes a handle for use, and keeps it for others if `is_kept`; that of another id may make room.
    Use add(const std::string& id, jvdb::Database database, bool is_kept) {
        auto open = std::make_unique<Open>(Open{id, std::move(database)});
        auto* const place = free_place();
        const std::unique_lock lock(mutex_, std::try_to_lock);
        if (place == nullptr || !is_kept || !lock) return Use(std::move(open));
        retired_.reserve(retired_.size() + 1);
        auto* const added = open.release();
        place->used.store(added, std::memory_order_seq_cst);
        retire(slot_of(id).exchange(added, std::memory_order_seq_cst));
        return Use(this, place, added);
    }

    /// Gives the handle of this id back, when the calls that use it have ended; does not wait for them.
    void forget(const std::string& id) {
        const std::lock_guard lock(mutex_);
        forget_locked(id);
    }

    /// The same, and waits for them. The caller uses none, and sees to it that none is added meanwhile.
    void forget_and_wait(const std::string& id) {
        const auto is_of_id = [&](const auto& open) { return open->id == id; };
        std::unique_lock lock(mutex_);
        for (forget_locked(id); std::any_of(retired_.begin(), retired_.end(), is_of_id); retire(nullptr)) {
            lock.unlock();
            std::this_thread::yield();
            lock.lock();
        }
    }

    /// Gives all handles back.
    void forget_all() {
        const std::lock_guard lock(mutex_);
        retired_.reserve(retired_.size() + slots_.size());
        for (auto& slot : slots_) retire(slot.exchange(nullptr, std::memory_order_seq_cst));
    }

private:
    using Slot = std::atomic<Open*>;

    /// That of this thread, unless it is in a call on another handle.
    static Place* free_place() {
        auto* const place = place_of_thread();
        return place == nullptr || place->used.load(std::memory_order_relaxed) != nullptr ? nullptr : place;
    }

    Slot& slot_of(const std::string& id) { return slots_[std::hash<std::string>{}(id) % slots_.size()]; }

    void forget_locked(const std::string& id) {
        retired_.reserve(retired_.size() + 1);
        auto& slot = slot_of(id);
        // Slots change under the lock alone, so what is there stays there, and lives.
        auto* const there = slot.load(std::memory_order_relaxed);
        if (there == nullptr || there->id != id) return;
        slot.store(nullptr, std::memory_order_seq_cst);
        retire(there);
    }

    /// Frees what is in no slot any more and that nobody uses. The caller has the lock, and made room for one.
    void retire(Open* open) noexcept {
        if (open != nullptr) retired_.emplace_back(open);
        std::erase_if(retired_, [](const auto& retired) { return !is_in_use(retired.get()); });
        has_retired_.store(!retired_.empty(), std::memory_order_relaxed);
    }

    /// A call has ended that may have been the last one to use what was retired. If the lock is taken, another one sees to it.
    void free_unused() noexcept {
        const std::unique_lock lock(mutex_, std::try_to_lock);
        if (lock) retire(nullptr);
    }

    std::vector<Slot> slots_;
    /// Held while a slot changes.
    std::mutex mutex_;
    /// In no slot any more, and perhaps in use.
    std::vector<std::unique_ptr<Open>> retired_;
    std::atomic<bool> has_retired_{false};
};

}  // namespace jvdb::adapter

#endif  // JVDB_ADAPTER_KEPT_HPP
