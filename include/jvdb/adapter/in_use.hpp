// What each thread is using: it says so before it looks at what another thread may take away, and whoever takes something
// away asks before it is freed. Neither waits for the other. It knows nothing of what is used.
#ifndef JVDB_ADAPTER_IN_USE_HPP
#define JVDB_ADAPTER_IN_USE_HPP

#include <atomic>

namespace jvdb::adapter {

/// Where one thread says what it uses, alone on its line of the cache. It is never freed: a thread that begins takes that of
/// one that has ended.
struct alignas(64) Place {
    std::atomic<const void*> used{nullptr};
    std::atomic<bool> taken{true};
    Place* next = nullptr;
};

/// All there are.
inline std::atomic<Place*> places{nullptr};

/// One that no other thread has.
inline Place* take_place() {
    for (auto* place = places.load(std::memory_order_acquire); place != nullptr; place = place->next) {
        bool taken = false;
        if (place->taken.compare_exchange_strong(taken, true, std::memory_order_acquire)) return place;
    }
    auto* place = new Place;
    place->next = places.load(std::memory_order_relaxed);
    while (!places.compare_exchange_weak(place->next, place, std::memory_order_release, std::memory_order_relaxed)) {
    }
    return place;
}

/// That of this thread; null before it has one and when the thread is at its end.
inline thread_local constinit Place* own_place = nullptr;

/// That of this thread, or null: what is at its end gets no other.
inline Place* place_of_thread() {
    struct Taken {
        Taken() { own_place = take_place(); }
        ~Taken() {
            own_place->taken.store(false, std::memory_order_release);
            own_place = nullptr;
        }
    };
    if (own_place == nullptr) {
        thread_local const Taken taken;
    }
    return own_place;
}

/// Whether a thread uses this. Nobody can begin to, once it is where nobody finds it.
inline bool is_in_use(const void* object) noexcept {
    for (auto* place = places.load(std::memory_order_seq_cst); place != nullptr; place = place->next) {
        if (place->used.load(std::memory_order_seq_cst) == object) return true;
    }
    return false;
}

}  // namespace jvdb::adapter

#endif  // JVDB_ADAPTER_IN_USE_HPP
