// What every conversion of files of format version 1 has in common: the report, and the steps on the disk that put a new
// file in the place of an old one, of which a crash may cut short any.
//
// The new file is written and made durable elsewhere. Then the old one gets a second name, which it keeps; the report is
// written; one renaming puts the new file in place. Until that renaming the old file is what it was, and a conversion
// that was cut short begins anew; after it there is nothing left to do.
#ifndef JVDB_CONVERSION_IN_PLACE_HPP
#define JVDB_CONVERSION_IN_PLACE_HPP

#include "../log.hpp"
#include "file_name.hpp"
#include "file_v1.hpp"

#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <unistd.h>

namespace jvdb::conversion {

/// What became of one file.
struct Report {
    /// Its name, or the id of its folder.
    std::string database_id;
    /// False: the file is as it was, and the database cannot be used.
    bool converted = false;
    /// How many were converted.
    std::size_t vectors = 0;
    /// Where the original is kept.
    std::string original;
    /// What was lost, doubtful or not as it should be: one sentence each. Where nothing was converted, the first says why.
    v1::Findings findings;
};

/// Tells the log of a report.
inline void log(const char* who, const Report& report) {
    detail::log(report.converted ? "info" : "error", who, ": database ", report.database_id,
                report.converted ? " converted, vectors: " : " not converted, vectors: ", report.vectors,
                ", original: ", report.original, ", findings: ", report.findings.size());
    for (const auto& finding : report.findings) {
        detail::log("warning", who, ": database ", report.database_id, ": ", finding);
    }
}

/// Makes a file or a folder durable.
inline void sync(const std::filesystem::path& path) {
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    const bool synced = file >= 0 && ::fsync(file) == 0;
    const int error = errno;
    if (file >= 0) ::close(file);
    if (!synced) throw std::system_error(error, std::generic_category(), "sync " + path.string());
}

/// Writes a file, durable, in place of what has its name, which is never followed nor written to.
inline void write_new(const std::filesystem::path& path, std::string_view text) {
    const auto failed = [&] { throw std::system_error(errno, std::generic_category(), "write " + path.string()); };
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) failed();
    const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (file < 0) failed();
    while (!text.empty()) {
        const auto written = ::write(file, text.data(), text.size());
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) break;
        text.remove_prefix(static_cast<std::size_t>(written));
    }
    const bool done = text.empty() && ::fsync(file) == 0;
    const int error = errno;
    ::close(file);
    errno = error;
    if (!done) failed();
}

/// Whether the names are of one file.
inline bool same(const std::filesystem::path& a, const std::filesystem::path& b) {
    std::error_code missing;
    return std::filesystem::equivalent(a, b, missing);
}

/// Gives a file its second name, which it keeps: `wanted`, or that with a number if another file has it.
inline std::filesystem::path keep(const std::filesystem::path& file, const std::filesystem::path& wanted) {
    auto original = wanted;
    for (int number = 2; std::filesystem::exists(original); ++number) {
        if (same(file, original)) return original;
        original = wanted.string() + "-" + std::to_string(number);
    }
    std::error_code refused;
    std::filesystem::create_hard_link(file, original, refused);
    if (refused) {
        // A file system without links.
        const std::filesystem::path part = original.string() + ".part";
        std::filesystem::copy_file(file, part, std::filesystem::copy_options::overwrite_existing);
        sync(part);
        std::filesystem::rename(part, original);
    }
    return original;
}

/// Whether the engine will look for the new file elsewhere than where the old one is, and a conversion that was cut short
/// has put it there: all but the old one's name is done. Throws if something else is there.
inline bool is_in_place(const std::filesystem::path& old, const std::filesystem::path& wanted,
                        const std::filesystem::path& target) {
    if (target == old || !std::filesystem::exists(target)) return false;
    if (!same(old, wanted)) throw std::runtime_error(target.string() + " is in the way");
    return true;
}

/// Puts a new file, which is durable, in the place of the old one: at `target`, which is the old one or where the engine
/// looks for it instead.
inline void replace(const std::filesystem::path& made, const std::filesystem::path& old,
                    const std::filesystem::path& target) {
    if (target == old) {
        std::filesystem::rename(made, target);
    } else {
        const auto folder = target.parent_path();
        if (std::filesystem::create_directories(folder)) sync(folder.parent_path());
        std::filesystem::rename(made, target);
        sync(folder);
        std::filesystem::remove(old);
    }
    sync(old.parent_path());
}

}  // namespace jvdb::conversion

#endif  // JVDB_CONVERSION_IN_PLACE_HPP
