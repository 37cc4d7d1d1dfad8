/* The part of the smoke test that works with one database: vectors, batches, cursors, attributes, flush, threads. */
#define _POSIX_C_SOURCE 200809L
#include "smoke.h"

#include <pthread.h>
#include <string.h>
#include <time.h>

void vectors(void)
{
    jvdb_storage_t *storage = open_storage(directory);
    jvdb_database_t *database = create(storage, "vectors");
    float in[DIMENSION], out[DIMENSION] = { 0 };
    char metadata[16] = "unchanged";
    size_t length = 99;
    uint64_t count;

    fill(in, 1);
    in[3] = -0.0f;
    OK(jvdb_put(database, jvdb_key(7), in, DIMENSION, "{\"a\":1}", 7, &error));
    OK(jvdb_put(database, jvdb_key_bytes("7", 1), in, DIMENSION, NULL, 0, &error));
    OK(jvdb_count(database, &count, &error));
    CHECK(count == 2);
    INVALID(jvdb_count(database, NULL, &error));

    /* Copies. */
    OK(jvdb_get_into(database, jvdb_key(7), out, DIMENSION, metadata, sizeof metadata, &length, &error));
    CHECK(memcmp(in, out, sizeof in) == 0);
    CHECK(length == 7 && memcmp(metadata, "{\"a\":1}", 7) == 0);
    OK(jvdb_get_into(database, jvdb_key_bytes("7", 1), NULL, 0, NULL, 0, &length, &error));
    CHECK(length == 0);
    OK(jvdb_get_into(database, jvdb_key(7), NULL, 0, metadata, 7, NULL, &error));

    /* Never a part: too small a buffer leaves both as they were, and tells the length. */
    memset(metadata, 'x', sizeof metadata);
    memset(out, 0, sizeof out);
    length = 0;
    EXPECT(JVDB_ERROR_BUFFER_TOO_SMALL,
           jvdb_get_into(database, jvdb_key(7), out, DIMENSION, metadata, 6, &length, &error));
    CHECK(length == 7 && metadata[0] == 'x' && out[0] == 0);
    EXPECT(JVDB_ERROR_DIMENSION_MISMATCH,
           jvdb_get_into(database, jvdb_key(7), out, DIMENSION - 1, NULL, 0, NULL, &error));
    CHECK(out[0] == 0);
    length = 99;
    EXPECT(JVDB_ABSENT, jvdb_get_into(database, jvdb_key(8), out, DIMENSION, metadata, 16, &length, &error));
    CHECK(length == 99 && metadata[0] == 'x' && out[0] == 0);
    INVALID(jvdb_get_into(database, jvdb_key(7), (float *)((char *)out + 1), DIMENSION - 1, NULL, 0, NULL, &error));

    /* Pinned. */
    jvdb_vector_t pinned;
    EXPECT(JVDB_ABSENT, jvdb_get(database, jvdb_key(8), &pinned, &error));
    CHECK(pinned.elements == NULL && pinned.dimension == 0);
    OK(jvdb_get(database, jvdb_key(7), &pinned, &error));
    INVALID(jvdb_get(database, jvdb_key(7), NULL, &error));
    CHECK(pinned.dimension == DIMENSION && (uintptr_t)pinned.elements % 64 == 0);
    CHECK(pinned.metadata_length == 7);

    /* Storing under an existing key, and not. */
    float other[DIMENSION];
    fill(other, 100);
    EXPECT(JVDB_ERROR_KEY_EXISTS, jvdb_insert(database, jvdb_key(7), other, DIMENSION, NULL, 0, &error));
    OK(jvdb_insert(database, jvdb_key(8), other, DIMENSION, NULL, 0, &error));
    EXPECT(JVDB_ERROR_KEY_NOT_FOUND, jvdb_replace(database, jvdb_key(9), other, DIMENSION, NULL, 0, &error));
    OK(jvdb_replace(database, jvdb_key(7), other, DIMENSION, "new", 3, &error));
    OK(jvdb_put(database, jvdb_key(7), other, DIMENSION, "newer", 5, &error));
    OK(jvdb_contains(database, jvdb_key(7), &error));
    EXPECT(JVDB_ABSENT, jvdb_contains(database, jvdb_key(9), &error));

    /* Deleting; what is pinned stays what it was. */
    OK(jvdb_delete(database, jvdb_key(7), &error));
    EXPECT(JVDB_ABSENT, jvdb_delete(database, jvdb_key(7), &error));
    CHECK(memcmp(pinned.elements, in, sizeof in) == 0);
    CHECK(memcmp(pinned.metadata, "{\"a\":1}", 7) == 0);

    /* Bad arguments, each of which changes nothing. */
    EXPECT(JVDB_ERROR_DIMENSION_MISMATCH, jvdb_put(database, jvdb_key(1), in, DIMENSION - 1, NULL, 0, &error));
    EXPECT(JVDB_ERROR_DIMENSION_MISMATCH, jvdb_put(database, jvdb_key(1), NULL, 0, NULL, 0, &error));
    INVALID(jvdb_put(database, jvdb_key(1), NULL, DIMENSION, NULL, 0, &error));
    INVALID(jvdb_put(database, jvdb_key(1), in, DIMENSION, NULL, 1, &error));
    INVALID(jvdb_put(database, jvdb_key(1), in, SIZE_MAX, NULL, 0, &error));
    INVALID(jvdb_put(database, jvdb_key(1), in, DIMENSION, metadata, SIZE_MAX, &error));
    INVALID(jvdb_put(database, jvdb_key_bytes("", 0), in, DIMENSION, NULL, 0, &error));
    INVALID(jvdb_put(database, jvdb_key_bytes(NULL, 0), in, DIMENSION, NULL, 0, &error));
    INVALID(jvdb_put(database, jvdb_key_bytes(NULL, 5), in, DIMENSION, NULL, 0, &error));
    static char long_key[513];
    INVALID(jvdb_put(database, jvdb_key_bytes(long_key, 513), in, DIMENSION, NULL, 0, &error));
    OK(jvdb_put(database, jvdb_key_bytes(long_key, 512), in, DIMENSION, NULL, 0, &error));
    OK(jvdb_count(database, &count, &error));
    CHECK(count == 3);

    /* A pin outlives database and storage. */
    jvdb_database_release(database);
    OK(jvdb_close(storage, &error));
    CHECK(memcmp(pinned.elements, in, sizeof in) == 0);
    jvdb_vector_t moved = pinned;
    jvdb_vector_release(&moved);
    jvdb_vector_release(&moved);
    CHECK(moved.elements == NULL);
}

void batches(void)
{
    enum { COUNT = 1500 };
    static float matrix[COUNT][DIMENSION];
    static const float *rows[COUNT];
    static uint64_t ids[COUNT];
    static jvdb_key_t keys[COUNT];
    static const void *metadata[COUNT];
    static size_t lengths[COUNT];
    jvdb_storage_t *storage = open_storage(directory);
    jvdb_database_t *database = create(storage, "batches");
    uint64_t count;

    for (int i = 0; i < COUNT; i++) {
        fill(matrix[i], (float)i);
        rows[COUNT - 1 - i] = matrix[i];
        ids[i] = (uint64_t)i;
        keys[i] = i % 2 ? jvdb_key(ids[i]) : jvdb_key_bytes(&ids[i], sizeof ids[i]);
        metadata[i] = i % 3 ? &ids[i] : NULL;
        lengths[i] = i % 3 ? sizeof ids[i] : 0;
    }
    jvdb_batch_t batch = { .struct_size = sizeof batch, .count = COUNT, .dimension = DIMENSION };
    INVALID(jvdb_put_batch(database, NULL, &error));
    INVALID(jvdb_put_batch(database, &batch, &error));
    batch.ids = ids;
    INVALID(jvdb_put_batch(database, &batch, &error));
    batch.matrix = &matrix[0][0];
    OK(jvdb_put_batch(database, &batch, &error));
    OK(jvdb_count(database, &count, &error));
    CHECK(count == COUNT);
    for (int i = 0; i < COUNT; i++) {
        jvdb_vector_t out;
        OK(jvdb_get(database, jvdb_key(ids[i]), &out, &error));
        CHECK(memcmp(out.elements, matrix[i], sizeof matrix[i]) == 0 && out.metadata_length == 0);
        jvdb_vector_release(&out);
    }

    /* The other forms: keys of any kind, rows anywhere, metadata of some. */
    batch.keys = keys;
    INVALID(jvdb_put_batch(database, &batch, &error));
    batch.ids = NULL;
    batch.matrix = NULL;
    batch.rows = rows;
    batch.metadata = metadata;
    INVALID(jvdb_put_batch(database, &batch, &error));
    batch.metadata_lengths = lengths;
    OK(jvdb_put_batch(database, &batch, &error));
    OK(jvdb_count(database, &count, &error));
    CHECK(count == COUNT + COUNT / 2);
    for (int i = 0; i < COUNT; i++) {
        float out[DIMENSION];
        uint64_t found = 0;
        size_t length;
        OK(jvdb_get_into(database, keys[i], out, DIMENSION, &found, sizeof found, &length, &error));
        CHECK(memcmp(out, matrix[COUNT - 1 - i], sizeof out) == 0);
        CHECK(length == lengths[i] && found == (i % 3 ? ids[i] : 0));
    }

    /* All or nothing: one bad row, and none is stored. */
    uint64_t fresh[COUNT];
    for (int i = 0; i < COUNT; i++) fresh[i] = 100000 + (uint64_t)i;
    batch.keys = NULL;
    batch.ids = fresh;
    rows[COUNT - 1] = NULL;
    INVALID(jvdb_put_batch(database, &batch, &error));
    CHECK(strstr(message, "row 1499") != NULL);
    rows[COUNT - 1] = matrix[0];
    metadata[3] = NULL;
    lengths[3] = 1;
    INVALID(jvdb_put_batch(database, &batch, &error));
    batch.metadata = NULL;
    batch.dimension = DIMENSION - 1;
    EXPECT(JVDB_ERROR_DIMENSION_MISMATCH, jvdb_put_batch(database, &batch, &error));
    batch.dimension = DIMENSION;
    batch.ids = NULL;
    batch.keys = keys;
    keys[COUNT - 1] = jvdb_key_bytes("", 0);
    INVALID(jvdb_put_batch(database, &batch, &error));
    batch.count = SIZE_MAX;
    INVALID(jvdb_put_batch(database, &batch, &error));
    batch.count = 0;
    OK(jvdb_put_batch(database, &batch, &error));
    OK(jvdb_count(database, &count, &error));
    CHECK(count == COUNT + COUNT / 2);
    jvdb_database_release(database);
    OK(jvdb_close(storage, &error));
}

void cursors(void)
{
    enum { COUNT = 1200 };
    jvdb_storage_t *storage = open_storage(directory);
    jvdb_database_t *database = create(storage, "cursors");
    float vector[DIMENSION];
    fill(vector, 0);
    for (uint64_t id = 0; id < COUNT; id++) OK(jvdb_put(database, jvdb_key(id), vector, DIMENSION, NULL, 0, &error));
    OK(jvdb_put(database, jvdb_key_bytes("name", 4), vector, DIMENSION, NULL, 0, &error));

    jvdb_cursor_t *cursor;
    jvdb_key_t key;
    static int seen[COUNT];
    int names = 0;
    uint64_t position = 0;
    INVALID(jvdb_cursor_open(database, 0, NULL, &error));
    OK(jvdb_cursor_open(database, 0, &cursor, &error));
    INVALID(jvdb_cursor_next_key(cursor, NULL, &error));
    INVALID(jvdb_cursor_position(cursor, NULL, &error));
    for (int i = 0; i < 600; i++) {
        OK(jvdb_cursor_next_key(cursor, &key, &error));
        if (key.bytes == NULL && key.number < COUNT) seen[key.number]++;
    }
    OK(jvdb_cursor_position(cursor, &position, &error));
    jvdb_cursor_close(cursor);

    /* From where the first one was. */
    OK(jvdb_cursor_open(database, position, &cursor, &error));
    for (int i = 0; i < COUNT && jvdb_cursor_next_key(cursor, &key, NULL) == JVDB_OK; i++) {
        if (key.bytes == NULL && key.number < COUNT) seen[key.number]++;
        if (key.bytes != NULL) names += key.number == 4 && memcmp(key.bytes, "name", 4) == 0;
    }
    EXPECT(JVDB_ABSENT, jvdb_cursor_next_key(cursor, &key, &error));
    CHECK(key.bytes == NULL && key.number == 0);
    int once = 0;
    for (int id = 0; id < COUNT; id++) once += seen[id] == 1;
    CHECK(once == COUNT && names == 1);

    /* A cursor holds its database. */
    jvdb_database_release(database);
    EXPECT(JVDB_ABSENT, jvdb_cursor_next_key(cursor, &key, &error));
    jvdb_cursor_close(cursor);
    OK(jvdb_close(storage, &error));
}

void attributes(void)
{
    jvdb_storage_t *storage = open_storage(directory);
    jvdb_database_t *database = create(storage, "attributes");
    char value[8] = "xxxxxxx";
    size_t length = 99;
    EXPECT(JVDB_ABSENT, jvdb_attribute_get(database, "owner", value, sizeof value, &length, &error));
    EXPECT(JVDB_ABSENT, jvdb_attribute_remove(database, "owner", &error));
    CHECK(length == 99);
    OK(jvdb_attribute_set(database, "owner", "somebody", 8, &error));
    OK(jvdb_attribute_get(database, "owner", NULL, 0, &length, &error));
    CHECK(length == 8);
    EXPECT(JVDB_ERROR_BUFFER_TOO_SMALL, jvdb_attribute_get(database, "owner", value, 7, &length, &error));
    CHECK(value[0] == 'x');
    OK(jvdb_attribute_get(database, "owner", value, sizeof value, &length, &error));
    CHECK(memcmp(value, "somebody", 8) == 0);
    INVALID(jvdb_attribute_set(database, NULL, "x", 1, &error));
    INVALID(jvdb_attribute_set(database, "", "x", 1, &error));
    INVALID(jvdb_attribute_set(database, "owner", NULL, 1, &error));
    INVALID(jvdb_attribute_get(database, NULL, value, 8, &length, &error));
    INVALID(jvdb_attribute_remove(database, NULL, &error));
    jvdb_database_release(database);
    OK(jvdb_close(storage, &error));

    storage = open_storage(directory);
    OK(jvdb_database_open(storage, "attributes", &database, &error));
    OK(jvdb_attribute_get(database, "owner", value, sizeof value, &length, &error));
    CHECK(length == 8 && memcmp(value, "somebody", 8) == 0);
    OK(jvdb_attribute_remove(database, "owner", &error));
    EXPECT(JVDB_ABSENT, jvdb_attribute_get(database, "owner", value, sizeof value, &length, &error));
    jvdb_database_release(database);
    OK(jvdb_close(storage, &error));
}

void flush_and_stats(void)
{
    jvdb_storage_t *storage = open_storage(directory);
    jvdb_database_t *database = create(storage, "stats");
    float vector[DIMENSION];
    uint64_t duration = 0;
    fill(vector, 0);
    OK(jvdb_put(database, jvdb_key(1), vector, DIMENSION, NULL, 0, &error));
    jvdb_database_stats_t of_database = { .struct_size = sizeof of_database };
    OK(jvdb_database_stats(database, &of_database, &error));
    CHECK(of_database.vectors == 1 && of_database.unflushed_operations == 1 && of_database.unflushed_bytes > 0);
    OK(jvdb_flush(database, &duration, &error));
    CHECK(duration > 0);
    OK(jvdb_flush(database, NULL, &error));
    OK(jvdb_database_stats(database, &of_database, &error));
    CHECK(of_database.unflushed_operations == 0 && of_database.flushes > 0 && of_database.last_flush_us > 0);
    CHECK(of_database.struct_size == sizeof of_database && of_database.file_bytes >= 8192);

    OK(jvdb_put(database, jvdb_key(2), vector, DIMENSION, NULL, 0, &error));
    jvdb_storage_stats_t of_storage = { .struct_size = sizeof of_storage };
    OK(jvdb_storage_stats(storage, &of_storage, &error));
    CHECK(of_storage.unflushed_bytes > 0);
    OK(jvdb_storage_flush(storage, &duration, &error));
    OK(jvdb_storage_flush(storage, NULL, &error));
    /* A newer program's struct: the tail becomes zero, the byte behind it stays. */
    struct {
        jvdb_storage_stats_t known;
        uint64_t unknown;
        uint64_t guard;
    } newer;
    memset(&newer, 0xee, sizeof newer);
    newer.known.struct_size = offsetof(__typeof__(newer), guard);
    OK(jvdb_storage_stats(storage, &newer.known, &error));
    CHECK(newer.unknown == 0 && newer.guard == 0xeeeeeeeeeeeeeeee);
    CHECK(newer.known.databases >= 1 && newer.known.open_files >= 1 && newer.known.max_open_files == 100);
    CHECK(newer.known.vectors >= 2 && newer.known.unflushed_bytes == 0 && newer.known.bytes_on_disk >= 8192);
    newer.known.struct_size = 8;
    INVALID(jvdb_storage_stats(storage, &newer.known, &error));
    INVALID(jvdb_storage_stats(storage, NULL, &error));
    INVALID(jvdb_database_stats(database, NULL, &error));
    jvdb_database_release(database);
    OK(jvdb_close(storage, &error));
}

/* A short interval flushes by itself; JVDB_OFF does not. */
void flush_interval(void)
{
    static const int64_t intervals[] = { 10, JVDB_OFF };
    for (int i = 0; i < 2; i++) {
        jvdb_options_t options = { .struct_size = sizeof options, .flush_interval_ms = intervals[i] };
        jvdb_database_stats_t stats = { .struct_size = sizeof stats };
        jvdb_storage_t *storage;
        float vector[DIMENSION];
        fill(vector, 0);
        OK(jvdb_open_memory(&options, &storage, &error));
        jvdb_database_t *database = create(storage, "interval");
        OK(jvdb_put(database, jvdb_key(1), vector, DIMENSION, NULL, 0, &error));
        for (int waited = 0; waited < (i == 0 ? 500 : 5); waited++) {
            nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
            jvdb_database_stats(database, &stats, NULL);
            if (stats.unflushed_operations == 0) break;
        }
        CHECK(stats.unflushed_operations == (uint64_t)i);
        jvdb_database_release(database);
        OK(jvdb_close(storage, &error));
    }
}

/* Four threads on one handle, each with ids of its own; failures are counted per thread. */
struct worker {
    jvdb_database_t *database;
    uint64_t first;
    int failures;
};

static void *work(void *argument)
{
    struct worker *worker = argument;
    for (uint64_t id = worker->first; id < worker->first + 2000; id++) {
        float in[DIMENSION];
        jvdb_vector_t out;
        fill(in, (float)id);
        worker->failures += jvdb_put(worker->database, jvdb_key(id), in, DIMENSION, &id, sizeof id, NULL) != JVDB_OK;
        worker->failures += jvdb_get(worker->database, jvdb_key(id), &out, NULL) != JVDB_OK;
        worker->failures += memcmp(out.elements, in, sizeof in) != 0 || memcmp(out.metadata, &id, sizeof id) != 0;
        jvdb_vector_release(&out);
        if (id % 500 == 0) worker->failures += jvdb_flush(worker->database, NULL, NULL) != JVDB_OK;
    }
    return NULL;
}

void threads(void)
{
    jvdb_storage_t *storage = open_storage(directory);
    jvdb_database_t *database = create(storage, "threads");
    pthread_t ids[4];
    struct worker workers[4];
    uint64_t count;
    for (int i = 0; i < 4; i++) {
        workers[i] = (struct worker){ database, (uint64_t)i * 2000, 0 };
        pthread_create(&ids[i], NULL, work, &workers[i]);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(ids[i], NULL);
        CHECK(workers[i].failures == 0);
    }
    OK(jvdb_count(database, &count, &error));
    CHECK(count == 8000);
    jvdb_database_release(database);
    OK(jvdb_close(storage, &error));
}
