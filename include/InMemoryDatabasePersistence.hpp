// Databases in memory: the same engine and the same answers as PersistentDatabasePersistence, and no files. All is gone
// when the object is.
#ifndef JVDB_IN_MEMORY_DATABASE_PERSISTENCE_HPP
#define JVDB_IN_MEMORY_DATABASE_PERSISTENCE_HPP

#include "jvdb/storage_persistence.hpp"

namespace jadevectordb {

/// DatabasePersistence without files.
class InMemoryDatabasePersistence : public StoragePersistence {
public:
    InMemoryDatabasePersistence() : StoragePersistence(jvdb::Storage::memory()) {}
};

}  // namespace jadevectordb

#ifndef JVDB_NO_USING
using jadevectordb::InMemoryDatabasePersistence;
#endif

#endif  // JVDB_IN_MEMORY_DATABASE_PERSISTENCE_HPP
