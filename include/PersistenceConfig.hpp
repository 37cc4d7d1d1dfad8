// Reads config.json and opens the storage that it describes. Needs nlohmann-json.
//
//     {"persistence": {"type": "persistent", "storage_path": "data", "max_open_files": 100,
//                      "flush_interval_seconds": 300},
//      "vector_storage": {"initial_capacity": 10000, "enable_auto_flush": true}}
#ifndef JVDB_PERSISTENCE_CONFIG_HPP
#define JVDB_PERSISTENCE_CONFIG_HPP

#include "InMemoryDatabasePersistence.hpp"
#include "PersistentDatabasePersistence.hpp"

#include <chrono>
#include <cstdint>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>

namespace jadevectordb {

/// What config.json says. What it does not say has its default; other members are none of ours and passed over.
struct PersistenceConfig {
    /// Whether type is "persistent".
    bool persistent = true;
    /// Directory of the databases.
    std::string storage_path;
    /// Databases whose file is open at once.
    std::size_t max_open_files = 100;
    /// Time between automatic flushes.
    std::chrono::seconds flush_interval{300};
    /// For MemoryMappedVectorStore.
    std::size_t initial_capacity = 1000;
    /// Without it there is no flush but those asked for.
    bool enable_auto_flush = true;

    /// Throws std::runtime_error for a file that cannot be read or is no JSON, and std::invalid_argument, which names
    /// the member, for a value that cannot be.
    static PersistenceConfig read(const std::string& path) {
        std::ifstream file(path);
        if (!file) throw std::runtime_error("cannot open " + path);
        try {
            return from(nlohmann::json::parse(file));
        } catch (const nlohmann::json::exception& error) {
            throw std::runtime_error(path + " is not what it should be: " + error.what());
        } catch (const std::invalid_argument& error) {
            throw std::invalid_argument(path + ": " + error.what());
        }
    }

    /// The same for JSON that was read already.
    static PersistenceConfig from(const nlohmann::json& json) {
        PersistenceConfig config;
        const auto& persistence = section(json, "persistence");
        const auto type = text(persistence, "persistence.", "type", "persistent", "\"persistent\" or \"memory\"");
        if (type != "persistent" && type != "memory") refuse("persistence.type", "\"persistent\" or \"memory\"");
        config.persistent = type == "persistent";
        config.storage_path = text(persistence, "persistence.", "storage_path", "", "a path");
        if (config.persistent && config.storage_path.empty()) refuse("persistence.storage_path", "a path");
        config.max_open_files = number(persistence, "persistence.", "max_open_files", 100, 5, 1000);
        config.flush_interval = std::chrono::seconds(
            number(persistence, "persistence.", "flush_interval_seconds", 300, 0, 3600));
        const auto& storage = section(json, "vector_storage");
        config.initial_capacity = number(storage, "vector_storage.", "initial_capacity", 1000, 1, UINT32_MAX);
        if (const auto found = storage.find("enable_auto_flush"); found != storage.end()) {
            if (!found->is_boolean()) refuse("vector_storage.enable_auto_flush", "true or false");
            config.enable_auto_flush = *found;
        }
        return config;
    }

    /// Opens what is described; throws what the constructor of that class throws.
    std::shared_ptr<DatabasePersistence> open() const {
        if (!persistent) return std::make_shared<InMemoryDatabasePersistence>();
        return std::make_shared<PersistentDatabasePersistence>(
            storage_path, max_open_files, enable_auto_flush ? flush_interval : std::chrono::seconds(0));
    }

private:
    [[noreturn]] static void refuse(const std::string& name, const std::string& wanted) {
        throw std::invalid_argument(name + " is not " + wanted);
    }

    // Nothing is copied but what is taken: a value that nests 100,000 deep, whoever's it is, would end the program.

    static const nlohmann::json& section(const nlohmann::json& json, const char* name) {
        static const auto nothing = nlohmann::json::object();
        if (!json.is_object()) refuse("the configuration", "an object");
        const auto found = json.find(name);
        if (found == json.end()) return nothing;
        if (!found->is_object()) refuse(name, "an object");
        return *found;
    }

    static std::string text(const nlohmann::json& object, const std::string& section, const char* name,
                            const char* otherwise, const std::string& wanted) {
        const auto found = object.find(name);
        if (found == object.end()) return otherwise;
        if (!found->is_string()) refuse(section + name, wanted);
        return found->get<std::string>();
    }

    static std::uint32_t number(const nlohmann::json& object, const std::string& section, const char* name,
                                std::uint32_t otherwise, std::uint32_t least, std::uint32_t most) {
        const auto found = object.find(name);
        if (found == object.end()) return otherwise;
        if (!found->is_number_unsigned() || *found < least || *found > most) {
            refuse(section + name, "a whole number of " + std::to_string(least) + " to " + std::to_string(most));
        }
        return found->get<std::uint32_t>();
    }
};

}  // namespace jadevectordb

#ifndef JVDB_NO_USING
using jadevectordb::PersistenceConfig;
#endif

#endif  // JVDB_PERSISTENCE_CONFIG_HPP
