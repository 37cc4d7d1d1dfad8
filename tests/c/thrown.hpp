// What a call of the C++ handles throws, as its status.
#pragma once

#include "jvdb.hpp"

/// The status of what `call` throws; JVDB_OK if that is nothing.
template <class Call>
jvdb_status_t thrown(Call&& call) {
    try {
        call();
        return JVDB_OK;
    } catch (const jvdb::Error& error) {
        return error.code();
    }
}
