// Turns every <name>.jvdb of format version 1 that lies in a directory into a database of this version, for the documented
// classes: ids that are numbers become the numbers that those classes use. in_place.hpp says how a crash is survived.
//
// The new file is written in <directory>/.converting. The old one stays as <name>.jvdb.v1, with <name>.conversion-report.txt
// beside it, and is read by nobody any more.
#ifndef JVDB_CONVERSION_FLAT_HPP
#define JVDB_CONVERSION_FLAT_HPP

#include "../../jvdb.hpp"
#include "in_place.hpp"

#include <algorithm>
#include <string>
#include <vector>

namespace jvdb::conversion {

/// The conversion of one directory.
class Flat {
public:
    /// Converts what needs it. `root` is open for writing, so that nobody else is at it. A file that cannot be converted
    /// does not keep the others from it.
    static std::vector<Report> of_directory(const std::filesystem::path& root, const char* who) {
        std::vector<std::filesystem::path> files;
        for (const auto& entry : std::filesystem::directory_iterator(root)) {
            if (entry.path().extension() == ".jvdb" && is_one(entry.path())) files.push_back(entry.path());
        }
        std::sort(files.begin(), files.end());
        std::vector<Report> reports;
        for (const auto& file : files) {
            reports.push_back(Flat(file).run());
            log(who, reports.back());
        }
        // Left by the last one, or by a conversion that ended between the renaming and its tidying up.
        std::error_code ignored;
        std::filesystem::remove_all(root / SCRATCH, ignored);
        return reports;
    }

private:
    static constexpr const char* SCRATCH = ".converting";
    static constexpr std::size_t BATCH = 1000;

    /// What cannot be read, or is no file, is not: whoever opens that database is told why.
    static bool is_one(const std::filesystem::path& path) {
        try {
            return v1::File::is_one(path);
        } catch (const std::exception&) {
            return false;
        }
    }

    explicit Flat(std::filesystem::path file) : file_(std::move(file)), scratch_(file_.parent_path() / SCRATCH) {
        report_.database_id = file_.stem().string();
        report_.original = file_.string();
    }

    Report run() {
        try {
            if (is_in_place(file_, original(), target())) {
                report_.original = original().string();
                std::filesystem::remove(file_);
                sync(file_.parent_path());
                report_.converted = true;
            } else if (auto file = v1::File::open(file_, report_.findings)) {
                write(*file);
                put_in_place();
                report_.converted = true;
            }
        } catch (const std::exception& error) {
            report_.findings.insert(report_.findings.begin(), error.what());
        }
        return std::move(report_);
    }

    /// Writes the new file, whole and durable, into the scratch folder.
    void write(v1::File& file) {
        std::filesystem::remove_all(scratch_);
        auto storage = Storage::open(scratch_.string());
        {
            auto database = storage.create(report_.database_id, file.dimension());
            auto entries = file.entries(report_.findings);
            v1::settle_ids(entries, {}, report_.findings);
            std::vector<float> values(file.dimension() * std::min(BATCH, entries.size()));
            for (std::size_t first = 0; first < entries.size(); first += BATCH) {
                store(database, file, &entries[first], std::min(BATCH, entries.size() - first), values);
            }
        }
        storage.close();
    }

    /// Stores some entries in one step.
    void store(Database& database, v1::File& file, const v1::Entry* entries, std::size_t count,
               std::vector<float>& values) {
        std::vector<jvdb_key_t> keys;
        for (std::size_t i = 0; i < count; ++i) {
            const auto& id = entries[i].id;
            if (id.empty()) {
                report_.findings.push_back("a vector has an empty id, which no call of these classes takes");
                continue;
            }
            if (!file.values(entries[i], &values[keys.size() * file.dimension()])) {
                report_.findings.push_back("the values of \"" + id + "\" cannot be read");
                continue;
            }
            std::uint64_t number = 0;
            if (is_number(id, number)) {
                keys.push_back(jvdb_key(number));
            } else {
                keys.push_back(jvdb_key_bytes(id.data(), id.size()));
                report_.findings.push_back("id \"" + id + "\" is no number: jvdb.h and jvdb.hpp find its vector");
            }
        }
        jvdb_batch_t batch{};
        batch.count = keys.size();
        batch.dimension = file.dimension();
        batch.keys = keys.data();
        batch.matrix = values.data();
        if (!keys.empty()) database.put(batch);
        report_.vectors += keys.size();
    }

    /// Whether an id is how a number from 0 to INT64_MAX is written.
    static bool is_number(const std::string& id, std::uint64_t& number) {
        if (id.empty() || id.size() > 19 || (id.size() > 1 && id.front() == '0')) return false;
        for (const char digit : id) {
            if (digit < '0' || digit > '9') return false;
            number = number * 10 + static_cast<std::uint64_t>(digit - '0');
        }
        return number <= INT64_MAX;
    }

    std::filesystem::path original() const { return file_.string() + ".v1"; }
    /// Where the engine looks for this database.
    std::filesystem::path target() const {
        return file_.parent_path() / (file_name_of(report_.database_id) + ".jvdb");
    }

    void put_in_place() {
        const auto folder = file_.parent_path();
        report_.original = keep(file_, original()).string();
        const auto told = folder / (report_.database_id + ".conversion-report.txt");
        std::string text = "database: " + report_.database_id + "\nvectors: " + std::to_string(report_.vectors) +
                           "\noriginal: " + report_.original +
                           "\nfindings: " + std::to_string(report_.findings.size()) + '\n';
        for (const auto& finding : report_.findings) text += "- " + finding + '\n';
        write_new(told, text);
        sync(folder);
        replace(scratch_ / target().filename(), file_, target());
    }

    std::filesystem::path file_, scratch_;
    Report report_;
};

}  // namespace jvdb::conversion

#endif  // JVDB_CONVERSION_FLAT_HPP
