// An answer that is an error of the program's own kind, thrown from wherever it is found out.
#ifndef JVDB_ADAPTER_REFUSAL_HPP
#define JVDB_ADAPTER_REFUSAL_HPP

#include "lib/error_handling.h"

#include <stdexcept>
#include <string>

namespace jvdb::adapter {

using Code = jadevectordb::ErrorCode;

struct Refusal : std::runtime_error {
    Refusal(Code reason, const std::string& message) : std::runtime_error(message), code(reason) {}

    Code code;
};

[[noreturn]] inline void refuse(Code code, const std::string& message) { throw Refusal(code, message); }

}  // namespace jvdb::adapter

#endif  // JVDB_ADAPTER_REFUSAL_HPP
