// Files that a conversion reads. Whoever asks gets a file of bytes or an error, at once: a pipe, a device, a socket or a
// folder of that name is never opened. Nothing is written.
#ifndef JVDB_CONVERSION_INPUT_FILE_HPP
#define JVDB_CONVERSION_INPUT_FILE_HPP

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>
#include <vector>

namespace jvdb::conversion {

/// A file of bytes, open for reading. Reads that go forward through it are made in large pieces.
class InputFile {
public:
    /// Nothing if there is none. Throws std::system_error for one that cannot be opened, and std::runtime_error for what
    /// is no file.
    static std::optional<InputFile> open(const std::filesystem::path& path) {
        struct stat status {};
        if (::stat(path.c_str(), &status) != 0) {
            if (errno == ENOENT) return std::nullopt;
            throw std::system_error(errno, std::generic_category(), "read " + path.string());
        }
        check(path, status);
        // Whatever takes the place of the file meanwhile: the open does not wait for it, and it is seen.
        InputFile file(path, ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
        if (file.file_ < 0 || ::fstat(file.file_, &status) != 0) {
            throw std::system_error(errno, std::generic_category(), "read " + path.string());
        }
        check(path, status);
        file.length_ = static_cast<std::uint64_t>(status.st_size);
        return file;
    }

    /// Takes the other one's file.
    InputFile(InputFile&& other) noexcept
        : path_(std::move(other.path_)), file_(std::exchange(other.file_, -1)), length_(other.length_),
          piece_(std::move(other.piece_)), piece_at_(other.piece_at_) {}
    InputFile& operator=(InputFile&&) = delete;
    ~InputFile() {
        if (file_ >= 0) ::close(file_);
    }

    /// Bytes of the file.
    std::uint64_t length() const noexcept { return length_; }

    /// False for a range that is not in the file. Throws std::system_error where the device fails.
    bool read(std::uint64_t offset, char* into, std::uint64_t length) {
        if (offset > length_ || length > length_ - offset) return false;
        if (length > PIECE) return fill(offset, into, length) == length;
        if (offset < piece_at_ || offset + length > piece_at_ + piece_.size()) {
            piece_.resize(std::min<std::uint64_t>(PIECE, length_ - offset));
            piece_at_ = offset;
            piece_.resize(fill(offset, piece_.data(), piece_.size()));
            if (piece_.size() < length) return false;
        }
        std::memcpy(into, piece_.data() + (offset - piece_at_), length);
        return true;
    }

    /// All of it.
    std::string text() {
        std::string text(length_, '\0');
        text.resize(fill(0, text.data(), text.size()));
        return text;
    }

private:
    static constexpr std::uint64_t PIECE = 1 << 20;

    InputFile(std::filesystem::path path, int file) : path_(std::move(path)), file_(file) {}

    static void check(const std::filesystem::path& path, const struct stat& status) {
        if (S_ISREG(status.st_mode)) return;
        const char* kind = S_ISDIR(status.st_mode)    ? "a folder"
                           : S_ISFIFO(status.st_mode) ? "a pipe"
                           : S_ISSOCK(status.st_mode) ? "a socket"
                                                      : "a device";
        throw std::runtime_error(path.string() + " is " + kind + ", not a file; it was not opened");
    }

    /// As much as there is.
    std::uint64_t fill(std::uint64_t offset, char* into, std::uint64_t length) const {
        std::uint64_t done = 0;
        while (done < length) {
            const auto count = ::pread(file_, into + done, length - done, static_cast<off_t>(offset + done));
            if (count < 0 && errno == EINTR) continue;
            if (count < 0) throw std::system_error(errno, std::generic_category(), "read " + path_.string());
            if (count == 0) break;
            done += static_cast<std::uint64_t>(count);
        }
        return done;
    }

    std::filesystem::path path_;
    int file_;
    std::uint64_t length_ = 0;
    /// What was read last, and where it lies.
    std::vector<char> piece_;
    std::uint64_t piece_at_ = 0;
};

}  // namespace jvdb::conversion

#endif  // JVDB_CONVERSION_INPUT_FILE_HPP
