// Runs shutdown callbacks on SIGTERM and SIGINT. The signal handler itself writes one byte into a pipe and does nothing
// else; the callbacks run on a thread of their own, where they may lock, allocate, log and flush.
#ifndef JVDB_SIGNAL_HANDLER_HPP
#define JVDB_SIGNAL_HANDLER_HPP

#include "jvdb/log.hpp"
#include "jvdb/process.hpp"

#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fcntl.h>
#include <functional>
#include <iterator>
#include <mutex>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

namespace jadevectordb {

/// On the first SIGTERM or SIGINT the callbacks run once, in the order they were registered; later ones do nothing.
///
/// How the program ends is its own choice. A main() that calls wait(), or polls shutdown_requested(), is expected to
/// return by itself. Any other program is given a second after the last callback and then ended with exit code 0; its
/// destructors do not run, and nothing is lost by that: what was stored survives the end of the process.
///
/// All of it holds for one process. A forked child has no callbacks, and a signal does to it what it did before
/// initialize(), which a child may call for itself.
class SignalHandler {
public:
    /// Installs the handlers. Once in a process; calling it again does nothing.
    /// Throws std::system_error if the operating system refuses.
    static void initialize() {
        State& state = this_process();
        const std::lock_guard lock(state.mutex);
        if (state.installed) return;
        install(state);
        state.installed = true;
    }

    /// Adds a callback behind those that are registered.
    static void register_shutdown_callback(std::function<void()> callback) {
        State& state = this_process();
        const std::lock_guard lock(state.mutex);
        state.callbacks.push_back(std::move(callback));
    }

    /// Whether a signal came. The callbacks may be running still.
    static bool shutdown_requested() {
        State& state = this_process();
        state.main_ends_itself = true;
        return state.requested;
    }

    /// Blocks until a signal came and all callbacks have run.
    /// Throws std::logic_error where that cannot be: this process has not called initialize().
    static void wait() {
        State& state = this_process();
        state.main_ends_itself = true;
        std::unique_lock lock(state.mutex);
        if (!state.installed) throw std::logic_error("SignalHandler: wait() without initialize() in this process");
        state.changed.wait(lock, [&] { return state.done; });
    }

private:
    static constexpr std::chrono::seconds GRACE{1};
    static constexpr int SIGNALS[] = {SIGTERM, SIGINT};

    /// Never destroyed: signals come at any time.
    struct State {
        std::mutex mutex;
        std::condition_variable changed;
        std::vector<std::function<void()>> callbacks;
        bool installed = false;
        bool done = false;
        std::atomic<bool> requested{false};
        std::atomic<bool> main_ends_itself{false};
        int read_end = -1;
    };

    static State& this_process() {
        static jvdb::detail::PerProcess<State> states;
        return states.get();
    }

    // What the signal context uses.
    static inline std::atomic<int> write_end{-1};
    /// The process that has `write_end`.
    static inline std::atomic<pid_t> owner{0};
    /// What was in force before, for each of SIGNALS.
    static inline struct sigaction before[2] {};
    static_assert(std::atomic<int>::is_always_lock_free && std::atomic<pid_t>::is_always_lock_free,
                  "a signal handler may use nothing else");

    /// All that runs in the signal context.
    static void on_signal(int signal) {
        const int saved = errno;
        if (owner.load() == ::getpid()) {
            const char byte = 0;
            (void)!::write(write_end.load(), &byte, 1);
        } else {
            // A child, which has the handler from its parent: the pipe is the parent's. The signal comes again when
            // this returns.
            for (std::size_t i = 0; i < std::size(SIGNALS); ++i) {
                if (SIGNALS[i] == signal) ::sigaction(signal, &before[i], nullptr);
            }
            ::raise(signal);
        }
        errno = saved;
    }

    static void install(State& state) {
        int ends[2];
        if (::pipe(ends) != 0) throw std::system_error(errno, std::generic_category(), "SignalHandler: pipe");
        for (const int end : ends) ::fcntl(end, F_SETFD, FD_CLOEXEC);
        // A full pipe has woken the thread already: the handler never waits.
        ::fcntl(ends[1], F_SETFL, O_NONBLOCK);
        state.read_end = ends[0];
        write_end = ends[1];
        owner = ::getpid();
        std::thread(run, std::ref(state)).detach();
        struct sigaction action {};
        action.sa_handler = on_signal;
        action.sa_flags = SA_RESTART;
        sigemptyset(&action.sa_mask);
        for (std::size_t i = 0; i < std::size(SIGNALS); ++i) {
            struct sigaction found {};
            if (::sigaction(SIGNALS[i], nullptr, &found) == 0 && found.sa_handler != on_signal) before[i] = found;
            if (::sigaction(SIGNALS[i], &action, nullptr) != 0) {
                throw std::system_error(errno, std::generic_category(), "SignalHandler: sigaction");
            }
        }
    }

    static void run(State& state) {
        char byte;
        while (::read(state.read_end, &byte, 1) < 0 && errno == EINTR) {
        }
        state.requested = true;
        jvdb::detail::log("info", "SignalHandler: shutdown requested");
        run_callbacks(state);
        {
            const std::lock_guard lock(state.mutex);
            state.done = true;
        }
        state.changed.notify_all();
        if (!state.main_ends_itself) {
            std::this_thread::sleep_for(GRACE);
            std::fflush(nullptr);
            std::_Exit(EXIT_SUCCESS);
        }
    }

    static void run_callbacks(State& state) {
        std::unique_lock lock(state.mutex);
        for (std::size_t next = 0; next < state.callbacks.size(); ++next) {
            const auto callback = state.callbacks[next];
            lock.unlock();
            try {
                callback();
            } catch (const std::exception& error) {
                jvdb::detail::log("error", "SignalHandler: a shutdown callback failed: ", error.what());
            } catch (...) {
                jvdb::detail::log("error", "SignalHandler: a shutdown callback failed");
            }
            lock.lock();
        }
    }
};

}  // namespace jadevectordb

#ifndef JVDB_NO_USING
using jadevectordb::SignalHandler;
#endif

#endif  // JVDB_SIGNAL_HANDLER_HPP
