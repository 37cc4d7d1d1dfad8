/* The part of the smoke test in which vectors are shown to a callback, and the operating system is told of reads. */
#include "smoke.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { COUNT = 3000, NAMED = 7 };

/* Integer keys from 0, with the id as metadata but for the last of ten, and a byte key behind them. */
static void store(jvdb_database_t *database)
{
    float in[DIMENSION];
    for (uint64_t id = 0; id < COUNT; id++) {
        fill(in, (float)id);
        if (jvdb_put(database, jvdb_key(id), in, DIMENSION, &id, id % 10 == 9 ? 0 : sizeof id, NULL) != JVDB_OK) {
            CHECK(!"stored");
        }
    }
    fill(in, NAMED);
    OK(jvdb_put(database, jvdb_key_bytes("last\0", 5), in, DIMENSION, "", 0, &error));
}

/* What a visit has shown, and what of it was wrong. */
struct seen {
    uint64_t next;
    uint64_t stop_behind;
    int wrong;
    int32_t answer;
};

static int32_t see(void *user, jvdb_key_t key, const float *elements, size_t dimension, const void *metadata,
                   size_t metadata_length)
{
    struct seen *seen = user;
    const uint64_t id = seen->next++;
    float expected[DIMENSION];
    fill(expected, id == COUNT ? NAMED : (float)id);
    seen->wrong += dimension != DIMENSION || (uintptr_t)elements % 64 != 0;
    seen->wrong += memcmp(elements, expected, sizeof expected) != 0 || metadata == NULL;
    if (id == COUNT) {
        seen->wrong += key.bytes == NULL || key.number != 5 || memcmp(key.bytes, "last\0", 5) != 0;
        seen->wrong += metadata_length != 0;
    } else {
        seen->wrong += key.bytes != NULL || key.number != id;
        seen->wrong += metadata_length != (id % 10 == 9 ? 0 : sizeof id) || memcmp(metadata, &id, metadata_length) != 0;
    }
    return seen->next == seen->stop_behind ? seen->answer : 0;
}

void visits(void)
{
    for (int medium = 0; medium < 3; medium++) {
        jvdb_options_t options = { .struct_size = sizeof options, .flags = medium == 1 ? JVDB_NO_MMAP : 0 };
        jvdb_storage_t *storage;
        if (medium == 2) OK(jvdb_open_memory(&options, &storage, &error));
        else OK(jvdb_open(directory, &options, &storage, &error));
        jvdb_database_t *database = create(storage, medium == 1 ? "shown by reads" : "shown");
        struct seen seen = { 0 };
        uint64_t reached = 99;
        /* Of nothing. */
        OK(jvdb_visit(database, 0, see, &seen, &reached, &error));
        CHECK(seen.next == 0 && reached == 0);
        store(database);
        for (int flushed = 0; flushed < 2; flushed++) {
            seen = (struct seen){ 0 };
            OK(jvdb_visit(database, 0, see, &seen, &reached, &error));
            CHECK(seen.next == COUNT + 1 && seen.wrong == 0);
            /* There is no more behind the end, until there is. */
            OK(jvdb_visit(database, reached, see, &seen, &reached, &error));
            CHECK(seen.next == COUNT + 1);
            OK(jvdb_flush(database, NULL, &error));
        }
        INVALID(jvdb_visit(database, 0, NULL, &seen, &reached, &error));
        CHECK(strstr(message, "callback") != NULL);
        reached = 99;
        INVALID(jvdb_visit(database, 129, see, &seen, &reached, &error));
        CHECK(seen.next == COUNT + 1 && reached == 99);
        jvdb_database_release(database);
        OK(jvdb_close(storage, &error));
    }
}

static int32_t change(void *user, jvdb_key_t key, const float *elements, size_t dimension, const void *metadata,
                      size_t metadata_length)
{
    jvdb_database_t *database = user;
    (void)metadata, (void)metadata_length;
    INVALID(jvdb_put(database, key, elements, dimension, NULL, 0, &error));
    CHECK(strstr(message, "return from there first") != NULL);
    INVALID(jvdb_delete(database, key, &error));
    INVALID(jvdb_flush(database, NULL, &error));
    INVALID(jvdb_compact(database, NULL, &error));
    return 1;
}

/* What would wait for the visit is refused. */
void changes_from_within_a_visit(void)
{
    jvdb_storage_t *storage = open_storage(directory);
    jvdb_database_t *database = create(storage, "changed from within");
    store(database);
    OK(jvdb_visit(database, 0, change, database, NULL, &error));
    OK(jvdb_put(database, jvdb_key(1), (float[DIMENSION]){ 0 }, DIMENSION, NULL, 0, &error));
    jvdb_database_release(database);
    OK(jvdb_close(storage, &error));
}

/* A visit goes on where it stopped, also after others have written, and takes the positions of cursors and gives them. */
void visits_in_pieces(void)
{
    jvdb_storage_t *storage = open_storage(directory);
    jvdb_database_t *database = create(storage, "pieces");
    float in[DIMENSION];
    fill(in, 0);
    store(database);
    static const int32_t answers[] = { 1, -1, INT32_MAX, INT32_MIN };
    struct seen seen = { 0 };
    uint64_t position = 0;
    for (int piece = 0; seen.next < COUNT + 1; piece++) {
        seen.answer = answers[piece % 4];
        seen.stop_behind = seen.next + 700;
        OK(jvdb_visit(database, position, see, &seen, &position, &error));
        CHECK(seen.next == (piece < 4 ? 700u * (unsigned)(piece + 1) : COUNT + 1u));
        /* What was shown already and is deleted does not come again, and does not shift what comes. */
        OK(jvdb_delete(database, jvdb_key((uint64_t)piece), &error));
        OK(jvdb_flush(database, NULL, &error));
    }
    CHECK(seen.wrong == 0);

    jvdb_cursor_t *cursor;
    jvdb_key_t key;
    seen = (struct seen){ .next = 10, .stop_behind = 20, .answer = 1 };
    OK(jvdb_cursor_open(database, 0, &cursor, &error));
    do OK(jvdb_cursor_next_key(cursor, &key, &error));
    while (key.number != 9);
    OK(jvdb_cursor_position(cursor, &position, &error));
    jvdb_cursor_close(cursor);
    OK(jvdb_visit(database, position, see, &seen, &position, &error));
    CHECK(seen.next == 20 && seen.wrong == 0);
    OK(jvdb_cursor_open(database, position, &cursor, &error));
    OK(jvdb_cursor_next_key(cursor, &key, &error));
    CHECK(key.number == 20);
    jvdb_cursor_close(cursor);
    OK(jvdb_visit(database, position, see, &(struct seen){ .next = 20 }, NULL, &error));

    OK(jvdb_drop(storage, "pieces", &error));
    EXPECT(JVDB_ERROR_DROPPED, jvdb_visit(database, 0, see, &seen, NULL, &error));
    jvdb_database_release(database);
    OK(jvdb_close(storage, &error));
}

struct beside {
    jvdb_database_t *database;
    atomic_int over;
    int failures;
};

static int32_t read_by_key(void *user, jvdb_key_t key, const float *elements, size_t dimension, const void *metadata,
                           size_t metadata_length)
{
    struct beside *beside = user;
    float copied[DIMENSION];
    jvdb_vector_t pinned;
    uint64_t count, id = key.number;
    const jvdb_get_batch_t one = { .struct_size = sizeof one, .count = 1, .dimension = DIMENSION, .ids = &id,
                                   .matrix = copied };
    (void)metadata, (void)metadata_length;
    /* What is shown stays as it is whatever is written meanwhile. */
    beside->failures += dimension != DIMENSION || elements[1] != elements[0] + 1;
    beside->failures += jvdb_contains(beside->database, key, NULL) != JVDB_OK;
    beside->failures += jvdb_get_into(beside->database, key, copied, DIMENSION, NULL, 0, NULL, NULL) != JVDB_OK;
    beside->failures += jvdb_get_batch(beside->database, &one, NULL, NULL, NULL) != JVDB_OK;
    beside->failures += jvdb_get(beside->database, key, &pinned, NULL) != JVDB_OK;
    beside->failures += pinned.elements[1] != pinned.elements[0] + 1;
    jvdb_vector_release(&pinned);
    beside->failures += jvdb_count(beside->database, &count, NULL) != JVDB_OK || count < 100;
    return 0;
}

static void *visit_again_and_again(void *argument)
{
    struct beside *beside = argument;
    while (!beside->over) {
        beside->failures += jvdb_visit(beside->database, 0, read_by_key, beside, NULL, NULL) != JVDB_OK;
    }
    return NULL;
}

/* Reads by key within a visit wait for nobody who waits for the visit: batches, flushes and compactions. */
void visits_while_others_write(void)
{
    enum { ROWS = 100, ROUNDS = 300 };
    jvdb_storage_t *storage = open_storage(directory);
    jvdb_database_t *database = create(storage, "beside");
    static float matrix[ROWS][DIMENSION];
    uint64_t ids[ROWS];
    for (int row = 0; row < ROWS; row++) {
        ids[row] = (uint64_t)row;
        fill(matrix[row], (float)row);
    }
    const jvdb_batch_t batch = { .struct_size = sizeof batch, .count = ROWS, .dimension = DIMENSION, .ids = ids,
                                 .matrix = matrix[0] };
    OK(jvdb_put_batch(database, &batch, &error));
    struct beside beside = { .database = database };
    pthread_t visitor;
    pthread_create(&visitor, NULL, visit_again_and_again, &beside);
    for (int round = 0; round < ROUNDS; round++) {
        OK(jvdb_put_batch(database, &batch, &error));
        if (round % 50 == 0) OK(jvdb_flush(database, NULL, &error));
        if (round % 100 == 0) OK(jvdb_compact(database, NULL, &error));
    }
    beside.over = 1;
    pthread_join(visitor, NULL);
    CHECK(beside.failures == 0);
    jvdb_database_release(database);
    OK(jvdb_close(storage, &error));
}

/* What lies before a damaged record is shown before the fault is reported. */
void visits_over_damage(void)
{
    enum { DAMAGED = 17 };
    jvdb_storage_t *storage = open_storage(directory);
    jvdb_database_t *database = create(storage, "cut visit");
    float in[DIMENSION];
    uint64_t mark = 0x7469736976746963u, reached = 99;
    for (uint64_t id = 0; id < 50; id++) {
        const int marked = id == DAMAGED;
        fill(in, (float)id);
        OK(jvdb_put(database, jvdb_key(id), in, DIMENSION, marked ? &mark : &id, id % 10 == 9 ? 0 : sizeof id, &error));
    }
    jvdb_database_release(database);
    OK(jvdb_close(storage, &error));
    /* A byte of the sequence in the header, as in walks_over_damage(). */
    damage(directory, "cut%20visit", mark, 24 - 64 - (long)sizeof in);

    storage = open_storage(directory);
    OK(jvdb_database_open(storage, "cut visit", &database, &error));
    for (int again = 0; again < 2; again++) {
        struct seen seen = { 0 };
        EXPECT(JVDB_ERROR_CORRUPT, jvdb_visit(database, 0, see, &seen, &reached, &error));
        CHECK(strstr(message, "checksum") != NULL);
        CHECK(seen.next == DAMAGED && seen.wrong == 0 && reached == 99);
    }
    jvdb_database_release(database);
    OK(jvdb_close(storage, &error));
}

/* No advice changes what is read. */
void advice(void)
{
    static const int32_t advice[] = { JVDB_ADVICE_SEQUENTIAL, JVDB_ADVICE_DONT_NEED, JVDB_ADVICE_WILL_NEED,
                                      JVDB_ADVICE_RANDOM, JVDB_ADVICE_DONT_NEED };
    static const int32_t unknown[] = { -1, JVDB_ADVICE_DONT_NEED + 1, INT32_MAX, INT32_MIN };
    for (int medium = 0; medium < 3; medium++) {
        jvdb_options_t options = { .struct_size = sizeof options, .flags = medium == 1 ? JVDB_NO_MMAP : 0 };
        jvdb_storage_t *storage;
        if (medium == 2) OK(jvdb_open_memory(&options, &storage, &error));
        else OK(jvdb_open(directory, &options, &storage, &error));
        jvdb_database_t *database = create(storage, medium == 1 ? "advised file" : "advised");
        store(database);
        for (size_t i = 0; i < sizeof advice / sizeof *advice; i++) {
            struct seen seen = { 0 };
            OK(jvdb_advise(database, advice[i], &error));
            OK(jvdb_visit(database, 0, see, &seen, NULL, &error));
            CHECK(seen.next == COUNT + 1 && seen.wrong == 0);
            OK(jvdb_flush(database, NULL, &error));
        }
        for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
            INVALID(jvdb_advise(database, unknown[i], &error));
            CHECK(strstr(message, "JVDB_ADVICE_") != NULL);
        }
        OK(jvdb_drop(storage, medium == 1 ? "advised file" : "advised", &error));
        EXPECT(JVDB_ERROR_DROPPED, jvdb_advise(database, JVDB_ADVICE_WILL_NEED, &error));
        jvdb_database_release(database);
        OK(jvdb_close(storage, &error));
    }
}
