// Turns the data directory of the replaced class into one of jvdb: every <id>/vectors.jvdb of format version 1 becomes
// a database of this version in the same folder.
//
// The new file is written and made durable beside the old one (in <id>/.converting), the old one gets a second name
// (vectors.jvdb.v1), the report is written, and one renaming puts the new file in place. Until that renaming the old
// file is what it was, and a conversion that was cut short begins anew; after it there is nothing left to do.
// vectors.jvdb.v1, metadata.json and vector_metadata.json stay and are read by nobody any more.
#ifndef JVDB_ADAPTER_CONVERSION_HPP
#define JVDB_ADAPTER_CONVERSION_HPP

#include "../../jvdb.hpp"
#include "../log.hpp"
#include "file_v1.hpp"
#include "key.hpp"
#include "record.hpp"

#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <system_error>
#include <unistd.h>
#include <utility>
#include <vector>

namespace jvdb::adapter {

/// What became of one folder.
struct ConversionReport {
    std::string database_id;
    /// False: the file is as it was, and the database cannot be used.
    bool converted = false;
    std::size_t vectors = 0;
    /// What was lost, doubtful or not as it should be: one sentence each.
    v1::Findings findings;
};

/// Attribute of the engine that holds the Database, and the one that holds its indexes.
inline constexpr const char* DATABASE_RECORD = "database";
inline constexpr const char* INDEX_RECORDS = "indexes";

/// Folder of a database: its id, spelled as the engine spells names of files.
inline std::string folder_of(const std::string& id) {
    static constexpr std::string_view DIGITS = "0123456789ABCDEF";
    std::string folder;
    for (std::size_t i = 0; i < id.size(); ++i) {
        const auto byte = static_cast<unsigned char>(id[i]);
        const bool plain = (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
                           (byte >= 'a' && byte <= 'z') || byte == '-' || byte == '_' || (byte == '.' && i > 0);
        if (plain) {
            folder.push_back(id[i]);
        } else {
            folder.append({'%', DIGITS[byte >> 4], DIGITS[byte & 15]});
        }
    }
    return folder;
}

class Conversion {
public:
    /// Converts every folder of a directory that needs it. `root` has the directory open, so that nobody else is at it.
    /// One that cannot be converted does not keep the others from it.
    static std::vector<ConversionReport> of_directory(const std::filesystem::path& root) {
        std::vector<ConversionReport> reports;
        std::vector<std::filesystem::path> folders;
        for (const auto& entry : std::filesystem::directory_iterator(root)) {
            if (entry.is_directory()) folders.push_back(entry.path());
        }
        for (const auto& folder : folders) {
            if (!v1::File::is_one(folder / FILE)) {
                // Left by a conversion that ended between the renaming and its tidying up.
                if (std::filesystem::exists(folder / FILE)) std::filesystem::remove_all(folder / SCRATCH);
                continue;
            }
            reports.push_back(Conversion(root, folder).run());
            const auto& report = reports.back();
            detail::log(report.converted ? "info" : "error", "DatabasePersistenceAdapter: database ",
                        report.database_id, report.converted ? " converted, vectors: " : " not converted, vectors: ",
                        report.vectors, ", findings: ", report.findings.size());
            for (const auto& finding : report.findings) {
                detail::log("warning", "DatabasePersistenceAdapter: database ", report.database_id, ": ", finding);
            }
        }
        return reports;
    }

    static constexpr const char* FILE = "vectors.jvdb";
    static constexpr const char* ORIGINAL = "vectors.jvdb.v1";
    static constexpr const char* REPORT = "conversion-report.json";
    static constexpr const char* SCRATCH = ".converting";

private:
    static constexpr std::size_t BATCH = 1000;

    Conversion(std::filesystem::path root, std::filesystem::path folder)
        : root_(std::move(root)), folder_(std::move(folder)) {
        report_.database_id = folder_.filename().string();
    }

    ConversionReport run() {
        try {
            if (auto file = v1::File::open(folder_ / FILE, findings_)) {
                write(*file);
                put_in_place();
                report_.converted = true;
            }
        } catch (const std::exception& error) {
            findings_.push_back(error.what());
        }
        report_.findings = std::move(findings_);
        return std::move(report_);
    }

    /// Writes the new file, whole and durable, into the scratch folder.
    void write(v1::File& file) {
        std::filesystem::remove_all(folder_ / SCRATCH);
        auto storage = Storage::open((folder_ / SCRATCH).string());
        {
            auto database = storage.create("vectors", file.dimension());
            auto metadata = objects_in("vector_metadata.json");
            auto entries = file.entries(findings_);
            std::vector<std::string> known;
            for (const auto& [id, _] : metadata.items()) known.push_back(id);
            v1::settle_ids(entries, known, findings_);
            std::vector<float> values(file.dimension() * BATCH);
            for (std::size_t first = 0; first < entries.size(); first += BATCH) {
                const auto count = std::min(BATCH, entries.size() - first);
                store(database, file, &entries[first], count, values, metadata);
            }
            database.set_attribute(DATABASE_RECORD, bytes_of(description(file.dimension())));
            for (const auto& [id, _] : metadata.items()) {
                findings_.push_back("metadata of \"" + id + "\", which has no vector, was left out");
            }
        }
        storage.close();
    }

    /// Stores some entries in one step, and takes their metadata out of `metadata`.
    void store(Database& database, v1::File& file, const v1::Entry* entries, std::size_t count,
               std::vector<float>& values, Json& metadata) {
        std::vector<jvdb_key_t> keys;
        std::vector<std::string> texts, rooms(count);
        for (std::size_t i = 0; i < count; ++i) {
            const auto& entry = entries[i];
            if (!file.values(entry, &values[keys.size() * file.dimension()])) {
                findings_.push_back("the values of \"" + entry.id + "\" cannot be read");
                continue;
            }
            const auto key = key_of(entry.id, rooms[i]);
            keys.push_back(jvdb_key_bytes(key.data(), key.size()));
            texts.push_back(metadata_of(vector_from(entry.id, metadata), is_long(entry.id.size())));
        }
        std::vector<const void*> pointers;
        std::vector<std::size_t> lengths;
        for (const auto& text : texts) {
            pointers.push_back(text.data());
            lengths.push_back(text.size());
        }
        jvdb_batch_t batch{};
        batch.count = keys.size();
        batch.dimension = file.dimension();
        batch.keys = keys.data();
        batch.matrix = values.data();
        batch.metadata = pointers.data();
        batch.metadata_lengths = lengths.data();
        if (!keys.empty()) database.put(batch);
        report_.vectors += keys.size();
    }

    jade::Vector vector_from(const std::string& id, Json& metadata) {
        jade::Vector vector;
        vector.id = id;
        vector.metadata.score = 0;
        if constexpr (requires { vector.databaseId; }) vector.databaseId = report_.database_id;
        const auto found = metadata.find(id);
        if (found == metadata.end()) return vector;
        if (found->is_object()) {
            text_in(*found, "source", vector.metadata.source);
            text_in(*found, "owner", vector.metadata.owner);
            text_in(*found, "category", vector.metadata.category);
            text_in(*found, "status", vector.metadata.status);
            const auto custom = found->find("_custom");
            if (custom != found->end() && custom->is_object()) custom->get_to(vector.metadata.custom);
        } else {
            findings_.push_back("metadata of \"" + id + "\" are no object");
        }
        metadata.erase(found);
        return vector;
    }

    /// A member that is a string.
    static void text_in(const Json& object, const char* name, std::string& into) {
        const auto found = object.find(name);
        if (found != object.end() && found->is_string()) into = *found;
    }

    /// The Database, from what metadata.json says.
    Json description(std::uint32_t dimension) {
        const auto found = objects_in("metadata.json");
        jade::Database database;
        database.databaseId = report_.database_id;
        database.name = report_.database_id;
        database.vectorDimension = static_cast<int>(dimension);
        text_in(found, "name", database.name);
        text_in(found, "description", database.description);
        text_in(found, "index_type", database.indexType);
        text_in(found, "created_at", database.created_at);
        text_in(found, "updated_at", database.updated_at);
        std::string id = report_.database_id;
        text_in(found, "database_id", id);
        if (id != report_.database_id) {
            findings_.push_back("metadata.json is of \"" + id + "\"; the name of the folder counts");
        }
        return record_of(database);
    }

    /// The members of the object in a file, as many as are whole.
    Json objects_in(const char* name) {
        Json members = Json::object();
        std::ifstream file(folder_ / name, std::ios::binary);
        if (!file) {
            findings_.push_back(std::string(name) + " is missing");
            return members;
        }
        std::string key;
        const auto see = [&](int depth, Json::parse_event_t event, Json& parsed) {
            using Event = Json::parse_event_t;
            if (depth == 1 && event == Event::key) key = parsed.get<std::string>();
            if (depth == 1 && (event == Event::value || event == Event::object_end || event == Event::array_end)) {
                members[key] = parsed;
            }
            return true;
        };
        try {
            const auto whole = Json::parse(file, see);
            (void)whole;
        } catch (const Json::exception& error) {
            findings_.push_back(std::string(name) + " is damaged; " + std::to_string(members.size()) +
                                 " members of it are whole: " + error.what());
        }
        return members;
    }

    void put_in_place() {
        const auto made = folder_ / SCRATCH / FILE;
        const auto id_folder = root_ / folder_of(report_.database_id);
        std::error_code there;
        std::filesystem::create_hard_link(folder_ / FILE, folder_ / ORIGINAL, there);
        if (there && there != std::errc::file_exists) {
            // A file system without links.
            std::filesystem::copy_file(folder_ / FILE, folder_ / ORIGINAL,
                                       std::filesystem::copy_options::overwrite_existing);
            sync(folder_ / ORIGINAL);
        }
        Json report{{"database_id", report_.database_id}, {"vectors", report_.vectors}, {"findings", findings_}};
        std::ofstream(folder_ / REPORT) << report.dump(2, ' ', false, Json::error_handler_t::replace) << '\n';
        sync(folder_ / REPORT);
        sync(folder_);
        if (id_folder == folder_) {
            std::filesystem::rename(made, folder_ / FILE);
        } else {
            // The engine spells this name otherwise. The old folder keeps the originals and is no database any more.
            if (v1::File::is_one(id_folder / FILE)) throw std::runtime_error(id_folder.string() + " is in the way");
            std::filesystem::create_directory(id_folder);
            std::filesystem::rename(made, id_folder / FILE);
            sync(id_folder);
            sync(root_);
            std::filesystem::remove(folder_ / FILE);
        }
        sync(folder_);
        std::filesystem::remove_all(folder_ / SCRATCH);
    }

    /// Makes a file or a folder durable.
    static void sync(const std::filesystem::path& path) {
        const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
        const bool synced = file >= 0 && ::fsync(file) == 0;
        const int error = errno;
        if (file >= 0) ::close(file);
        if (!synced) throw std::system_error(error, std::generic_category(), "sync " + path.string());
    }

    std::filesystem::path root_, folder_;
    ConversionReport report_;
    v1::Findings findings_;
};

}  // namespace jvdb::adapter

#endif  // JVDB_ADAPTER_CONVERSION_HPP
