// jvdb::Result and jvdb::attempt(): errors as values. Included by jvdb.hpp.
#ifndef JVDB_HANDLES_RESULT_HPP
#define JVDB_HANDLES_RESULT_HPP

#include "error.hpp"

#include <type_traits>
#include <utility>
#include <variant>

namespace jvdb {

/// What a call came to, for those who do not want exceptions: its value, or its error.
template <class T>
class [[nodiscard]] Result {
public:
    /// It succeeded.
    Result(T value) : either_(std::in_place_index<0>, std::move(value)) {}
    /// It failed.
    Result(Error error) : either_(std::in_place_index<1>, std::move(error)) {}

    /// Whether it succeeded.
    explicit operator bool() const noexcept { return either_.index() == 0; }
    /// Throws the error, if there is one.
    T& value() & {
        if (!*this) throw error();
        return std::get<0>(either_);
    }
    /// The same, moved out.
    T&& value() && { return std::move(value()); }
    /// Only if this is false.
    const Error& error() const { return std::get<1>(either_); }

private:
    std::variant<T, Error> either_;
};

/// Makes calls and gives what they throw as a value: `if (auto stored = jvdb::attempt([&] { db.put(1, v); })) ...`. For
/// calls that return nothing the value is true.
template <class Call>
auto attempt(Call&& call) {
    using T = std::invoke_result_t<Call>;
    using R = Result<std::conditional_t<std::is_void_v<T>, bool, T>>;
    try {
        if constexpr (std::is_void_v<T>) {
            std::forward<Call>(call)();
            return R(true);
        } else {
            return R(std::forward<Call>(call)());
        }
    } catch (const Error& error) {
        return R(error);
    }
}

}  // namespace jvdb

#endif  // JVDB_HANDLES_RESULT_HPP
