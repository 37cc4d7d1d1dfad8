// Flushes the persistence objects registered with it, when asked and periodically on a thread of its own.
#ifndef JVDB_VECTOR_FLUSH_MANAGER_HPP
#define JVDB_VECTOR_FLUSH_MANAGER_HPP

#include "DatabasePersistence.hpp"
#include "jvdb/log.hpp"
#include "jvdb/periodic.hpp"
#include "jvdb/process.hpp"

#include <chrono>
#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <stdexcept>

namespace jadevectordb {

/// One for the whole process; every call may run on any thread. It does not keep what is registered alive: an object
/// that its owners have let go of has flushed itself and is forgotten. A forked child has one of its own, where nothing is
/// registered.
class VectorFlushManager {
public:
    /// The one object of the process.
    static VectorFlushManager& get_instance() {
        // Never destroyed, so that a shutdown callback may use it at any time; its thread ends with the program.
        static Instances instances;
        static const StopAtExit stop{instances};
        return instances.get();
    }

    VectorFlushManager(const VectorFlushManager&) = delete;
    VectorFlushManager& operator=(const VectorFlushManager&) = delete;

    /// Registers an object under a name, in place of the one that has it.
    void register_persistence(const std::string& name, const std::shared_ptr<DatabasePersistence>& persistence) {
        if (!persistence) throw std::invalid_argument("register_persistence: \"" + name + "\" is a null pointer");
        const std::lock_guard lock(mutex_);
        registered_[name] = persistence;
    }

    /// Forgets the object of this name. Its name may be unknown.
    void unregister_persistence(const std::string& name) {
        const std::lock_guard lock(mutex_);
        registered_.erase(name);
    }

    /// Flushes everything registered every `interval` from now on, in place of an earlier interval.
    /// Throws std::invalid_argument for one that is not within 1 ms to 365 days.
    template <class Rep, class Period>
    void start_periodic_flush(std::chrono::duration<Rep, Period> interval) {
        periodic_.start(interval, [this] {
            try {
                flush_all();
            } catch (...) {
                // Logged by flush_all; the next round tries again.
            }
        });
    }
    /// The same, in seconds.
    void start_periodic_flush(std::int64_t seconds) { start_periodic_flush(std::chrono::seconds(seconds)); }

    /// Stops the periodic flush; one that runs is waited for.
    void stop_periodic_flush() { periodic_.stop(); }

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
    using Instances = jvdb::detail::PerProcess<VectorFlushManager>;
    friend Instances;

    struct StopAtExit {
        Instances& instances;
        ~StopAtExit() { instances.get().stop_periodic_flush(); }
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

    std::mutex mutex_;
    std::map<std::string, std::weak_ptr<DatabasePersistence>> registered_;
    jvdb::detail::Periodic periodic_;
};

}  // namespace jadevectordb

#ifndef JVDB_NO_USING
using jadevectordb::VectorFlushManager;
#endif

#endif  // JVDB_VECTOR_FLUSH_MANAGER_HPP
