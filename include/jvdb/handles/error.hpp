// jvdb::Error: a call that failed, and how calls of jvdb.h become it. Included by jvdb.hpp.
//
// Compiled without exceptions, an error goes to the attempt() that is under way on its thread, whose other calls do nothing
// from then on and give what is empty. Outside of one it ends the program, as an exception does that nobody catches.
#ifndef JVDB_HANDLES_ERROR_HPP
#define JVDB_HANDLES_ERROR_HPP

#include "../../jvdb.h"

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#if defined(__cpp_exceptions) || defined(__EXCEPTIONS)
#define JVDB_EXCEPTIONS 1
#else
#define JVDB_EXCEPTIONS 0
#endif

namespace jvdb {

/// A call that failed: what() says what happened, where, and what to do.
class Error : public std::runtime_error {
public:
    /// An error of this face itself.
    Error(jvdb_status_t code, const std::string& message) : std::runtime_error(message), code_(code) {}

    /// Takes what a call reported; frees it.
    Error(jvdb_status_t code, jvdb_error_t* error) : std::runtime_error(jvdb_error_message(error)), code_(code) {
        os_errno_ = jvdb_error_os_errno(error);
        offset_ = jvdb_error_offset(error);
        if (const char* name = jvdb_error_database(error)) database_ = name;
        if (const char* path = jvdb_error_path(error)) path_ = path;
        jvdb_error_free(error);
    }

    /// JVDB_ERROR_*.
    jvdb_status_t code() const noexcept { return code_; }
    /// errno of the operating system, or 0.
    int os_errno() const noexcept { return os_errno_; }
    /// Database it happened to, or empty.
    const std::string& database() const noexcept { return database_; }
    /// File or directory it happened to, or empty.
    const std::string& path() const noexcept { return path_; }
    /// Byte offset in that file, or -1.
    std::int64_t offset() const noexcept { return offset_; }

private:
    jvdb_status_t code_;
    int os_errno_ = 0;
    std::string database_, path_;
    std::int64_t offset_ = -1;
};

namespace detail {

#if JVDB_EXCEPTIONS

[[noreturn]] inline void fail(const Error& error) { throw error; }

/// Whether an error of this attempt is on its way, so that nothing more is to be done.
inline bool failed() noexcept { return false; }

#else

/// An attempt() under way on this thread.
struct Attempt {
    Attempt() noexcept : outer(innermost) { innermost = this; }
    ~Attempt() { innermost = outer; }
    Attempt(const Attempt&) = delete;
    Attempt& operator=(const Attempt&) = delete;

    /// The first one.
    std::optional<Error> error;
    Attempt* outer;
    static inline thread_local Attempt* innermost = nullptr;
};

inline void fail(const Error& error) {
    if (Attempt::innermost == nullptr) {
        std::fprintf(stderr, "jvdb: an error outside of attempt(): %s\n", error.what());
        std::abort();
    }
    if (!Attempt::innermost->error) Attempt::innermost->error = error;
}

inline bool failed() noexcept { return Attempt::innermost != nullptr && Attempt::innermost->error; }

#endif

/// Makes a call with an error object; true for JVDB_OK, false for JVDB_ABSENT, fails for an error.
template <class Call>
bool done(Call&& call) {
    if (failed()) return false;
    jvdb_error_t* error = nullptr;
    const jvdb_status_t status = call(&error);
    if (status < 0) fail(Error(status, error));
    return status == JVDB_OK;
}

template <class T, void (*Release)(T*)>
struct Releaser {
    void operator()(T* handle) const noexcept { Release(handle); }
};

template <class T, void (*Release)(T*)>
using Handle = std::unique_ptr<T, Releaser<T, Release>>;

/// Text for C, which would end at a NUL inside.
inline const char* text(const std::string& text, const char* what) {
    if (text.find('\0') != std::string::npos) {
        fail(Error(JVDB_ERROR_INVALID_ARGUMENT, std::string("invalid ") + what + ": it holds a NUL"));
        return nullptr;
    }
    return text.c_str();
}

inline void close_quietly(jvdb_storage_t* storage) { jvdb_close(storage, nullptr); }

}  // namespace detail

}  // namespace jvdb

#endif  // JVDB_HANDLES_ERROR_HPP
