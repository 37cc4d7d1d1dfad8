// RAII over jvdb.h: handles that release themselves, errors as exceptions, reads without copies. Header-only, C++17.
//
// What is said at the head of jvdb.h holds here too. Every call may throw jvdb::Error, or gives it as a value through
// jvdb::attempt(); every object but a handle being moved or destroyed, and a cursor, may be used from any number of threads
// at once. Handles can be moved, not copied; in a forked child they can be destroyed, and every call on them throws. Nothing
// here keeps state, makes decisions, or copies vectors unasked. With C++20 vectors are also spans.
#ifndef JVDB_HPP
#define JVDB_HPP

#include "jvdb.h"
#include "jvdb/handles/batch.hpp"
#include "jvdb/handles/cursor.hpp"
#include "jvdb/handles/database.hpp"
#include "jvdb/handles/elements.hpp"
#include "jvdb/handles/error.hpp"
#include "jvdb/handles/finding.hpp"
#include "jvdb/handles/key.hpp"
#include "jvdb/handles/log.hpp"
#include "jvdb/handles/result.hpp"
#include "jvdb/handles/storage.hpp"
#include "jvdb/handles/vector.hpp"

#endif  // JVDB_HPP
