/* Every call of jvdb.h from C11: what it does, what it answers, and what it says to bad arguments. This file has
 * storages and directories, smoke_database.c what is done with one database, smoke_batch.c what is done with many keys at
 * once, smoke_visit.c what is shown to a callback, smoke_descriptors.c a
 * program without standard streams, smoke_upkeep.c what an operator does.
 * Usage: smoke DIRECTORY, which is empty or missing. */
#define CHECK_MAIN
#include "smoke.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const char *directory;
char message[512];

void fill(float *vector, float first)
{
    for (int i = 0; i < DIMENSION; i++) vector[i] = first + (float)i;
}

jvdb_storage_t *open_storage(const char *path)
{
    jvdb_storage_t *storage = NULL;
    OK(jvdb_open(path, NULL, &storage, &error));
    if (storage == NULL) exit(check_summary());
    return storage;
}

jvdb_database_t *create(jvdb_storage_t *storage, const char *name)
{
    jvdb_database_t *database = NULL;
    OK(jvdb_create(storage, name, DIMENSION, JVDB_METRIC_COSINE, &database, &error));
    if (database == NULL) exit(check_summary());
    return database;
}

/* NULL for every pointer of every call: a status, never a crash. */
static void null_pointers(void)
{
    jvdb_storage_t *storage = (jvdb_storage_t *)&message;
    jvdb_database_t *database = (jvdb_database_t *)&message;
    jvdb_cursor_t *cursor = (jvdb_cursor_t *)&message;
    jvdb_names_t *names = (jvdb_names_t *)&message;
    jvdb_vector_t vector;
    jvdb_key_t key;
    INVALID(jvdb_open(NULL, NULL, &storage, &error));
    CHECK(storage == NULL);
    CHECK(strstr(message, "path") != NULL);
    INVALID(jvdb_open(directory, NULL, NULL, &error));
    INVALID(jvdb_open_memory(NULL, NULL, &error));
    OK(jvdb_close(NULL, &error));
    INVALID(jvdb_create(NULL, "a", 1, JVDB_METRIC_COSINE, &database, &error));
    CHECK(database == NULL);
    database = (jvdb_database_t *)&message;
    INVALID(jvdb_database_open(NULL, "a", &database, &error));
    CHECK(database == NULL);
    INVALID(jvdb_exists(NULL, "a", &error));
    INVALID(jvdb_drop(NULL, "a", &error));
    INVALID(jvdb_list(NULL, &names, &error));
    CHECK(names == NULL);
    INVALID(jvdb_storage_flush(NULL, NULL, &error));
    INVALID(jvdb_storage_stats(NULL, NULL, &error));
    INVALID(jvdb_database_schema(NULL, NULL, NULL, &error));
    INVALID(jvdb_put(NULL, jvdb_key(1), NULL, 0, NULL, 0, &error));
    INVALID(jvdb_insert(NULL, jvdb_key(1), NULL, 0, NULL, 0, &error));
    INVALID(jvdb_replace(NULL, jvdb_key(1), NULL, 0, NULL, 0, &error));
    INVALID(jvdb_put_batch(NULL, NULL, &error));
    INVALID(jvdb_get_into(NULL, jvdb_key(1), NULL, 0, NULL, 0, NULL, &error));
    INVALID(jvdb_get(NULL, jvdb_key(1), &vector, &error));
    CHECK(vector.elements == NULL);
    jvdb_vector_release(&vector);
    INVALID(jvdb_contains(NULL, jvdb_key(1), &error));
    INVALID(jvdb_delete(NULL, jvdb_key(1), &error));
    INVALID(jvdb_count(NULL, NULL, &error));
    INVALID(jvdb_flush(NULL, NULL, &error));
    INVALID(jvdb_database_stats(NULL, NULL, &error));
    INVALID(jvdb_cursor_open(NULL, 0, &cursor, &error));
    CHECK(cursor == NULL);
    INVALID(jvdb_cursor_next_key(NULL, &key, &error));
    INVALID(jvdb_cursor_position(NULL, NULL, &error));
    INVALID(jvdb_visit(NULL, 0, NULL, NULL, NULL, &error));
    INVALID(jvdb_advise(NULL, JVDB_ADVICE_RANDOM, &error));
    INVALID(jvdb_attribute_set(NULL, "a", NULL, 0, &error));
    INVALID(jvdb_attribute_get(NULL, "a", NULL, 0, NULL, &error));
    INVALID(jvdb_attribute_remove(NULL, "a", &error));
    INVALID(jvdb_attribute_list(NULL, &names, &error));
    CHECK(names == NULL);
    INVALID(jvdb_write_batch(NULL, NULL, NULL, &error));
    INVALID(jvdb_delete_batch(NULL, NULL, NULL, 0, NULL, &error));
    INVALID(jvdb_get_batch(NULL, NULL, NULL, NULL, &error));
    INVALID(jvdb_cursor_next_vector(NULL, &key, &vector, &error));
    CHECK(vector.elements == NULL);
    jvdb_findings_t *findings = (jvdb_findings_t *)&message;
    INVALID(jvdb_verify(NULL, NULL, &findings, &error));
    CHECK(findings == NULL);
    findings = (jvdb_findings_t *)&message;
    INVALID(jvdb_repair(NULL, "a", 0, 0, NULL, &findings, &error));
    CHECK(findings == NULL);
    INVALID(jvdb_compact(NULL, NULL, &error));
    INVALID(jvdb_backup(NULL, "a", NULL, &error));
    OK(jvdb_set_log(NULL, NULL, JVDB_LOG_TRACE, &error));
    EXPECT(JVDB_ABSENT, jvdb_findings_at(NULL, 0, NULL, &error));
    CHECK(jvdb_findings_count(NULL) == 0 && jvdb_findings_backup(NULL) == NULL && jvdb_names_length(NULL, 0) == 0);
    jvdb_findings_free(NULL);
    jvdb_database_release(NULL);
    jvdb_cursor_close(NULL);
    jvdb_vector_release(NULL);
    jvdb_names_free(NULL);
    jvdb_error_free(NULL);
    CHECK(jvdb_names_count(NULL) == 0 && jvdb_names_at(NULL, 0) == NULL);
    CHECK(jvdb_error_code(NULL) == JVDB_OK && *jvdb_error_message(NULL) == '\0');
    CHECK(jvdb_error_os_errno(NULL) == 0 && jvdb_error_offset(NULL) == -1);
    CHECK(jvdb_error_database(NULL) == NULL && jvdb_error_path(NULL) == NULL);
    /* The same without an error object. */
    CHECK(jvdb_open(NULL, NULL, &storage, NULL) == JVDB_ERROR_INVALID_ARGUMENT);
    CHECK(jvdb_contains(NULL, jvdb_key(1), NULL) == JVDB_ERROR_INVALID_ARGUMENT);
}

static void options(void)
{
    jvdb_storage_t *storage;
    jvdb_options_t options = { .struct_size = sizeof options };
    OK(jvdb_open_memory(&options, &storage, &error));
    OK(jvdb_close(storage, &error));
    options.max_open_files = 5;
    options.flush_interval_ms = JVDB_OFF;
    options.pin_timeout_ms = JVDB_OFF;
    options.flags = JVDB_NO_MMAP | JVDB_VERIFY_CHECKSUMS;
    OK(jvdb_open_memory(&options, &storage, &error));
    OK(jvdb_close(storage, &error));
    options.max_open_files = 4;
    INVALID(jvdb_open_memory(&options, &storage, &error));
    CHECK(strstr(message, "max_open_files") != NULL);
    options.max_open_files = 1001;
    INVALID(jvdb_open_memory(&options, &storage, &error));
    options.max_open_files = 0;
    options.flush_interval_ms = 3600001;
    INVALID(jvdb_open_memory(&options, &storage, &error));
    options.flush_interval_ms = -2;
    INVALID(jvdb_open_memory(&options, &storage, &error));
    options.flush_interval_ms = 0;
    options.flags = 1u << 30;
    INVALID(jvdb_open_memory(&options, &storage, &error));
    options.flags = 0;
    options.struct_size = 0;
    INVALID(jvdb_open_memory(&options, &storage, &error));
    CHECK(strstr(message, "struct_size") != NULL);
    /* A program built for a newer library: fine for as long as the new field is zero. */
    struct {
        jvdb_options_t known;
        uint64_t unknown;
    } newer = { { .struct_size = sizeof newer }, 0 };
    OK(jvdb_open_memory(&newer.known, &storage, &error));
    OK(jvdb_close(storage, &error));
    newer.unknown = 1;
    INVALID(jvdb_open_memory(&newer.known, &storage, &error));
}

static void directories(void)
{
    jvdb_storage_t *storage = open_storage(directory), *second;
    jvdb_database_t *database = NULL;
    jvdb_names_t *names;
    uint32_t dimension;
    int32_t metric;

    jvdb_error_t *error = NULL;
    CHECK(jvdb_open(directory, NULL, &second, &error) == JVDB_ERROR_LOCKED);
    CHECK(second == NULL);
    CHECK(jvdb_error_path(error) != NULL && strstr(jvdb_error_path(error), directory) != NULL);
    jvdb_error_free(error);

    OK(jvdb_list(storage, &names, &error));
    CHECK(jvdb_names_count(names) == 0 && jvdb_names_at(names, 0) == NULL);
    jvdb_names_free(names);
    INVALID(jvdb_list(storage, NULL, &error));

    OK(jvdb_create(storage, "b", 3, JVDB_METRIC_DOT_PRODUCT, &database, &error));
    OK(jvdb_create(storage, "a", 65536, JVDB_METRIC_EUCLIDEAN, NULL, &error));
    OK(jvdb_database_schema(database, &dimension, &metric, &error));
    CHECK(dimension == 3 && metric == JVDB_METRIC_DOT_PRODUCT);
    OK(jvdb_database_schema(database, NULL, NULL, &error));

    EXPECT(JVDB_ERROR_ALREADY_EXISTS, jvdb_create(storage, "b", 3, JVDB_METRIC_COSINE, NULL, &error));
    CHECK(strstr(message, "\"b\"") != NULL);
    INVALID(jvdb_create(storage, NULL, 3, JVDB_METRIC_COSINE, NULL, &error));
    INVALID(jvdb_create(storage, "c", 0, JVDB_METRIC_COSINE, NULL, &error));
    INVALID(jvdb_create(storage, "c", 65537, JVDB_METRIC_COSINE, NULL, &error));
    INVALID(jvdb_create(storage, "c", 3, 3, NULL, &error));
    INVALID(jvdb_create(storage, "c", 3, -1, NULL, &error));
    INVALID(jvdb_create(storage, "", 3, JVDB_METRIC_COSINE, NULL, &error));
    INVALID(jvdb_create(storage, "../c", 3, JVDB_METRIC_COSINE, NULL, &error));
    INVALID(jvdb_create(storage, "\xff", 3, JVDB_METRIC_COSINE, NULL, &error));

    OK(jvdb_exists(storage, "a", &error));
    EXPECT(JVDB_ABSENT, jvdb_exists(storage, "c", &error));
    OK(jvdb_list(storage, &names, &error));
    CHECK(jvdb_names_count(names) == 2);
    CHECK(strcmp(jvdb_names_at(names, 0), "a") == 0 && strcmp(jvdb_names_at(names, 1), "b") == 0);
    CHECK(jvdb_names_at(names, 2) == NULL);
    jvdb_names_free(names);

    OK(jvdb_drop(storage, "a", &error));
    EXPECT(JVDB_ERROR_NOT_FOUND, jvdb_drop(storage, "a", &error));
    jvdb_database_t *absent = database;
    EXPECT(JVDB_ERROR_NOT_FOUND, jvdb_database_open(storage, "a", &absent, &error));
    CHECK(absent == NULL);
    CHECK(jvdb_database_open(storage, "a", &absent, &error) == JVDB_ERROR_NOT_FOUND);
    CHECK(strcmp(jvdb_error_database(error), "a") == 0 && jvdb_error_path(error) == NULL);
    jvdb_error_free(error);
    INVALID(jvdb_database_open(storage, "b", NULL, &error));

    /* A handle on a database dropped under it. */
    OK(jvdb_drop(storage, "b", &error));
    EXPECT(JVDB_ERROR_DROPPED, jvdb_contains(database, jvdb_key(1), &error));
    jvdb_database_release(database);
    OK(jvdb_close(storage, &error));

    /* A directory below a file cannot be. */
    char path[4096];
    snprintf(path, sizeof path, "%s/file", directory);
    fclose(fopen(path, "w"));
    strcat(path, "/below");
    error = NULL;
    CHECK(jvdb_open(path, NULL, &storage, &error) == JVDB_ERROR_IO);
    CHECK(jvdb_error_os_errno(error) == ENOTDIR && storage == NULL);
    jvdb_error_free(error);
    path[strlen(path) - strlen("/below")] = '\0';
    remove(path);

    jvdb_options_t options = { .struct_size = sizeof options, .flags = JVDB_NO_CREATE };
    snprintf(path, sizeof path, "%s/missing", directory);
    EXPECT(JVDB_ERROR_IO, jvdb_open(path, &options, &storage, &error));
}

static void read_only(void)
{
    jvdb_options_t options = { .struct_size = sizeof options, .flags = JVDB_READ_ONLY };
    jvdb_storage_t *storage;
    jvdb_database_t *database;
    float vector[DIMENSION];
    fill(vector, 0);
    OK(jvdb_open(directory, &options, &storage, &error));
    EXPECT(JVDB_ERROR_READ_ONLY, jvdb_create(storage, "new", 3, JVDB_METRIC_COSINE, NULL, &error));
    EXPECT(JVDB_ERROR_READ_ONLY, jvdb_drop(storage, "stats", &error));
    OK(jvdb_database_open(storage, "stats", &database, &error));
    OK(jvdb_contains(database, jvdb_key(1), &error));
    EXPECT(JVDB_ERROR_READ_ONLY, jvdb_put(database, jvdb_key(1), vector, DIMENSION, NULL, 0, &error));
    jvdb_database_release(database);
    OK(jvdb_close(storage, &error));
}

/* A file that is none, and one of another version. */
static void foreign_files(void)
{
    static char bytes[16384];
    char path[4096];
    jvdb_storage_t *storage = open_storage(directory);
    jvdb_database_t *database;
    snprintf(path, sizeof path, "%s/foreign.jvdb", directory);
    FILE *file = fopen(path, "w");
    fwrite(bytes, 1, sizeof bytes, file);
    fclose(file);
    OK(jvdb_close(storage, &error));
    storage = open_storage(directory);
    jvdb_error_t *error = NULL;
    CHECK(jvdb_database_open(storage, "foreign", &database, &error) == JVDB_ERROR_CORRUPT);
    CHECK(jvdb_error_path(error) != NULL && strstr(jvdb_error_path(error), "foreign.jvdb") != NULL);
    CHECK(jvdb_error_offset(error) >= 0);
    jvdb_error_free(error);
    CHECK(database == NULL);
    OK(jvdb_close(storage, &error));
    remove(path);
}

/* One more database than may be open, all held. */
static void all_pinned(void)
{
    jvdb_options_t options = { .struct_size = sizeof options, .max_open_files = 5, .pin_timeout_ms = JVDB_OFF };
    jvdb_storage_t *storage;
    jvdb_database_t *held[5], *more;
    char name[16];
    OK(jvdb_open_memory(&options, &storage, &error));
    for (int i = 0; i < 5; i++) {
        snprintf(name, sizeof name, "pinned%d", i);
        OK(jvdb_create(storage, name, 3, JVDB_METRIC_COSINE, &held[i], &error));
    }
    EXPECT(JVDB_ERROR_ALL_PINNED, jvdb_create(storage, "more", 3, JVDB_METRIC_COSINE, &more, &error));
    CHECK(more == NULL);
    jvdb_database_release(held[0]);
    OK(jvdb_create(storage, "other", 3, JVDB_METRIC_COSINE, &more, &error));
    jvdb_database_release(more);
    for (int i = 1; i < 5; i++) jvdb_database_release(held[i]);
    OK(jvdb_close(storage, &error));
}

static void in_memory(void)
{
    jvdb_storage_t *storage;
    float in[DIMENSION], out[DIMENSION];
    fill(in, 5);
    OK(jvdb_open_memory(NULL, &storage, &error));
    jvdb_database_t *database = create(storage, "memory");
    OK(jvdb_put(database, jvdb_key(1), in, DIMENSION, NULL, 0, &error));
    OK(jvdb_get_into(database, jvdb_key(1), out, DIMENSION, NULL, 0, NULL, &error));
    CHECK(memcmp(in, out, sizeof in) == 0);
    OK(jvdb_flush(database, NULL, &error));
    jvdb_database_release(database);
    OK(jvdb_close(storage, &error));
    OK(jvdb_open_memory(NULL, &storage, &error));
    EXPECT(JVDB_ABSENT, jvdb_exists(storage, "memory", &error));
    OK(jvdb_close(storage, &error));
}

/* What was stored is there after closing and opening. */
static void restart(void)
{
    jvdb_storage_t *storage = open_storage(directory);
    jvdb_database_t *database;
    float in[DIMENSION], out[DIMENSION];
    uint64_t id = 7999, found, count;
    size_t length;
    fill(in, (float)id);
    OK(jvdb_database_open(storage, "threads", &database, &error));
    OK(jvdb_count(database, &count, &error));
    CHECK(count == 8000);
    OK(jvdb_get_into(database, jvdb_key(id), out, DIMENSION, &found, sizeof found, &length, &error));
    CHECK(memcmp(in, out, sizeof in) == 0 && length == sizeof id && found == id);
    jvdb_database_release(database);
    OK(jvdb_close(storage, &error));
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: smoke DIRECTORY\n");
        return 2;
    }
    directory = argv[1];
    versions();
    null_pointers();
    options();
    directories();
    vectors();
    batches();
    mixed_batches();
    reads_of_many();
    cursors();
    walks_over_vectors();
    readers_move_on();
    visits();
    visits_in_pieces();
    changes_from_within_a_visit();
    visits_while_others_write();
    visits_over_damage();
    advice();
    attributes();
    attribute_names();
    verification_and_compaction();
    backups();
    walks_over_damage();
    repairs();
    log_callback();
    flush_and_stats();
    flush_interval();
    read_only();
    foreign_files();
    all_pinned();
    in_memory();
    threads();
    restart();
    low_descriptors();
    return check_summary();
}
