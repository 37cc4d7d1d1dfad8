// Turns the data directory of the replaced class into one of jvdb: every <id>/vectors.jvdb of format version 1 becomes
// a database of this version in the same folder. A <id>.jvdb of that version in the directory itself is moved into its
// folder first, if it can be read and there is none.
//
// The new file is written in <id>/.converting; conversion/in_place.hpp says how a crash is survived. vectors.jvdb.v1,
// metadata.json and vector_metadata.json stay and are read by nobody any more.
#ifndef JVDB_ADAPTER_CONVERSION_HPP
#define JVDB_ADAPTER_CONVERSION_HPP

#include "../../jvdb.hpp"
#include "../conversion/in_place.hpp"
#include "folder.hpp"
#include "key.hpp"
#include "record.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace jvdb::adapter {

namespace v1 = conversion::v1;
using ConversionReport = conversion::Report;

class Conversion {
public:
    /// Converts every folder of a directory that needs it. `root` has the directory open, so that nobody else is at it.
    /// One that cannot be converted does not keep the others from it.
    static std::vector<ConversionReport> of_directory(const std::filesystem::path& root) {
        std::vector<ConversionReport> reports;
        std::vector<std::filesystem::path> folders, files;
        for (const auto& entry : std::filesystem::directory_iterator(root)) {
            if (entry.is_directory()) folders.push_back(entry.path());
            if (entry.is_regular_file() && entry.path().extension() == ".jvdb") files.push_back(entry.path());
        }
        for (const auto& file : files) {
            if (!v1::File::is_one(file)) continue;
            const auto folder = root / file.stem();
            ConversionReport report;
            report.database_id = file.stem().string();
            report.original = file.string();
            if (moved(file, folder, report.findings)) {
                if (std::find(folders.begin(), folders.end(), folder) == folders.end()) folders.push_back(folder);
            } else {
                reports.push_back(std::move(report));
                conversion::log(WHO, reports.back());
            }
        }
        std::sort(folders.begin(), folders.end());
        for (const auto& folder : folders) {
            if (!v1::File::is_one(folder / FILE)) {
                // Left by a conversion that ended between the renaming and its tidying up.
                if (std::filesystem::exists(folder / FILE) || std::filesystem::exists(folder / ORIGINAL)) {
                    std::filesystem::remove_all(folder / SCRATCH);
                }
                continue;
            }
            reports.push_back(Conversion(root, folder).run());
            conversion::log(WHO, reports.back());
        }
        return reports;
    }

    static constexpr const char* FILE = "vectors.jvdb";
    static constexpr const char* ORIGINAL = "vectors.jvdb.v1";
    static constexpr const char* REPORT = "conversion-report.json";
    static constexpr const char* SCRATCH = ".converting";

private:
    static constexpr std::size_t BATCH = 1000;
    static constexpr const char* WHO = "DatabasePersistenceAdapter";

    /// Moves a file of the flat layout into its folder; false, and why, if that cannot be.
    static bool moved(const std::filesystem::path& file, const std::filesystem::path& folder, v1::Findings& findings) {
        try {
            if (!v1::File::open(file, findings)) return false;
            if (std::filesystem::exists(folder / FILE) ||
                std::filesystem::exists(folder.parent_path() / folder_of(folder.filename().string()) / FILE)) {
                throw std::runtime_error("there is a folder of this name with a database in it");
            }
            std::filesystem::create_directories(folder);
            conversion::sync(folder.parent_path());
            std::filesystem::rename(file, folder / FILE);
            conversion::sync(folder);
            conversion::sync(folder.parent_path());
            return true;
        } catch (const std::exception& error) {
            findings.push_back(error.what());
            return false;
        }
    }

    Conversion(std::filesystem::path root, std::filesystem::path folder)
        : root_(std::move(root)), folder_(std::move(folder)) {
        report_.database_id = folder_.filename().string();
        report_.original = (folder_ / FILE).string();
    }

    ConversionReport run() {
        try {
            if (conversion::is_in_place(folder_ / FILE, folder_ / ORIGINAL, target())) {
                report_.original = (folder_ / ORIGINAL).string();
                std::filesystem::remove(folder_ / FILE);
                conversion::sync(folder_);
                std::filesystem::remove_all(folder_ / SCRATCH);
                report_.converted = true;
            } else if (auto file = v1::File::open(folder_ / FILE, findings_)) {
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
        std::vector<std::string> texts, buffers(count);
        for (std::size_t i = 0; i < count; ++i) {
            const auto& entry = entries[i];
            if (!file.values(entry, &values[keys.size() * file.dimension()])) {
                findings_.push_back("the values of \"" + entry.id + "\" cannot be read");
                continue;
            }
            const auto key = key_of(entry.id, buffers[i]);
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

    /// Where the engine looks for this database.
    std::filesystem::path target() const { return root_ / folder_of(report_.database_id) / FILE; }

    void put_in_place() {
        report_.original = conversion::keep(folder_ / FILE, folder_ / ORIGINAL).string();
        const Json report{{"database_id", report_.database_id},
                          {"vectors", report_.vectors},
                          {"original", std::filesystem::path(report_.original).filename().string()},
                          {"findings", findings_}};
        std::ofstream text(folder_ / REPORT);
        text << report.dump(2, ' ', false, Json::error_handler_t::replace) << std::endl;
        if (!text) throw std::runtime_error("cannot write " + (folder_ / REPORT).string());
        conversion::sync(folder_ / REPORT);
        conversion::sync(folder_);
        // Where the engine spells this name otherwise, the old folder keeps the originals and is no database any more.
        conversion::replace(folder_ / SCRATCH / FILE, folder_ / FILE, target());
        std::filesystem::remove_all(folder_ / SCRATCH);
    }

    std::filesystem::path root_, folder_;
    ConversionReport report_;
    v1::Findings findings_;
};

}  // namespace jvdb::adapter

#endif  // JVDB_ADAPTER_CONVERSION_HPP
