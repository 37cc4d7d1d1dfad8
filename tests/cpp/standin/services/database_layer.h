// Stand-in for the user's header of this name: the interface that the adapter implements.
#pragma once

#include "lib/error_handling.h"
#include "models/database.h"
#include "models/index.h"
#include "models/vector.h"

#include <cstddef>
#include <string>
#include <vector>

namespace jadevectordb {

class DatabasePersistenceInterface {
public:
    virtual ~DatabasePersistenceInterface() = default;

    virtual Result<std::string> create_database(const Database& database) = 0;
    virtual Result<Database> get_database(const std::string& id) = 0;
    virtual Result<std::vector<Database>> list_databases() = 0;
    virtual Result<void> update_database(const std::string& id, const Database& database) = 0;
    virtual Result<void> delete_database(const std::string& id) = 0;

    virtual Result<void> store_vector(const std::string& database, const Vector& vector) = 0;
    virtual Result<Vector> retrieve_vector(const std::string& database, const std::string& id) = 0;
    virtual Result<std::vector<Vector>> retrieve_vectors(const std::string& database,
                                                         const std::vector<std::string>& ids) = 0;
    virtual Result<void> update_vector(const std::string& database, const Vector& vector) = 0;
    virtual Result<void> delete_vector(const std::string& database, const std::string& id) = 0;
    virtual Result<void> batch_store_vectors(const std::string& database, const std::vector<Vector>& vectors) = 0;
    virtual Result<void> batch_delete_vectors(const std::string& database, const std::vector<std::string>& ids) = 0;

    virtual Result<void> create_index(const std::string& database, const Index& index) = 0;
    virtual Result<Index> get_index(const std::string& database, const std::string& id) = 0;
    virtual Result<std::vector<Index>> list_indexes(const std::string& database) = 0;
    virtual Result<void> update_index(const std::string& database, const std::string& id, const Index& index) = 0;
    virtual Result<void> delete_index(const std::string& database, const std::string& id) = 0;

    virtual Result<bool> database_exists(const std::string& id) const = 0;
    virtual Result<bool> vector_exists(const std::string& database, const std::string& id) const = 0;
    virtual Result<bool> index_exists(const std::string& database, const std::string& id) const = 0;
    virtual Result<std::size_t> get_vector_count(const std::string& database) const = 0;
    virtual Result<std::vector<std::string>> get_all_vector_ids(const std::string& database) const = 0;
};

}  // namespace jadevectordb
