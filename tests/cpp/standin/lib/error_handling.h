// Stand-in for the user's header of this name: results and errors, as far as the adapter meets them.
#pragma once

#include <string>
#include <tl/expected.hpp>

namespace jadevectordb {

enum class ErrorCode {
    SUCCESS = 0,
    INVALID_ARGUMENT = 2,
    RESOURCE_EXHAUSTED = 6,
    FAILED_PRECONDITION = 7,
    NOT_FOUND = 12,
    ALREADY_EXISTS = 13,
    DATA_LOSS = 15,
    UNAVAILABLE = 17,
    INTERNAL_ERROR = 18,
    VECTOR_DIMENSION_MISMATCH = 102,
    STORAGE_IO_ERROR = 108,
};

struct ErrorInfo {
    ErrorCode code = ErrorCode::SUCCESS;
    std::string message;
};

template <class T>
using Result = tl::expected<T, ErrorInfo>;

struct ErrorHandler {
    static ErrorInfo create_error(ErrorCode code, const std::string& message) { return {code, message}; }
};

}  // namespace jadevectordb
