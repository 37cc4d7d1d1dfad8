// Flushes the persistence objects registered with it, when asked and periodically on a thread of its own.
#ifndef JVDB_VECTOR_FLUSH_MANAGER_HPP
#define JVDB_VECTOR_FLUSH_MANAGER_HPP

#include "DatabasePersistence.hpp"
#include "jvdb/log.hpp"

#include <chrono>
#include <condition_variable>
#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <thread>

namespace jadevectordb {

/// One for the whole process; every call may run on any thread. It does not keep what is registered alive: an object
/// that its owners have let go of has flushed itself and is forgotten.
class VectorFlushManager {
public:
    static VectorFlushManager& get_instance() {
        // Never destroyed, so that a shutdown callback may use it at any time; its thread ends with the program.
        static VectorFlushManager* const instance = new VectorFlushManager;
        static const StopAtExit stop{*instance};
        return *instance;
    }

    VectorFlushManager(const VectorFlushManager&) = delete;
    VectorFlushManager& operator=(const VectorFlushManager&) = delete;

    /// Registers an object under a name, in place of the one that has it.
    void register_persistence(const std::string& name, const std::shared_ptr<DatabasePersistence>& persistence) {
        if (!persistence) throw std::invalid_argument("register_persistence: \"" + name + "\" is a null pointer");
        const std::lock_guard lock(mutex_);
        registered_[name] = persistence;
    }

    void unregister_persistence(const std::string& name) {
        const std::lock_guard lock(mutex_);
        registered_.erase(name);
    }

    /// Flushes everything registered every `interval` from now on, in place of an earlier interval. Zero stops.
    void start_periodic_flush(std::chrono::milliseconds interval) {
        if (interval.count() < 0) throw std::invalid_argument("start_periodic_flush: the interval is negative");
        const std::lock_guard thread_lock(thread_mutex_);
        halt();
        if (interval.count() == 0) return;
        stopping_ = false;
        thread_ = std::thread([this, interval] { run(interval); });
    }
    void start_periodic_flush(std::int64_t seconds) { start_periodic_flush(std::chrono::seconds(seconds)); }

    /// Stops the periodic flush; one that runs is waited for.
    void stop_periodic_flush() {
        const std::lock_guard thread_lock(thread_mutex_);
        halt();
    }

    /// Flushes everything registered, the others too if one fails. Throws the first failure.
    void flush_all() {
        std::exception_ptr first;
        for (const auto& [name, persistence] : alive()) {
            try {
                persistence->flush();
            } catch (const std::exception& error) {
                jvdb::detail::log("error", "VectorFlushManager: flush of \"", name, "\" failed: ", error.what());
                if (!first) first = std::current_exception();
            }
        }
        if (first) std::rethrow_exception(first);
    }

private:
    struct StopAtExit {
        VectorFlushManager& flushes;
        ~StopAtExit() { flushes.stop_periodic_flush(); }
    };

    VectorFlushManager() = default;

    std::map<std::string, std::shared_ptr<DatabasePersistence>> alive() {
        std::map<std::string, std::shared_ptr<DatabasePersistence>> alive;
        const std::lock_guard lock(mutex_);
        for (auto entry = registered_.begin(); entry != registered_.end();) {
            if (auto persistence = entry->second.lock()) {
                alive.emplace(entry->first, std::move(persistence));
                ++entry;
            } else {
                entry = registered_.erase(entry);
            }
        }
        return alive;
    }

    /// Ends the thread. The caller holds `thread_mutex_`.
    void halt() {
        {
            const std::lock_guard lock(mutex_);
            stopping_ = true;
        }
        wake_.notify_all();
        if (thread_.joinable()) thread_.join();
    }

    void run(std::chrono::milliseconds interval) {
        std::unique_lock lock(mutex_);
        while (!wake_.wait_for(lock, interval, [this] { return stopping_; })) {
            lock.unlock();
            try {
                flush_all();
            } catch (...) {
                // Logged by flush_all; the next round tries again.
            }
            lock.lock();
        }
    }

    std::mutex mutex_;
    std::map<std::string, std::weak_ptr<DatabasePersistence>> registered_;
    bool stopping_ = false;
    std::condition_variable wake_;
    /// Held by whoever starts or ends the thread.
    std::mutex thread_mutex_;
    std::thread thread_;
};

}  // namespace jadevectordb

#ifndef JVDB_NO_USING
using jadevectordb::VectorFlushManager;
#endif

#endif  // JVDB_VECTOR_FLUSH_MANAGER_HPP
