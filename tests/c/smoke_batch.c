/* The part of the smoke test that works with many keys at once: batches that store and delete, reads into a matrix. */
#include "smoke.h"

#include <string.h>

enum { COUNT = 300, STRIDE = DIMENSION + 3 };

static uint64_t ids[COUNT];
static float matrix[COUNT][STRIDE];

static void prepare(void)
{
    for (int i = 0; i < COUNT; i++) {
        ids[i] = (uint64_t)i;
        fill(matrix[i], (float)i);
        for (int gap = DIMENSION; gap < STRIDE; gap++) matrix[i][gap] = -1;
    }
}

static void holds(jvdb_database_t *database, jvdb_key_t key, const float *vector)
{
    float out[DIMENSION];
    OK(jvdb_get_into(database, key, out, DIMENSION, NULL, 0, NULL, &error));
    CHECK(memcmp(out, vector, sizeof out) == 0);
}

void mixed_batches(void)
{
    jvdb_storage_t *storage = open_storage(directory);
    jvdb_database_t *database = create(storage, "mixed");
    static uint8_t deletes[COUNT];
    uint64_t count;
    prepare();

    /* A matrix with gaps between its rows. */
    jvdb_batch_t batch = { .struct_size = sizeof batch, .count = COUNT, .dimension = DIMENSION };
    jvdb_written_t written = { .struct_size = sizeof written };
    batch.ids = ids;
    batch.matrix = &matrix[0][0];
    batch.row_stride = DIMENSION - 1;
    INVALID(jvdb_put_batch(database, &batch, &error));
    CHECK(strstr(message, "row_stride") != NULL);
    batch.row_stride = SIZE_MAX;
    INVALID(jvdb_put_batch(database, &batch, &error));
    batch.row_stride = STRIDE;
    OK(jvdb_write_batch(database, &batch, &written, &error));
    CHECK(written.inserted == COUNT && written.replaced == 0 && written.deleted == 0);
    for (int i = 0; i < COUNT; i++) holds(database, jvdb_key(ids[i]), matrix[i]);

    /* Rows that delete, in order with rows that store. */
    for (int i = 0; i < COUNT; i++) deletes[i] = i % 2 == 1;
    ids[1] = 0; /* stored by the row before, deleted by this one */
    batch.deletes = deletes;
    written.deleted = 77;
    OK(jvdb_write_batch(database, &batch, &written, &error));
    CHECK(written.inserted == 0 && written.replaced == COUNT / 2 && written.deleted == COUNT / 2);
    OK(jvdb_count(database, &count, &error));
    CHECK(count == COUNT / 2);
    EXPECT(JVDB_ABSENT, jvdb_contains(database, jvdb_key(0), &error));
    OK(jvdb_contains(database, jvdb_key(1), &error));
    EXPECT(JVDB_ABSENT, jvdb_contains(database, jvdb_key(3), &error));

    /* All or nothing, and a struct that is not there or not set is found before anything is done. */
    deletes[COUNT - 1] = 2;
    INVALID(jvdb_write_batch(database, &batch, &written, &error));
    CHECK(strstr(message, "row 299") != NULL);
    deletes[COUNT - 1] = 0;
    written.struct_size = 0;
    INVALID(jvdb_write_batch(database, &batch, &written, &error));
    OK(jvdb_count(database, &count, &error));
    CHECK(count == COUNT / 2);
    OK(jvdb_write_batch(database, &batch, NULL, &error));
    batch.matrix = NULL;
    INVALID(jvdb_write_batch(database, &batch, NULL, &error)); /* rows that store need a vector */
    batch.deletes = NULL;
    INVALID(jvdb_write_batch(database, &batch, NULL, &error));
    batch.deletes = deletes;
    memset(deletes, 1, sizeof deletes);
    batch.dimension = 0;
    OK(jvdb_write_batch(database, &batch, NULL, &error));
    OK(jvdb_count(database, &count, &error));
    CHECK(count == 1); /* key 1, which no row names any more */

    /* A program that knows an older, shorter struct; and the guard bytes behind what a newer one states. */
    struct {
        jvdb_batch_t known;
        uint64_t unknown;
    } newer = { { .struct_size = sizeof newer, .count = 1, .dimension = DIMENSION, .ids = ids, .matrix = matrix[5] }, 0 };
    OK(jvdb_put_batch(database, &newer.known, &error));
    newer.unknown = 1;
    INVALID(jvdb_put_batch(database, &newer.known, &error));
    newer.known.struct_size = offsetof(jvdb_batch_t, row_stride);
    newer.known.deletes = (const uint8_t *)message;
    newer.known.row_stride = 1;
    OK(jvdb_put_batch(database, &newer.known, &error));
    holds(database, jvdb_key(ids[0]), matrix[5]);
    struct {
        jvdb_written_t known;
        uint64_t unknown;
        uint64_t guard;
    } figures;
    memset(&figures, 0xee, sizeof figures);
    figures.known.struct_size = sizeof figures - sizeof figures.guard;
    newer.known.struct_size = offsetof(jvdb_batch_t, row_stride);
    OK(jvdb_write_batch(database, &newer.known, &figures.known, &error));
    CHECK(figures.known.replaced == 1 && figures.unknown == 0 && figures.guard == 0xeeeeeeeeeeeeeeee);

    /* Deleting alone. */
    uint64_t deleted = 0;
    const uint64_t gone[] = { 0, 1, 2, 1 };
    const jvdb_key_t keys[] = { jvdb_key(7), jvdb_key_bytes("x", 1), jvdb_key_bytes("y", 1) };
    INVALID(jvdb_delete_batch(database, NULL, NULL, 3, &deleted, &error));
    INVALID(jvdb_delete_batch(database, gone, keys, 3, &deleted, &error));
    OK(jvdb_delete_batch(database, NULL, NULL, 0, &deleted, &error));
    CHECK(deleted == 0);
    OK(jvdb_delete_batch(database, gone, NULL, 4, &deleted, &error));
    CHECK(deleted == 2);
    OK(jvdb_put(database, jvdb_key_bytes("x", 1), matrix[0], DIMENSION, NULL, 0, &error));
    OK(jvdb_delete_batch(database, NULL, keys, 3, NULL, &error));
    OK(jvdb_count(database, &count, &error));
    CHECK(count == 0);
    const jvdb_key_t bad[] = { jvdb_key(7), jvdb_key_bytes(NULL, 0) };
    INVALID(jvdb_delete_batch(database, NULL, bad, 2, NULL, &error));
    jvdb_database_release(database);
    OK(jvdb_close(storage, &error));
}

void reads_of_many(void)
{
    jvdb_storage_t *storage = open_storage(directory);
    jvdb_database_t *database = create(storage, "many");
    static float out[COUNT][STRIDE];
    static uint8_t found[COUNT + 1];
    static size_t lengths[COUNT];
    static char metadata[COUNT * sizeof(uint64_t)];
    size_t there = 99, bytes = 99;
    prepare();
    /* Every third key is not there; every second has metadata. */
    for (int i = 0; i < COUNT; i++) {
        if (i % 3 == 0) continue;
        OK(jvdb_put(database, jvdb_key(ids[i]), matrix[i], DIMENSION, &ids[i], i % 2 ? sizeof ids[i] : 0, &error));
    }
    jvdb_get_batch_t batch = { .struct_size = sizeof batch, .count = COUNT, .dimension = DIMENSION };
    INVALID(jvdb_get_batch(database, NULL, &there, &bytes, &error));
    INVALID(jvdb_get_batch(database, &batch, &there, &bytes, &error));
    batch.ids = ids;
    OK(jvdb_get_batch(database, &batch, &there, &bytes, &error)); /* nothing but the figures */
    CHECK(there == 200 && bytes == 100 * sizeof(uint64_t));
    batch.matrix = &out[0][0];
    batch.row_stride = STRIDE;
    batch.found = found;
    batch.metadata = metadata;
    batch.metadata_capacity = sizeof metadata;
    batch.metadata_lengths = lengths;
    memset(out, 0xee, sizeof out);
    memset(found, 0xee, sizeof found);
    OK(jvdb_get_batch(database, &batch, &there, &bytes, &error));
    CHECK(there == 200 && bytes == 100 * sizeof(uint64_t) && found[COUNT] == 0xee);
    const char *at = metadata;
    for (int i = 0; i < COUNT; i++) {
        static const unsigned char untouched[sizeof matrix[0]] = { 0xee };
        const int is = i % 3 != 0;
        CHECK(found[i] == is && lengths[i] == (is && i % 2 ? sizeof ids[i] : 0));
        if (is) CHECK(memcmp(out[i], matrix[i], sizeof(float) * DIMENSION) == 0);
        if (!is) CHECK(*(unsigned char *)out[i] == untouched[0]);
        CHECK(*(unsigned char *)&out[i][DIMENSION] == 0xee); /* the gap between rows */
        if (lengths[i] != 0) CHECK(memcmp(at, &ids[i], sizeof ids[i]) == 0);
        at += lengths[i];
    }

    /* Too little room for the metadata: everything but the metadata is told. */
    batch.metadata_capacity = bytes - 1;
    memset(found, 0xee, sizeof found);
    there = bytes = 0;
    EXPECT(JVDB_ERROR_BUFFER_TOO_SMALL, jvdb_get_batch(database, &batch, &there, &bytes, &error));
    CHECK(there == 200 && bytes == 100 * sizeof(uint64_t) && found[1] == 1 && found[0] == 0);

    /* Keys of any kind; bad arguments. */
    const jvdb_key_t keys[] = { jvdb_key_bytes("1", 1), jvdb_key(1), jvdb_key(2), jvdb_key(1) };
    batch = (jvdb_get_batch_t){ .struct_size = sizeof batch, .count = 4, .dimension = DIMENSION };
    batch.keys = keys;
    batch.matrix = &out[0][0];
    batch.found = found;
    OK(jvdb_get_batch(database, &batch, NULL, NULL, &error));
    CHECK(found[0] == 0 && found[1] == 1 && found[2] == 1 && found[3] == 1);
    CHECK(memcmp(&out[0][0] + DIMENSION, matrix[1], sizeof(float) * DIMENSION) == 0);
    CHECK(memcmp(&out[0][0] + 3 * DIMENSION, matrix[1], sizeof(float) * DIMENSION) == 0);
    batch.ids = ids;
    INVALID(jvdb_get_batch(database, &batch, NULL, NULL, &error));
    batch.ids = NULL;
    batch.dimension = DIMENSION + 1;
    EXPECT(JVDB_ERROR_DIMENSION_MISMATCH, jvdb_get_batch(database, &batch, NULL, NULL, &error));
    batch.dimension = DIMENSION;
    batch.matrix = (float *)((char *)out + 1);
    INVALID(jvdb_get_batch(database, &batch, NULL, NULL, &error));
    batch.matrix = &out[0][0];
    batch.row_stride = 1;
    INVALID(jvdb_get_batch(database, &batch, NULL, NULL, &error));
    batch.row_stride = 0;
    batch.count = SIZE_MAX;
    INVALID(jvdb_get_batch(database, &batch, NULL, NULL, &error));
    batch.count = 0;
    OK(jvdb_get_batch(database, &batch, &there, &bytes, &error));
    CHECK(there == 0 && bytes == 0);
    jvdb_database_release(database);
    OK(jvdb_close(storage, &error));
}
