// The classes in a forked child: what its parent has made can be destroyed there and used for nothing; no call waits for
// a thread or a lock that the child does not have; a signal to the child is the child's.
// Usage: forked DIRECTORY, which is empty or missing.
#include "MemoryMappedVectorStore.hpp"
#include "PersistentDatabasePersistence.hpp"
#include "SignalHandler.hpp"
#include "VectorFlushManager.hpp"

#define CHECK_MAIN
#include "check.h"

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <iostream>
#include <memory>
#include <new>
#include <sstream>
#include <string>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace fs = std::filesystem;
using namespace std::chrono_literals;

namespace {

fs::path root;

/// Whether something watches memory or threads. A child does not have the threads of its parent: what they had is lost then,
/// and there are no others.
bool is_instrumented() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    return true;
#else
    return std::getenv("JVDB_UNDER_VALGRIND") != nullptr;
#endif
}

/// Forks a child that does `body` and ends with what it gives. One that hangs is killed by SIGALRM.
pid_t start(const std::function<int()>& body) {
    const pid_t child = ::fork();
    if (child != 0) return child;
    ::alarm(20);
    try {
        ::_exit(body());
    } catch (const std::exception& error) {
        std::cerr << error.what() << '\n';
        ::_exit(99);
    }
}

int status_of(pid_t child) {
    int status = -1;
    ::waitpid(child, &status, 0);
    return status;
}

/// Whether a child does `body` and ends with 0.
bool in_child(const std::function<int()>& body) {
    const int status = status_of(start(body));
    if (status != 0) std::cerr << "a child ended with " << status << '\n';
    return status == 0;
}

/// 0 if the call is refused because of the fork.
int refused(const std::function<void()>& call) {
    try {
        call();
    } catch (const jvdb::Error& error) {
        return error.code() == JVDB_ERROR_FORKED ? 0 : 1;
    }
    return 1;
}

/// A thing that a child can destroy, though the parent goes on with it.
template <class T>
class Both {
public:
    template <class... Arguments>
    explicit Both(Arguments&&... arguments) {
        new (place_) T(std::forward<Arguments>(arguments)...);
    }
    T* operator->() { return reinterpret_cast<T*>(place_); }
    T& operator*() { return *operator->(); }
    void destroy() { operator->()->~T(); }

private:
    alignas(T) unsigned char place_[sizeof(T)];
};

void a_child_destroys_a_persistence_that_flushes_periodically() {
    Both<PersistentDatabasePersistence> persistence((root / "periodic").string(), 100, 0s);
    persistence->create_database("db", DatabaseSchema{3});
    persistence->start_periodic_flush(1ms);
    std::atomic<bool> done{false};
    std::thread other([&] {
        for (int i = 0; !done; ++i) {
            persistence->store_vector("db", i % 100, {1, 2, 3});
            persistence->start_periodic_flush(1ms);
        }
    });
    int well = 0;
    for (int i = 0; i < 30; ++i) {
        well += in_child([&] {
            int wrong = 0;
            wrong += refused([&] { persistence->start_periodic_flush(5ms); });
            persistence->stop_periodic_flush();
            wrong += refused([&] { persistence->store_vector("db", 1, {1, 2, 3}); });
            wrong += refused([&] { persistence->retrieve_vector("db", 1); });
            wrong += refused([&] { persistence->list_databases(); });
            wrong += refused([&] { persistence->create_database("child", DatabaseSchema{3}); });
            wrong += refused([&] { persistence->flush(); });
            wrong += refused([&] { persistence->get_storage_stats(); });
            persistence.destroy();
            return wrong;
        });
    }
    CHECK(well == 30);
    done = true;
    other.join();
    // The parent's is as it was.
    CHECK(persistence->list_databases() == std::vector<std::string>{"db"});
    persistence.destroy();
}

std::atomic<bool> is_called{false};

/// Takes its time, so that a child is forked in the midst of it.
void take_slowly(void* user, std::int32_t, const char*) {
    is_called = true;
    if (user == nullptr) std::this_thread::sleep_for(200ms);
}

void a_child_logs_though_its_parent_was_logging() {
    jvdb::set_log(take_slowly, nullptr, JVDB_LOG_INFO);
    std::thread other([] { jvdb_log(JVDB_LOG_INFO, "of the parent", nullptr); });
    while (!is_called) std::this_thread::yield();
    CHECK(in_child([] {
        is_called = false;
        const bool inherited = jvdb_log(JVDB_LOG_INFO, "of the child", nullptr) == JVDB_OK && is_called;
        is_called = false;
        int own = 0;
        jvdb::set_log(take_slowly, &own, JVDB_LOG_INFO);
        jvdb::detail::log("info", "of a class");
        return inherited && is_called ? 0 : 1;
    }));
    other.join();
    jvdb::set_log(nullptr, nullptr, JVDB_LOG_OFF);
}

void a_child_has_a_flush_manager_of_its_own() {
    const auto persistence = std::make_shared<PersistentDatabasePersistence>((root / "managed").string(), 100, 0s);
    VectorFlushManager::get_instance().register_persistence("parents", persistence);
    VectorFlushManager::get_instance().start_periodic_flush(1ms);
    for (int i = 0; i < 10; ++i) {
        CHECK(in_child([&] {
            auto& flushes = VectorFlushManager::get_instance();
            flushes.flush_all();
            const auto path = (root / ("child_" + std::to_string(i))).string();
            const auto own = std::make_shared<PersistentDatabasePersistence>(path, 100, 0s);
            own->create_database("db", DatabaseSchema{3});
            own->store_vector("db", 1, {1, 2, 3});
            flushes.register_persistence("own", own);
            flushes.start_periodic_flush(1ms);
            for (int wait = 0; wait < 1000 && own->get_storage_stats().unflushed_bytes > 0; ++wait) {
                std::this_thread::sleep_for(5ms);
            }
            const bool flushed = own->get_storage_stats().unflushed_bytes == 0;
            flushes.stop_periodic_flush();
            return flushed ? 0 : 1;
        }));
        // With all that runs at the end of a program.
        CHECK(in_child([&]() -> int { std::exit(0); }));
    }
    VectorFlushManager::get_instance().stop_periodic_flush();
    VectorFlushManager::get_instance().unregister_persistence("parents");
}

void a_child_destroys_a_memory_mapped_store_and_makes_others() {
    Both<MemoryMappedVectorStore> store((root / "stores" / "parents").string(), 3);
    store->store_vector(1, {1, 2, 3});
    std::atomic<bool> done{false};
    std::thread other([&] {
        while (!done) MemoryMappedVectorStore beside((root / "stores" / "beside").string(), 3);
    });
    int well = 0;
    for (int i = 0; i < 30; ++i) {
        well += in_child([&] {
            int wrong = refused([&] { store->store_vector(2, {1, 2, 3}); });
            wrong += refused([&] { store->get_vector_count(); });
            store.destroy();
            MemoryMappedVectorStore own((root / ("stores_" + std::to_string(i)) / "childs").string(), 3);
            wrong += !own.store_vector(1, {1, 2, 3});
            try {
                MemoryMappedVectorStore parents((root / "stores" / "parents").string(), 3);
                ++wrong;
            } catch (const jvdb::Error& error) {
                wrong += error.code() != JVDB_ERROR_LOCKED;
            }
            return wrong;
        });
    }
    CHECK(well == 30);
    done = true;
    other.join();
    CHECK(store->get_vector_count() == 1 && store->store_vector(2, {1, 2, 3}));
    store.destroy();
}

int wait_for_a_signal() {
    for (;;) ::pause();
}

bool ended_by(pid_t child, int signal) {
    const int status = status_of(child);
    return WIFSIGNALED(status) && WTERMSIG(status) == signal;
}

void a_signal_to_a_child_is_the_childs() {
    std::atomic<int> called{0};
    ::signal(SIGINT, SIG_IGN);
    SignalHandler::initialize();
    SignalHandler::register_shutdown_callback([&] { ++called; });

    const pid_t plain = start(wait_for_a_signal);
    ::kill(plain, SIGTERM);
    CHECK(ended_by(plain, SIGTERM));

    // What was ignored before initialize() is ignored there; a child of a child is no other.
    const pid_t ignoring = start([] {
        return ended_by(start([] {
            ::raise(SIGINT);
            ::raise(SIGTERM);
            return 1;
        }), SIGTERM) ? 0 : 1;
    });
    CHECK(status_of(ignoring) == 0);

    CHECK(in_child([] {
        try {
            SignalHandler::wait();
        } catch (const std::logic_error&) {
            return SignalHandler::shutdown_requested() ? 1 : 0;
        }
        return 1;
    }));

    // It may have a handler of its own, which knows nothing of the parent's callbacks.
    CHECK(in_child([&] {
        std::atomic<int> own{0};
        SignalHandler::initialize();
        SignalHandler::register_shutdown_callback([&] { ++own; });
        ::kill(::getpid(), SIGTERM);
        SignalHandler::wait();
        return own == 1 && called == 0 && SignalHandler::shutdown_requested() ? 0 : 1;
    }));

    std::this_thread::sleep_for(50ms);
    CHECK(called == 0 && !SignalHandler::shutdown_requested());
    ::kill(::getpid(), SIGTERM);
    SignalHandler::wait();
    CHECK(called == 1 && SignalHandler::shutdown_requested());
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) {
        std::cerr << "usage: forked DIRECTORY\n";
        return 2;
    }
    root = argv[1];
    fs::create_directories(root);
    std::ostringstream log;
    const auto clog = std::clog.rdbuf(log.rdbuf());
    if (!is_instrumented()) {
        a_child_destroys_a_persistence_that_flushes_periodically();
        a_child_has_a_flush_manager_of_its_own();
        a_child_destroys_a_memory_mapped_store_and_makes_others();
        a_child_logs_though_its_parent_was_logging();
        a_signal_to_a_child_is_the_childs();
    }
    CHECK(fs::exists(root));
    std::clog.rdbuf(clog);
    return check_summary();
}
