// A thread that does something again and again, until it is stopped.
#ifndef JVDB_PERIODIC_HPP
#define JVDB_PERIODIC_HPP

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <utility>

namespace jvdb::detail {

/// Every call may run on any thread but its own.
class Periodic {
public:
    Periodic() = default;
    Periodic(const Periodic&) = delete;
    Periodic& operator=(const Periodic&) = delete;
    ~Periodic() { stop(); }

    /// Does `work`, which throws nothing, every `interval` from now on, in place of what was started before. Zero stops.
    void start(std::chrono::milliseconds interval, std::function<void()> work) {
        if (interval.count() < 0) throw std::invalid_argument("start_periodic_flush: the interval is negative");
        const std::lock_guard thread_lock(thread_mutex_);
        halt();
        if (interval.count() == 0) return;
        stopping_ = false;
        thread_ = std::thread([this, interval, work = std::move(work)] {
            std::unique_lock lock(mutex_);
            while (!wake_.wait_for(lock, interval, [this] { return stopping_; })) {
                lock.unlock();
                work();
                lock.lock();
            }
        });
    }

    /// Waits for what runs.
    void stop() {
        const std::lock_guard thread_lock(thread_mutex_);
        halt();
    }

private:
    /// Ends the thread. The caller holds `thread_mutex_`.
    void halt() {
        {
            const std::lock_guard lock(mutex_);
            stopping_ = true;
        }
        wake_.notify_all();
        if (thread_.joinable()) thread_.join();
    }

    std::mutex mutex_;
    bool stopping_ = false;
    std::condition_variable wake_;
    /// Held by whoever starts or ends the thread.
    std::mutex thread_mutex_;
    std::thread thread_;
};

}  // namespace jvdb::detail

#endif  // JVDB_PERIODIC_HPP
