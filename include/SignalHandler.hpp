// Runs shutdown callbacks on SIGTERM and SIGINT. The signal handler itself writes one byte into a pipe and does nothing
// else; the callbacks run on a thread of their own, where they may lock, allocate, log and flush.
#ifndef JVDB_SIGNAL_HANDLER_HPP
#define JVDB_SIGNAL_HANDLER_HPP

#include "jvdb/log.hpp"

#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fcntl.h>
#include <functional>
#include <mutex>
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
class SignalHandler {
public:
    /// Installs the handlers. Once for the whole process; calling it again does nothing.
    /// Throws std::system_error if the operating system refuses.
    static void initialize() {
        static const bool installed = (install(), true);
        (void)installed;
    }

    /// Adds a callback behind those that are registered.
    static void register_shutdown_callback(std::function<void()> callback) {
        State& state = State::get();
        const std::lock_guard lock(state.mutex);
        state.callbacks.push_back(std::move(callback));
    }

    /// Whether a signal came. The callbacks may be running still.
    static bool shutdown_requested() {
        State& state = State::get();
        state.main_ends_itself = true;
        return state.requested;
    }

    /// Blocks until a signal came and all callbacks have run.
    static void wait() {
        State& state = State::get();
        state.main_ends_itself = true;
        std::unique_lock lock(state.mutex);
        state.changed.wait(lock, [&] { return state.done; });
    }

private:
    static constexpr std::chrono::seconds GRACE{1};

    /// Never destroyed: signals come at any time.
    struct State {
        std::mutex mutex;
        std::condition_variable changed;
        std::vector<std::function<void()>> callbacks;
        bool done = false;
        std::atomic<bool> requested{false};
        std::atomic<bool> main_ends_itself{false};
        int read_end = -1;

        static State& get() {
            static State* const state = new State;
            return *state;
        }
    };

    static inline std::atomic<int> write_end{-1};
    static_assert(std::atomic<int>::is_always_lock_free, "a signal handler may use nothing else");

    /// All that runs in the signal context.
    static void on_signal(int) {
        const int saved = errno;
        const char byte = 0;
        (void)!::write(write_end.load(), &byte, 1);
        errno = saved;
    }

    static void install() {
        int ends[2];
        if (::pipe(ends) != 0) throw std::system_error(errno, std::generic_category(), "SignalHandler: pipe");
        for (const int end : ends) ::fcntl(end, F_SETFD, FD_CLOEXEC);
        // A full pipe has woken the thread already: the handler never waits.
        ::fcntl(ends[1], F_SETFL, O_NONBLOCK);
        State::get().read_end = ends[0];
        write_end = ends[1];
        std::thread(run).detach();
        struct sigaction action {};
        action.sa_handler = on_signal;
        action.sa_flags = SA_RESTART;
        sigemptyset(&action.sa_mask);
        for (const int signal : {SIGTERM, SIGINT}) {
            if (::sigaction(signal, &action, nullptr) != 0) {
                throw std::system_error(errno, std::generic_category(), "SignalHandler: sigaction");
            }
        }
    }

    static void run() {
        State& state = State::get();
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
