// What calls of jvdb.hpp take as keys, vectors, metadata and batches, and what they refuse: most of it when they are compiled.
// Usage: arguments DIRECTORY, which is empty or missing.
#define CHECK_MAIN
#include "check.h"
#include "jvdb.hpp"
#include "thrown.hpp"

#include <array>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <string>
#include <sys/resource.h>
#include <type_traits>
#include <vector>

namespace {

enum class Colour : std::uint8_t { red = 3 };
enum Plain { plain = 5 };
using Floats = std::vector<float>;

template <class T>
constexpr bool is_key = std::is_convertible_v<T, jvdb::Key>;

static_assert(is_key<int> && is_key<std::uint64_t> && is_key<std::int8_t> && is_key<unsigned char> && is_key<long long>);
static_assert(is_key<const char*> && is_key<std::string> && is_key<std::string_view> && is_key<jvdb_key_t>);
static_assert(!std::is_constructible_v<jvdb::Key, char> && !std::is_constructible_v<jvdb::Key, bool>);
static_assert(!std::is_constructible_v<jvdb::Key, wchar_t> && !std::is_constructible_v<jvdb::Key, char16_t>);
static_assert(!std::is_constructible_v<jvdb::Key, double> && !std::is_constructible_v<jvdb::Key, void*>);
static_assert(!std::is_constructible_v<jvdb::Key, std::nullptr_t>);
// An enumerator is its number where that is said.
static_assert(!is_key<Colour> && !is_key<Plain>);
static_assert(std::is_constructible_v<jvdb::Key, Colour> && std::is_constructible_v<jvdb::Key, Plain>);

template <class T>
constexpr bool is_vector = std::is_convertible_v<T, jvdb::Elements>;

static_assert(is_vector<Floats> && is_vector<std::array<float, 3>> && is_vector<const float (&)[3]> && is_vector<float (&)[3]>);
static_assert(is_vector<const jvdb::Vector&> && is_vector<jvdb::View>);
#ifdef __cpp_lib_span
static_assert(is_vector<std::span<const float>> && is_vector<std::span<float>> && is_vector<std::span<float, 3>>);
#endif
static_assert(!is_vector<std::vector<double>> && !is_vector<std::array<int, 3>> && !is_vector<std::string>);
static_assert(!is_vector<const float*> && !is_vector<float>);

template <class T, class = void>
constexpr bool can_batch = false;
template <class T>
constexpr bool can_batch<T, std::void_t<decltype(std::declval<jvdb::Batch&>().put(1, std::declval<T>()))>> = true;

static_assert(can_batch<Floats&> && can_batch<const std::array<float, 3>&> && can_batch<float (&)[3]>);
static_assert(can_batch<jvdb::Elements> && can_batch<jvdb::View> && can_batch<const jvdb::Vector&>);
// They would be gone when the batch is written.
static_assert(!can_batch<Floats> && !can_batch<std::array<float, 3>> && !can_batch<jvdb::Vector>);

void null_pointers_are_no_keys(jvdb::Storage& storage) {
    auto database = storage.create("null", 3);
    const char* const null = nullptr;
    const Floats vector{1, 2, 3};
    CHECK(thrown([&] { (void)database.get(null); }) == JVDB_ERROR_INVALID_ARGUMENT);
    CHECK(thrown([&] { database.put(null, vector); }) == JVDB_ERROR_INVALID_ARGUMENT);
    CHECK(thrown([&] { database.contains(null); }) == JVDB_ERROR_INVALID_ARGUMENT);
    CHECK(thrown([&] { database.erase(null); }) == JVDB_ERROR_INVALID_ARGUMENT);
    jvdb::Batch batch;
    batch.put(1, vector).put(null, vector);
    CHECK(thrown([&] { database.put(batch); }) == JVDB_ERROR_INVALID_ARGUMENT && database.count() == 0);
    // Where bytes may be none, they are none.
    database.put(1, vector, null);
    CHECK(database.get(1)->metadata().empty());
    database.set_attribute("a", null);
    CHECK(database.attribute("a") == "");
}

void numbers_and_enumerators(jvdb::Storage& storage) {
    auto database = storage.create("numbers", 3);
    const Floats vector{1, 2, 3};
    database.put(jvdb::Key(Colour::red), vector, "red");
    database.put(jvdb::Key(plain), vector, "plain");
    database.put(std::int8_t{-1}, vector, "minus one");
    CHECK(database.get(3)->metadata() == "red" && database.get(5u)->metadata() == "plain");
    CHECK(database.get(UINT64_MAX)->metadata() == "minus one" && !database.get("3"));
}

void vectors_of_any_kind(jvdb::Storage& storage) {
    auto database = storage.create("vectors", 3);
    const std::array<float, 3> array{1, 2, 3};
    const float plain_array[] = {4, 5, 6};
    Floats vector{7, 8, 9};
    database.put(1, array, "array");
    database.put(2, plain_array);
    database.insert(3, vector);
    database.put(4, {10, 11, 12}, "list");
    database.replace(4, Floats{13, 14, 15}, std::vector<std::uint8_t>{'u', '8'});
    database.put(5, *database.get(1));
#ifdef __cpp_lib_span
    database.put(6, std::span(vector), "span");
#else
    database.put(6, vector.data(), vector.size(), "span");
#endif
    CHECK((*database.get(1))[2] == 3 && (*database.get(2))[0] == 4 && (*database.get(3))[1] == 8);
    CHECK((*database.get(4))[0] == 13 && database.get(4)->metadata() == "u8" && (*database.get(5))[1] == 2);
    CHECK(database.get(6)->metadata() == "span");
    CHECK(thrown([&] { database.put(7, std::array<float, 2>{1, 2}); }) == JVDB_ERROR_DIMENSION_MISMATCH);

    std::array<float, 3> into_array{};
    float into_plain[3];
    CHECK(database.get_into(1, into_array) && into_array == array);
    CHECK(database.get_into(2, into_plain) && into_plain[2] == 6);
    CHECK(database.get_into(3, vector) && vector[0] == 7 && !database.get_into(99, vector));
    std::array<float, 2> small{};
    CHECK(thrown([&] { database.get_into(1, small); }) == JVDB_ERROR_DIMENSION_MISMATCH);
}

void batches(jvdb::Storage& storage) {
    auto database = storage.create("batches", 2);
    const std::vector<Floats> rows{{1, 2}, {3, 4}, {5, 6}};
    const std::array<float, 2> array{7, 8};
    const float plain_array[] = {9, 10};
    jvdb::Batch batch;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        // Texts may be gone when the batch is written.
        batch.put("key " + std::to_string(i), rows[i], "metadata " + std::to_string(i));
    }
    batch.put(1, array).put(2, plain_array, "plain").erase("key 1").erase("none");
    CHECK(batch.size() == 7 && !batch.empty());
    const auto written = database.write(batch);
    CHECK(written.inserted == 5 && written.deleted == 1 && written.replaced == 0);
    CHECK(database.count() == 4 && database.get("key 2")->metadata() == "metadata 2" && (*database.get("key 2"))[1] == 6);
    CHECK((*database.get(1))[0] == 7 && database.get(2)->metadata() == "plain" && !database.get("key 1"));

    batch.clear();
    const Floats longer{1, 2, 3};
    batch.put(8, array).put(9, longer);
    CHECK(thrown([&] { database.put(batch); }) == JVDB_ERROR_DIMENSION_MISMATCH && database.count() == 4);
    batch.clear();
    batch.put(8, longer);
    CHECK(thrown([&] { database.put(batch); }) == JVDB_ERROR_DIMENSION_MISMATCH);
    batch.clear();
    database.put(batch);
    batch.erase(1).erase(2);
    CHECK(database.write(batch).deleted == 2 && database.count() == 2);
}

void created_with_attributes(jvdb::Storage& storage, const std::string& directory) {
    const std::string zeros("a\0b", 3);
    auto database = storage.create("with", 3, JVDB_METRIC_EUCLIDEAN, {{"one", "1"}, {"two", zeros}, {"none", {}}});
    CHECK(database.attribute("one") == "1" && database.attribute("two") == zeros && database.attribute("none") == "");
    CHECK(database.metric() == JVDB_METRIC_EUCLIDEAN && database.attributes().size() == 3 && database.verify().damage.empty());
    CHECK(thrown([&] { storage.create("with", 3, 0, {{"a", "b"}}); }) == JVDB_ERROR_ALREADY_EXISTS);
    const auto refused = [&](const std::vector<jvdb::Attribute>& attributes) {
        return thrown([&] { storage.create("refused", 3, 0, attributes); }) == JVDB_ERROR_INVALID_ARGUMENT &&
               !storage.exists("refused");
    };
    CHECK(refused({{"", "empty"}}) && refused({{std::string(513, 'x'), "long"}}) && refused({{"a\0b", {}}, {zeros, {}}}));

    // Where there is room for the empty database and for nothing else, there is none afterwards.
    std::signal(SIGXFSZ, SIG_IGN);
    rlimit before{};
    ::getrlimit(RLIMIT_FSIZE, &before);
    const rlimit limit{8192, before.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    const auto status = thrown([&] { storage.create("no room", 3, 0, {{"a", "b"}}); });
    ::setrlimit(RLIMIT_FSIZE, &before);
    CHECK(status == JVDB_ERROR_IO && !storage.exists("no room"));
    for (const auto& entry : std::filesystem::directory_iterator(directory)) CHECK(entry.path().extension() != ".tmp");
    CHECK(storage.create("no room", 3, 0, {{"a", "b"}}).attribute("a") == "b");
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) return 2;
    auto storage = jvdb::Storage::open(argv[1]);
    null_pointers_are_no_keys(storage);
    numbers_and_enumerators(storage);
    vectors_of_any_kind(storage);
    batches(storage);
    created_with_attributes(storage, argv[1]);
    storage.close();
    return check_summary();
}
