// How a C++ callable is handed to jvdb_visit(). Included by jvdb.hpp.
#ifndef JVDB_HANDLES_VISITOR_HPP
#define JVDB_HANDLES_VISITOR_HPP

#include "error.hpp"
#include "key.hpp"
#include "vector.hpp"

#include <cstddef>
#include <cstdint>
#include <exception>
#include <type_traits>

namespace jvdb {

namespace detail {

/// A callable, as jvdb_visit() calls it: what it throws waits until the library is left.
template <class See>
struct Visitor {
    See& see;
    std::exception_ptr thrown;

    static std::int32_t call(void* user, jvdb_key_t key, const float* elements, std::size_t dimension,
                             const void* metadata, std::size_t metadata_length) noexcept {
        auto& visitor = *static_cast<Visitor*>(user);
        const View view(elements, dimension, {static_cast<const char*>(metadata), metadata_length});
#if JVDB_EXCEPTIONS
        try {
            return visitor.show(Key(key), view);
        } catch (...) {
            visitor.thrown = std::current_exception();
            return 1;
        }
#else
        const auto enough = visitor.show(Key(key), view);
        return failed() ? 1 : enough;
#endif
    }

    /// 0 to go on.
    std::int32_t show(Key key, View view) {
        if constexpr (std::is_void_v<std::invoke_result_t<See&, Key, View>>) {
            see(key, view);
            return 0;
        } else {
            return see(key, view) ? 0 : 1;
        }
    }
};

}  // namespace detail

}  // namespace jvdb

#endif  // JVDB_HANDLES_VISITOR_HPP
