// A thread that does something again and again, until it is stopped.
#ifndef JVDB_PERIODIC_HPP
#define JVDB_PERIODIC_HPP

#include "process.hpp"

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <new>
#include <sstream>
#include <stdexcept>
#include <thread>
#include <utility>

namespace jvdb::detail {

/// Every call may run on any thread but its own. In a forked child, which does not have the thread, nothing is started, and
/// stopping and destroying do nothing.
class Periodic {
public:
    Periodic() { new (&loop_) Loop; }
    Periodic(const Periodic&) = delete;
    Periodic& operator=(const Periodic&) = delete;
    ~Periodic() {
        if (!is_here()) return;
        loop_.stop();
        loop_.~Loop();
    }

    /// Whether this process has made it.
    bool is_here() const noexcept { return origin_.is_here(); }

    /// Does `work`, which throws nothing, every `interval` from now on, in place of what was started before.
    /// Throws std::invalid_argument for an interval that is not within 1 ms to 365 days.
    template <class Rep, class Period>
    void start(std::chrono::duration<Rep, Period> interval, std::function<void()> work) {
        const auto checked = within_range(interval);
        if (!is_here()) throw std::runtime_error("start_periodic_flush: a forked child cannot use its parent's object");
        loop_.start(checked, std::move(work));
    }

    /// Waits for what runs.
    void stop() {
        if (is_here()) loop_.stop();
    }

private:
    template <class Rep, class Period>
    static std::chrono::milliseconds within_range(std::chrono::duration<Rep, Period> interval) {
        // No duration is too long for this number, and NaN is in no range.
        const double seconds = std::chrono::duration<double>(interval).count();
        if (seconds >= 0.001 && seconds <= 365 * 86400.0) {
            return std::chrono::duration_cast<std::chrono::milliseconds>(interval);
        }
        std::ostringstream what;
        what << "start_periodic_flush: an interval of " << seconds
             << " s is not within 1 ms to 365 days; stop_periodic_flush() ends the flushes";
        throw std::invalid_argument(what.str());
    }

    struct Loop {
        std::mutex mutex;
        bool stopping = false;
        std::condition_variable wake;
        /// Held by whoever starts or ends the thread.
        std::mutex thread_mutex;
        std::thread thread;

        void start(std::chrono::milliseconds interval, std::function<void()> work) {
            const std::lock_guard thread_lock(thread_mutex);
            halt();
            stopping = false;
            thread = std::thread([this, interval, work = std::move(work)] {
                std::unique_lock lock(mutex);
                while (!wake.wait_for(lock, interval, [this] { return stopping; })) {
                    lock.unlock();
                    work();
                    lock.lock();
                }
            });
        }

        void stop() {
            const std::lock_guard thread_lock(thread_mutex);
            halt();
        }

        /// Ends the thread. The caller holds `thread_mutex`.
        void halt() {
            {
                const std::lock_guard lock(mutex);
                stopping = true;
            }
            wake.notify_all();
            if (thread.joinable()) thread.join();
        }
    };

    Origin origin_;
    /// In a union, so that a child can leave it as it is: to destroy it would wait for the thread.
    union {
        Loop loop_;
    };
};

}  // namespace jvdb::detail

#endif  // JVDB_PERIODIC_HPP
