// Times of one vector stored, retrieved by one thread and by two, and stored in a batch, by every contestant. In every round
// each runs in a process of its own, one after another, so that no one's memory is another one's; the table has medians, and
// medians of the rounds' ratios to the map's times.
// Usage: bench_cpp DIRECTORY [VECTORS] [DIMENSION] [ROUNDS]. `cargo xtask bench --cpp` builds and runs it.
#include "contestants.hpp"

#include <array>
#include <chrono>
#include <cstdio>
#include <functional>
#include <map>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace {

using namespace bench;

/// Microseconds of each call, and how many times as many two threads make in the same time as one does.
struct Times {
    double store, retrieve, batch, threads;
};

double microseconds(const std::function<void()>& work) {
    const auto start = std::chrono::steady_clock::now();
    work();
    return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count();
}

Times measure(Contestant& contestant, const Work& work) {
    const auto count = work.vectors.size();
    const auto each = static_cast<double>(count);
    Times times{};
    times.store = microseconds([&] {
        for (std::size_t at = 0; at < count; ++at) contestant.store(at);
    }) / each;
    const auto retrieve = [&](std::size_t first) {
        for (std::size_t i = 0; i < count; ++i) contestant.retrieve(work.order[(first + i) % count]);
    };
    retrieve(0);
    times.retrieve = microseconds([&] { retrieve(0); }) / each;
    const auto two = microseconds([&] {
        std::thread other([&] { retrieve(count / 2); });
        retrieve(0);
        other.join();
    });
    times.threads = 2 * times.retrieve * each / two;
    times.batch = microseconds([&] {
        for (std::size_t at = 0; at < count; at += BATCH) contestant.batch(at, std::min(BATCH, count - at));
    }) / each;
    return times;
}

/// The same in a process of its own.
Times measured(const std::string& name, const Work& work, const std::filesystem::path& directory) {
    std::array<int, 2> ends{};
    if (::pipe(ends.data()) != 0) throw std::runtime_error("no pipe");
    const pid_t child = ::fork();
    if (child == 0) {
        jvdb::set_log(nullptr, nullptr, JVDB_LOG_OFF);
        try {
            const auto times = measure(*contestant(name, work, directory), work);
            ::_exit(::write(ends[1], &times, sizeof times) == sizeof times ? 0 : 1);
        } catch (const std::exception& error) {
            std::fprintf(stderr, "%s: %s\n", name.c_str(), error.what());
            ::_exit(1);
        }
    }
    Times times{};
    const auto got = ::read(ends[0], &times, sizeof times);
    int status = -1;
    ::waitpid(child, &status, 0);
    ::close(ends[0]), ::close(ends[1]);
    std::filesystem::remove_all(directory);
    if (status != 0 || got != sizeof times) throw std::runtime_error(name + " failed");
    return times;
}

double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return (values[(values.size() - 1) / 2] + values[values.size() / 2]) / 2;
}

void table(const char* title, const Work& work, std::size_t rounds, const std::filesystem::path& root) {
    std::map<std::string, std::vector<Times>> all;
    for (std::size_t round = 0; round < rounds; ++round) {
        for (const auto& name : NAMES) all[name].push_back(measured(name, work, root / "contestant"));
    }
    std::printf("\n%s\n\n| | store | x map | retrieve | x map | batch | x map | two threads |\n", title);
    std::printf("|---|---|---|---|---|---|---|---|\n");
    for (const auto& name : NAMES) {
        const auto of = [&](double Times::*time) {
            std::vector<double> values;
            for (const auto& times : all[name]) values.push_back(times.*time);
            return median(values);
        };
        const auto ratio = [&](double Times::*time) {
            std::vector<double> values;
            for (std::size_t i = 0; i < rounds; ++i) values.push_back(all[name][i].*time / (all[NAMES.back()][i].*time));
            return median(values);
        };
        std::printf("| %s |", name.c_str());
        for (const auto time : {&Times::store, &Times::retrieve, &Times::batch}) {
            std::printf(" %.2f us | %.2f |", of(time), ratio(time));
        }
        std::printf(" %.2f x |\n", of(&Times::threads));
    }
    std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 2 || argc > 5) {
        std::fprintf(stderr, "usage: bench_cpp DIRECTORY [VECTORS] [DIMENSION] [ROUNDS]\n");
        return 2;
    }
    try {
        const std::filesystem::path root = argv[1];
        const std::size_t vectors = argc > 2 ? std::stoul(argv[2]) : 20000;
        const std::size_t dimension = argc > 3 ? std::stoul(argv[3]) : 384;
        const std::size_t rounds = argc > 4 ? std::stoul(argv[4]) : 7;
        std::printf("%zu vectors of dimension %zu, medians of %zu rounds\n", vectors, dimension, rounds);
        table("Nothing but defaults beside the values:", Work(vectors, dimension, false), rounds, root);
        table("With an owner, a status, a score and a custom value:", Work(vectors, dimension, true), rounds, root);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "bench_cpp: %s\n", error.what());
        return 1;
    }
}
