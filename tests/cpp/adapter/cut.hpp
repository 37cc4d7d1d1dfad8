// Ends work that changes files before each single change it makes: a child process does it, stopped at every system call,
// and is killed before the first, the second, the third of those that change something, until it comes to its end.
#pragma once

#include "fixture.hpp"

#include <csignal>
#include <cstdlib>
#include <functional>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

/// Whether a system call may change what is on the disk.
inline bool changes_files(long call) {
    switch (call) {
        case SYS_write: case SYS_pwrite64: case SYS_writev: case SYS_pwritev: case SYS_pwritev2:
        case SYS_openat: case SYS_renameat2: case SYS_linkat: case SYS_unlinkat: case SYS_mkdirat:
#ifdef SYS_open  // the older calls, which newer machines do not have
        case SYS_open: case SYS_creat: case SYS_rename: case SYS_renameat: case SYS_link: case SYS_unlink:
        case SYS_mkdir: case SYS_rmdir:
#endif
        case SYS_truncate: case SYS_ftruncate: case SYS_fallocate:
        case SYS_fsync: case SYS_fdatasync:
            return true;
        default:
            return false;
    }
}

#if defined(__x86_64__)
constexpr bool CAN_STEP = true;

/// The system call that a stopped process is about to make.
inline long call_of(pid_t process) {
    user_regs_struct registers{};
    ::ptrace(PTRACE_GETREGS, process, nullptr, &registers);
    return static_cast<long>(registers.orig_rax);
}
#else
constexpr bool CAN_STEP = false;
inline long call_of(pid_t) { return -1; }
#endif

/// Runs `work` in a child and kills it before its change of that number. True if it came to its end instead.
inline bool cut_before(std::size_t number, const std::function<void()>& work) {
    const pid_t child = ::fork();
    if (child == 0) {
        ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
        ::raise(SIGSTOP);
        try {
            work();
        } catch (...) {
            ::_exit(3);
        }
        ::_exit(0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    ::ptrace(PTRACE_SETOPTIONS, child, nullptr, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
    bool enters = true;
    for (std::size_t seen = 0;;) {
        ::ptrace(PTRACE_SYSCALL, child, nullptr, nullptr);
        ::waitpid(child, &status, 0);
        if (WIFEXITED(status)) return WEXITSTATUS(status) == 0;
        if (WIFSIGNALED(status)) return false;
        if (!WIFSTOPPED(status) || WSTOPSIG(status) != (SIGTRAP | 0x80)) continue;
        if (enters) {
            if (changes_files(call_of(child)) && seen++ == number) {
                ::kill(child, SIGKILL);
                ::waitpid(child, &status, 0);
                return false;
            }
        }
        enters = !enters;
    }
}

/// Cuts `work` short in a directory that `prepare` has filled, before every change it makes; `check` sees each such
/// directory. Gives how many there were; 0 where processes cannot be stepped through.
inline std::size_t cut_before_every_step(const std::function<void(const fs::path&)>& prepare,
                                         const std::function<void(const fs::path&)>& work,
                                         const std::function<void(const fs::path&)>& check) {
    if (!CAN_STEP || std::getenv("JVDB_UNDER_VALGRIND") != nullptr) return 0;
    for (std::size_t number = 0;; ++number) {
        Directory directory;
        prepare(directory.path);
        const bool ended = cut_before(number, [&] { work(directory.path); });
        check(directory.path);
        if (ended || testing::Test::HasFailure()) return number;
    }
}
