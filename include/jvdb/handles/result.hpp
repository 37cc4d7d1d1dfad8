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
        if (!*this) detail::fail(error());
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
///
/// With -fno-exceptions, too: then the first error is the result, and what follows it in the callable does nothing and gives
/// what is empty: no vector, no key, 0, a handle that every call refuses.
template <class Call>
auto attempt(Call&& call) {
    using T = std::invoke_result_t<Call>;
    using R = Result<std::conditional_t<std::is_void_v<T>, bool, T>>;
    const auto make = [&]() -> R {
        if constexpr (std::is_void_v<T>) {
            std::forward<Call>(call)();
            return R(true);
        } else {
            return R(std::forward<Call>(call)());
        }
    };
#if JVDB_EXCEPTIONS
    try {
        return make();
    } catch (const Error& error) {
        return R(error);
    }
#else
    detail::Attempt attempt;
    auto made = make();
    if (attempt.error) return R(*std::move(attempt.error));
    return made;
#endif
}

}  // namespace jvdb

#endif  // JVDB_HANDLES_RESULT_HPP
