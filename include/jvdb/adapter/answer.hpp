// What a call of the adapter comes to: a value, or the ErrorInfo that the program's own headers define.
#ifndef JVDB_ADAPTER_ANSWER_HPP
#define JVDB_ADAPTER_ANSWER_HPP

#include "../../jvdb.hpp"
#include "refusal.hpp"
#include "services/database_layer.h"

#include <exception>
#include <filesystem>
#include <new>
#include <nlohmann/json.hpp>
#include <string>
#include <type_traits>

namespace jvdb::adapter {

inline Code code_of(jvdb_status_t code) noexcept {
    switch (code) {
        case JVDB_ERROR_INVALID_ARGUMENT: return Code::INVALID_ARGUMENT;
        case JVDB_ERROR_NOT_FOUND:
        case JVDB_ERROR_DROPPED:
        case JVDB_ERROR_KEY_NOT_FOUND: return Code::NOT_FOUND;
        case JVDB_ERROR_ALREADY_EXISTS:
        case JVDB_ERROR_KEY_EXISTS: return Code::ALREADY_EXISTS;
        case JVDB_ERROR_DIMENSION_MISMATCH: return Code::VECTOR_DIMENSION_MISMATCH;
        case JVDB_ERROR_NO_SPACE:
        case JVDB_ERROR_ALL_PINNED: return Code::RESOURCE_EXHAUSTED;
        case JVDB_ERROR_CORRUPT:
        case JVDB_ERROR_UNSUPPORTED_VERSION: return Code::DATA_LOSS;
        case JVDB_ERROR_LOCKED:
        case JVDB_ERROR_FENCED:
        case JVDB_ERROR_REMOVED: return Code::UNAVAILABLE;
        case JVDB_ERROR_READ_ONLY:
        case JVDB_ERROR_POISONED:
        case JVDB_ERROR_FORKED: return Code::FAILED_PRECONDITION;
        case JVDB_ERROR_IO: return Code::STORAGE_IO_ERROR;
        default: return Code::INTERNAL_ERROR;
    }
}

/// The error that the exception at hand is.
inline auto failure() {
    const auto failed = [](Code code, const std::string& message) {
        return tl::make_unexpected(jadevectordb::ErrorHandler::create_error(code, message));
    };
    try {
        throw;
    } catch (const Refusal& refusal) {
        return failed(refusal.code, refusal.what());
    } catch (const Error& error) {
        return failed(code_of(error.code()), error.what());
    } catch (const nlohmann::json::exception& error) {
        return failed(Code::DATA_LOSS, std::string("a record is not what it should be: ") + error.what());
    } catch (const std::bad_alloc&) {
        return failed(Code::RESOURCE_EXHAUSTED, "out of memory");
    } catch (const std::filesystem::filesystem_error& error) {
        return failed(Code::STORAGE_IO_ERROR, error.what());
    } catch (const std::exception& error) {
        return failed(Code::INTERNAL_ERROR, error.what());
    }
}

/// Makes a call; whatever it throws becomes an error.
template <class T, class Call>
jadevectordb::Result<T> answer(Call&& call) {
    try {
        if constexpr (std::is_void_v<T>) {
            call();
            return {};
        } else {
            return call();
        }
    } catch (...) {
        return failure();
    }
}

/// The same for a call that fills in the value where the caller will have it: a Vector is some 700 bytes to move.
template <class T, class Call>
jadevectordb::Result<T> filled(Call&& call) {
    jadevectordb::Result<T> result;
    try {
        call(*result);
    } catch (...) {
        result = failure();
    }
    return result;
}

}  // namespace jvdb::adapter

#endif  // JVDB_ADAPTER_ANSWER_HPP
