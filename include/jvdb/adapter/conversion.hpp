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
#include "numbered.hpp"
#include "key.hpp"
#include "name.hpp"
#include "record.hpp"
#include "sidecar.hpp"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace jvdb::adapter {

namespace v1 = conversion::v1;
using ConversionReport = conversion::Report;

class Conversion {
public:
    /// Converts every folder of a directory that needs it. `storage` has the directory open, so that nobody else is at it.
    /// One that cannot be converted or read does not keep the others from it.
    static std::vector<ConversionReport> of_directory(const Storage& storage, const std::filesystem::path& root) {
        std::vector<ConversionReport> reports;
        auto [folders, files] = contents_of(root);
        for (const auto& file : files) {
            const auto folder = root / file.stem();
            ConversionReport report;
            report.database_id = file.stem().string();
            report.original = file.string();
            try {
                if (!v1::File::is_one(file)) continue;
                if (move(storage, file, folder, report.findings)) {
                    if (std::find(folders.begin(), folders.end(), folder) == folders.end()) folders.push_back(folder);
                    continue;
                }
            } catch (const std::exception& error) {
                report.findings.push_back(error.what());
            }
            add(reports, std::move(report));
        }
        std::sort(folders.begin(), folders.end());
        for (const auto& folder : folders) {
            Conversion conversion(storage, root, folder);
            if (conversion.is_needed()) add(reports, conversion.run());
        }
        return reports;
    }

private:
    static constexpr const char* SCRATCH = ".converting";
    static constexpr std::size_t BATCH = 1000;
    static constexpr const char* WHO = "DatabasePersistenceAdapter";

    struct Contents {
        std::vector<std::filesystem::path> folders, files;
    };

    /// Folders, and files of the flat layout.
    static Contents contents_of(const std::filesystem::path& root) {
        Contents contents;
        for (const auto& entry : std::filesystem::directory_iterator(root)) {
            std::error_code unknown;
            if (entry.is_directory(unknown)) {
                contents.folders.push_back(entry.path());
            } else if (entry.path().extension() == ".jvdb") {
                contents.files.push_back(entry.path());
            }
        }
        return contents;
    }

    static void add(std::vector<ConversionReport>& reports, ConversionReport report) {
        conversion::log(WHO, report);
        reports.push_back(std::move(report));
    }

    /// Moves a file of the flat layout into its folder; false, and why, if its header cannot be right.
    static bool move(const Storage& storage, const std::filesystem::path& file, const std::filesystem::path& folder,
                     v1::Findings& findings) {
        if (!v1::File::open(file, findings)) return false;
        const auto spelled = folder.parent_path() / folder_of(name_of(storage, folder.filename().string()));
        if (std::filesystem::exists(folder / DATABASE_FILE) || std::filesystem::exists(spelled / DATABASE_FILE)) {
            throw std::runtime_error("there is a folder of this name with a database in it");
        }
        std::filesystem::create_directories(folder);
        conversion::sync(folder.parent_path());
        std::filesystem::rename(file, folder / DATABASE_FILE);
        conversion::sync(folder);
        conversion::sync(folder.parent_path());
        return true;
    }

    Conversion(const Storage& storage, const std::filesystem::path& root, std::filesystem::path folder)
        : folder_(std::move(folder)) {
        report_.database_id = folder_.filename().string();
        report_.original = (folder_ / DATABASE_FILE).string();
        // Where the engine looks for this database.
        target_ = root / folder_of(name_of(storage, report_.database_id)) / DATABASE_FILE;
    }

    /// Whether there is a file of version 1, or something that may be one and cannot be read: run() says why.
    bool is_needed() {
        try {
            if (v1::File::is_one(folder_ / DATABASE_FILE)) return true;
            // Left by a conversion that ended between the renaming and its tidying up.
            if (std::filesystem::exists(folder_ / DATABASE_FILE) || std::filesystem::exists(folder_ / ORIGINAL_FILE)) {
                std::filesystem::remove_all(folder_ / SCRATCH);
            }
            return false;
        } catch (const std::exception& error) {
            unreadable_ = error.what();
            // What a file system keeps for itself is root's alone.
            return folder_.filename() != "lost+found";
        }
    }

    ConversionReport run() {
        try {
            if (unreadable_) throw std::runtime_error(*unreadable_);
            if (conversion::is_in_place(folder_ / DATABASE_FILE, folder_ / ORIGINAL_FILE, target_)) {
                report_.original = (folder_ / ORIGINAL_FILE).string();
                std::filesystem::remove(folder_ / DATABASE_FILE);
                conversion::sync(folder_);
                std::filesystem::remove_all(folder_ / SCRATCH);
                report_.converted = true;
            } else if (auto file = v1::File::open(folder_ / DATABASE_FILE, findings_)) {
                write(*file);
                put_in_place();
                report_.converted = true;
            }
        } catch (const std::exception& error) {
            findings_.insert(findings_.begin(), error.what());
        }
        report_.findings = std::move(findings_);
        return std::move(report_);
    }

    /// Writes the new file, whole and durable, into the scratch folder.
    void write(v1::File& file) {
        const auto described = description_in(text_of("metadata.json"), findings_);
        check_dimension(described, file.dimension());
        auto metadata = vector_metadata_in(text_of("vector_metadata.json"), findings_);
        auto entries = file.entries(findings_);
        std::vector<std::string> known;
        for (const auto& [id, _] : metadata.items()) known.push_back(id);
        v1::settle_ids(entries, known, findings_);
        std::filesystem::remove_all(folder_ / SCRATCH);
        auto storage = Storage::open((folder_ / SCRATCH).string());
        {
            auto database = storage.create("vectors", file.dimension());
            std::vector<float> values(file.dimension() * std::min(BATCH, entries.size()));
            for (std::size_t first = 0; first < entries.size(); first += BATCH) {
                const auto count = std::min(BATCH, entries.size() - first);
                store(database, file, &entries[first], count, values, metadata);
            }
            database.set_attribute(DATABASE_RECORD, bytes_of(description(described, file.dimension())));
        }
        storage.close();
        for (const auto& [id, _] : metadata.items()) {
            findings_.push_back("metadata of \"" + id + "\", which has no vector, was left out");
        }
    }

    /// What is in a file beside the vectors; nothing if there is none. One that cannot be read stops the conversion: what
    /// is in it would be lost.
    std::optional<std::string> text_of(const char* name) const {
        auto file = conversion::InputFile::open(folder_ / name);
        return file ? std::optional(file->text()) : std::nullopt;
    }

    static void check_dimension(const Json& described, std::uint32_t dimension) {
        const auto found = described.find("vector_dimension");
        if (found == described.end() || !found->is_number_integer() || *found == dimension) return;
        throw std::runtime_error("the header of vectors.jvdb has dimension " + std::to_string(dimension) +
                                 ", metadata.json has " + found->dump() +
                                 "; nothing was converted: correct the one that is wrong");
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
            write_metadata(texts.emplace_back(), vector_from(entry.id, metadata), Home{}, has_made_key(entry.id.size()));
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
        const auto found = metadata.find(id);
        if (found == metadata.end()) return vector;
        if (found->is_object()) {
            text_in(*found, "source", vector.metadata.source);
            text_in(*found, "owner", vector.metadata.owner);
            text_in(*found, "category", vector.metadata.category);
            text_in(*found, "status", vector.metadata.status);
            const auto custom = found->find("_custom");
            if (custom != found->end() && custom->is_object()) custom->get_to(vector.metadata.custom);
        } else if (!found->is_null()) {  // which the replaced class wrote where there were none
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
    Json description(const Json& found, std::uint32_t dimension) {
        jade::Database database;
        database.databaseId = report_.database_id;
        database.name = report_.database_id;
        database.vectorDimension = static_cast<int>(dimension);
        text_in(found, "name", database.name);
        if (database.name.empty()) database.name = report_.database_id;
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

    void put_in_place() {
        report_.original = conversion::keep(folder_ / DATABASE_FILE, folder_ / ORIGINAL_FILE).string();
        const Json report{{"database_id", report_.database_id},
                          {"vectors", report_.vectors},
                          {"original", std::filesystem::path(report_.original).filename().string()},
                          {"findings", findings_}};
        conversion::write_new(folder_ / REPORT_FILE,
                              report.dump(2, ' ', false, Json::error_handler_t::replace) + '\n');
        conversion::sync(folder_);
        // Where the engine spells this name otherwise, the old folder keeps the originals and is no database any more.
        conversion::replace(folder_ / SCRATCH / DATABASE_FILE, folder_ / DATABASE_FILE, target_);
        std::filesystem::remove_all(folder_ / SCRATCH);
    }

    std::filesystem::path folder_, target_;
    std::optional<std::string> unreadable_;
    ConversionReport report_;
    v1::Findings findings_;
};

}  // namespace jvdb::adapter

#endif  // JVDB_ADAPTER_CONVERSION_HPP
