/* The part of the smoke test that does what an operator does: walks, checks, compacts, copies, repairs, listens. */
#include "smoke.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void versions(void)
{
    char text[32];
    CHECK(jvdb_abi_version() == JVDB_ABI_VERSION);
    snprintf(text, sizeof text, "%d.%d.%d", JVDB_VERSION_MAJOR, JVDB_VERSION_MINOR, JVDB_VERSION_PATCH);
    CHECK(strcmp(jvdb_version(), text) == 0);
    CHECK(strstr(jvdb_status_text(JVDB_ERROR_NO_SPACE), "full") != NULL);
    CHECK(jvdb_status_text(-9999) != NULL && *jvdb_status_text(-9999) != 0);
}

void walks_over_vectors(void)
{
    enum { COUNT = 500 };
    jvdb_storage_t *storage = open_storage(directory);
    jvdb_database_t *database = create(storage, "walks");
    jvdb_cursor_t *cursor;
    jvdb_key_t key;
    jvdb_vector_t vector, kept;
    float in[DIMENSION];
    for (uint64_t id = 0; id < COUNT; id++) {
        fill(in, (float)id);
        OK(jvdb_put(database, jvdb_key(id), in, DIMENSION, &id, sizeof id, &error));
    }
    OK(jvdb_put(database, jvdb_key_bytes("last", 4), in, DIMENSION, NULL, 0, &error));
    OK(jvdb_cursor_open(database, 0, &cursor, &error));
    INVALID(jvdb_cursor_next_vector(cursor, NULL, &vector, &error));
    INVALID(jvdb_cursor_next_vector(cursor, &key, NULL, &error));
    for (uint64_t id = 0; id < COUNT; id++) {
        fill(in, (float)id);
        if (id % 7 == 3) {
            /* Keys and vectors in turn, from one cursor. */
            OK(jvdb_cursor_next_key(cursor, &key, &error));
            CHECK(key.bytes == NULL && key.number == id);
            continue;
        }
        OK(jvdb_cursor_next_vector(cursor, &key, &vector, &error));
        CHECK(key.bytes == NULL && key.number == id && vector.dimension == DIMENSION);
        CHECK(memcmp(vector.elements, in, sizeof in) == 0 && memcmp(vector.metadata, &id, sizeof id) == 0);
        if (id == 9) kept = vector;
        else jvdb_vector_release(&vector);
    }
    OK(jvdb_cursor_next_vector(cursor, &key, &vector, &error));
    CHECK(key.number == 4 && memcmp(key.bytes, "last", 4) == 0);
    jvdb_vector_release(&vector);
    EXPECT(JVDB_ABSENT, jvdb_cursor_next_vector(cursor, &key, &vector, &error));
    CHECK(vector.elements == NULL && key.bytes == NULL);
    jvdb_cursor_close(cursor);
    jvdb_database_release(database);
    OK(jvdb_close(storage, &error));
    fill(in, 9);
    CHECK(memcmp(kept.elements, in, sizeof in) == 0);
    jvdb_vector_release(&kept);
}

void readers_move_on(void)
{
    jvdb_options_t options = { .struct_size = sizeof options, .flags = JVDB_READ_ONLY };
    jvdb_storage_t *storage = open_storage(directory), *reading;
    jvdb_database_t *database = create(storage, "read beside"), *reader;
    jvdb_cursor_t *cursor;
    jvdb_key_t key;
    float in[DIMENSION];
    fill(in, 1);
    OK(jvdb_put(database, jvdb_key(1), in, DIMENSION, NULL, 0, &error));
    OK(jvdb_flush(database, NULL, &error));
    OK(jvdb_open(directory, &options, &reading, &error));
    OK(jvdb_database_open(reading, "read beside", &reader, &error));
    EXPECT(JVDB_ABSENT, jvdb_refresh(reader, &error));
    OK(jvdb_cursor_open(reader, 0, &cursor, &error));
    OK(jvdb_put(database, jvdb_key(2), in, DIMENSION, NULL, 0, &error));
    OK(jvdb_flush(database, NULL, &error));
    OK(jvdb_refresh(reader, &error));
    OK(jvdb_contains(reader, jvdb_key(2), &error));
    EXPECT(JVDB_ABSENT, jvdb_refresh(reader, &error));
    EXPECT(JVDB_ABSENT, jvdb_refresh(database, &error));
    /* A cursor ends where the log ended at its first key, also if what it gives is stored again. */
    for (int i = 0; i < 2; i++) {
        OK(jvdb_cursor_next_key(cursor, &key, &error));
        OK(jvdb_put(database, key, in, DIMENSION, NULL, 0, &error));
        OK(jvdb_flush(database, NULL, &error));
    }
    EXPECT(JVDB_ABSENT, jvdb_cursor_next_key(cursor, &key, &error));
    jvdb_cursor_close(cursor);
    jvdb_database_release(reader);
    jvdb_database_release(database);
    OK(jvdb_close(reading, &error));
    OK(jvdb_drop(storage, "read beside", &error));
    OK(jvdb_close(storage, &error));
}

void attribute_names(void)
{
    jvdb_storage_t *storage = open_storage(directory);
    jvdb_database_t *database = create(storage, "named");
    jvdb_names_t *names;
    OK(jvdb_attribute_list(database, &names, &error));
    CHECK(jvdb_names_count(names) == 0);
    jvdb_names_free(names);
    OK(jvdb_attribute_set(database, "b", NULL, 0, &error));
    OK(jvdb_attribute_set(database, "a longer name", "x", 1, &error));
    OK(jvdb_attribute_list(database, &names, &error));
    CHECK(jvdb_names_count(names) == 2 && jvdb_names_at(names, 2) == NULL && jvdb_names_length(names, 2) == 0);
    CHECK(strcmp(jvdb_names_at(names, 0), "a longer name") == 0 && jvdb_names_length(names, 0) == 13);
    CHECK(strcmp(jvdb_names_at(names, 1), "b") == 0);
    jvdb_names_free(names);
    INVALID(jvdb_attribute_list(database, NULL, &error));
    jvdb_database_release(database);

    const jvdb_attribute_t both[] = { { "b", "value", 5 }, { "a", NULL, 0 } }, unnamed = { NULL, "value", 5 };
    char value[5];
    OK(jvdb_create_with(storage, "made", 3, JVDB_METRIC_COSINE, both, 2, &database, &error));
    OK(jvdb_attribute_get(database, "b", value, sizeof value, NULL, &error));
    OK(jvdb_attribute_get(database, "a", NULL, 0, NULL, &error));
    CHECK(memcmp(value, "value", sizeof value) == 0);
    jvdb_database_release(database);
    OK(jvdb_create_with(storage, "made without", 3, JVDB_METRIC_COSINE, NULL, 0, NULL, &error));
    EXPECT(JVDB_ERROR_ALREADY_EXISTS, jvdb_create_with(storage, "made", 3, JVDB_METRIC_COSINE, both, 2, NULL, &error));
    INVALID(jvdb_create_with(storage, "none", 3, JVDB_METRIC_COSINE, NULL, 1, NULL, &error));
    INVALID(jvdb_create_with(storage, "none", 3, JVDB_METRIC_COSINE, &unnamed, 1, NULL, &error));
    EXPECT(JVDB_ABSENT, jvdb_exists(storage, "none", &error));
    OK(jvdb_close(storage, &error));
}

void verification_and_compaction(void)
{
    enum { COUNT = 200 };
    jvdb_storage_t *storage = open_storage(directory);
    jvdb_database_t *database = create(storage, "compacted");
    float in[DIMENSION];
    uint64_t gained = 0;
    jvdb_vector_t pinned;
    fill(in, 1);
    for (uint64_t id = 0; id < COUNT; id++) OK(jvdb_put(database, jvdb_key(id), in, DIMENSION, NULL, 0, &error));
    for (uint64_t id = 1; id < COUNT; id++) OK(jvdb_delete(database, jvdb_key(id), &error));
    OK(jvdb_get(database, jvdb_key(0), &pinned, &error));
    OK(jvdb_compact(database, &gained, &error));
    CHECK(gained > (COUNT - 10) * sizeof in);
    CHECK(memcmp(pinned.elements, in, sizeof in) == 0);
    OK(jvdb_compact(database, NULL, &error));
    jvdb_findings_t *findings;
    jvdb_finding_t finding = { .struct_size = sizeof finding };
    struct {
        jvdb_verified_t known;
        uint64_t unknown;
        uint64_t guard;
    } verified;
    memset(&verified, 0xee, sizeof verified);
    verified.known.struct_size = sizeof verified - sizeof verified.guard;
    OK(jvdb_verify(database, &verified.known, &findings, &error));
    CHECK(verified.known.damaged == 0 && verified.known.vectors == 1 && verified.known.records >= 1);
    CHECK(verified.unknown == 0 && verified.guard == 0xeeeeeeeeeeeeeeee);
    CHECK(jvdb_findings_count(findings) == 0 && jvdb_findings_backup(findings) == NULL);
    EXPECT(JVDB_ABSENT, jvdb_findings_at(findings, 0, &finding, &error));
    jvdb_findings_free(findings);
    OK(jvdb_verify(database, NULL, NULL, &error));
    verified.known.struct_size = 8;
    findings = (jvdb_findings_t *)&message;
    INVALID(jvdb_verify(database, &verified.known, &findings, &error));
    CHECK(findings == NULL);
    jvdb_vector_release(&pinned);
    jvdb_database_release(database);
    OK(jvdb_close(storage, &error));
}

void backups(void)
{
    char path[4096], other[4200];
    jvdb_storage_t *storage = open_storage(directory), *memory;
    jvdb_database_t *database = create(storage, "original"), *copy;
    float in[DIMENSION], out[DIMENSION];
    uint64_t bytes = 0, count;
    fill(in, 3);
    OK(jvdb_put(database, jvdb_key(1), in, DIMENSION, "m", 1, &error));
    snprintf(path, sizeof path, "%s/copy.jvdb", directory);
    OK(jvdb_backup(database, path, &bytes, &error));
    CHECK(bytes >= 8192);
    OK(jvdb_put(database, jvdb_key(2), in, DIMENSION, NULL, 0, &error));
    /* Never in place of a file, never in a directory that is not there. */
    jvdb_error_t *error = NULL;
    CHECK(jvdb_backup(database, path, &bytes, &error) == JVDB_ERROR_IO);
    CHECK(strstr(jvdb_error_path(error), "copy.jvdb") != NULL && strstr(jvdb_error_message(error), "exists") != NULL);
    jvdb_error_free(error);
    snprintf(other, sizeof other, "%s/missing/copy.jvdb", directory);
    EXPECT(JVDB_ERROR_IO, jvdb_backup(database, other, NULL, &error));
    INVALID(jvdb_backup(database, NULL, NULL, &error));
    INVALID(jvdb_backup(database, "..", NULL, &error));
    /* A copy in a storage directory is a database. */
    OK(jvdb_database_open(storage, "copy", &copy, &error));
    OK(jvdb_count(copy, &count, &error));
    CHECK(count == 1);
    OK(jvdb_get_into(copy, jvdb_key(1), out, DIMENSION, NULL, 0, NULL, &error));
    CHECK(memcmp(in, out, sizeof in) == 0);
    jvdb_verified_t verified = { .struct_size = sizeof verified };
    OK(jvdb_verify(copy, &verified, NULL, &error));
    CHECK(verified.damaged == 0 && verified.vectors == 1);
    jvdb_database_release(copy);
    jvdb_database_release(database);
    /* From memory. */
    OK(jvdb_open_memory(NULL, &memory, &error));
    database = create(memory, "memory");
    OK(jvdb_put(database, jvdb_key(5), in, DIMENSION, NULL, 0, &error));
    snprintf(path, sizeof path, "%s/saved.jvdb", directory);
    OK(jvdb_backup(database, path, NULL, &error));
    jvdb_database_release(database);
    OK(jvdb_close(memory, &error));
    OK(jvdb_database_open(storage, "saved", &copy, &error));
    OK(jvdb_contains(copy, jvdb_key(5), &error));
    jvdb_database_release(copy);
    OK(jvdb_close(storage, &error));
}

void damage(const char *in, const char *name, uint64_t mark, long distance)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s.jvdb", in, name);
    FILE *file = fopen(path, "r+b");
    int c, run = 0;
    while (run < 8 && (c = fgetc(file)) != EOF) run = c == ((const char *)&mark)[run] ? run + 1 : 0;
    CHECK(run == 8);
    fseek(file, distance - 8, SEEK_CUR);
    c = fgetc(file);
    fseek(file, -1, SEEK_CUR);
    fputc(~c, file);
    fclose(file);
}

/* What lies before a damaged record is given before the fault is reported, and reported it is with every further call. */
void walks_over_damage(void)
{
    enum { COUNT = 50, DAMAGED = 17 };
    jvdb_storage_t *storage = open_storage(directory);
    jvdb_database_t *database = create(storage, "cut");
    jvdb_cursor_t *cursor;
    jvdb_key_t key;
    jvdb_vector_t vector;
    float in[DIMENSION];
    uint64_t mark = 0x6375746375746375u, position;
    for (uint64_t id = 0; id < COUNT; id++) {
        fill(in, (float)id);
        OK(jvdb_put(database, jvdb_key(id), in, DIMENSION, &mark, id == DAMAGED ? sizeof mark : 0, &error));
    }
    jvdb_database_release(database);
    OK(jvdb_close(storage, &error));
    /* Before the metadata lies the vector, and before that the header, of which byte 24 is of the sequence. */
    damage(directory, "cut", mark, 24 - 64 - (long)sizeof in);

    storage = open_storage(directory);
    OK(jvdb_database_open(storage, "cut", &database, &error));
    for (int vectors = 0; vectors < 2; vectors++) {
        OK(jvdb_cursor_open(database, 0, &cursor, &error));
        for (uint64_t id = 0; id < DAMAGED; id++) {
            if (vectors) {
                fill(in, (float)id);
                OK(jvdb_cursor_next_vector(cursor, &key, &vector, &error));
                CHECK(memcmp(vector.elements, in, sizeof in) == 0);
                jvdb_vector_release(&vector);
            } else {
                OK(jvdb_cursor_next_key(cursor, &key, &error));
            }
            CHECK(key.bytes == NULL && key.number == id);
        }
        /* The error comes once, and is the end. */
        if (vectors) EXPECT(JVDB_ERROR_CORRUPT, jvdb_cursor_next_vector(cursor, &key, &vector, &error));
        else EXPECT(JVDB_ERROR_CORRUPT, jvdb_cursor_next_key(cursor, &key, &error));
        CHECK(strstr(message, "checksum") != NULL);
        if (vectors) EXPECT(JVDB_ABSENT, jvdb_cursor_next_vector(cursor, &key, &vector, &error));
        else EXPECT(JVDB_ABSENT, jvdb_cursor_next_key(cursor, &key, &error));
        OK(jvdb_cursor_position(cursor, &position, &error));
        jvdb_cursor_close(cursor);
        OK(jvdb_cursor_open(database, position, &cursor, &error));
        EXPECT(JVDB_ERROR_CORRUPT, jvdb_cursor_next_key(cursor, &key, &error));
        jvdb_cursor_close(cursor);
    }
    jvdb_database_release(database);
    OK(jvdb_close(storage, &error));
}

void repairs(void)
{
    enum { COUNT = 50 };
    jvdb_storage_t *storage = open_storage(directory);
    jvdb_database_t *database = create(storage, "broken");
    jvdb_findings_t *findings;
    jvdb_repaired_t repaired = { .struct_size = sizeof repaired };
    float in[DIMENSION];
    uint64_t mark = 0x6d61726b6d61726bu, count;
    fill(in, 1);
    for (uint64_t id = 0; id < COUNT; id++) {
        OK(jvdb_put(database, jvdb_key(id), in, DIMENSION, &mark, id == 17 ? sizeof mark : 0, &error));
    }
    jvdb_database_release(database);
    OK(jvdb_repair(storage, "broken", 0, 0, &repaired, &findings, &error)); /* sound: nothing is done */
    CHECK(repaired.damaged == 0 && repaired.vectors == COUNT && jvdb_findings_backup(findings) == NULL);
    jvdb_findings_free(findings);
    OK(jvdb_repair(storage, "broken", 0, 0, NULL, NULL, &error));
    OK(jvdb_close(storage, &error));

    /* Damage the metadata of one record. */
    damage(directory, "broken", mark, 6);

    storage = open_storage(directory);
    OK(jvdb_database_open(storage, "broken", &database, &error));
    jvdb_verified_t verified = { .struct_size = sizeof verified };
    jvdb_finding_t finding = { .struct_size = sizeof finding };
    OK(jvdb_verify(database, &verified, &findings, &error));
    CHECK(verified.damaged > 0 && jvdb_findings_count(findings) == verified.damaged);
    OK(jvdb_findings_at(findings, 0, &finding, &error));
    CHECK(finding.kind == JVDB_FINDING_DAMAGE && finding.offset >= 8192 && strstr(finding.text, "checksum") != NULL);
    INVALID(jvdb_findings_at(findings, 0, NULL, &error));
    jvdb_findings_free(findings);
    jvdb_database_release(database);

    EXPECT(JVDB_ERROR_NOT_FOUND, jvdb_repair(storage, "none", 0, 0, NULL, &findings, &error));
    INVALID(jvdb_repair(storage, "broken", 1, 9, NULL, NULL, &error));
    INVALID(jvdb_repair(storage, "broken", DIMENSION + 1, JVDB_METRIC_COSINE, NULL, NULL, &error));
    OK(jvdb_repair(storage, "broken", 0, 0, &repaired, &findings, &error));
    CHECK(repaired.damaged > 0 && repaired.vectors == COUNT - 1 && repaired.lost == 1 && repaired.gaps == 0);
    CHECK(jvdb_findings_backup(findings) != NULL && strstr(jvdb_findings_backup(findings), "damaged") != NULL);
    int lost = 0;
    for (size_t i = 0; jvdb_findings_at(findings, i, &finding, NULL) == JVDB_OK; i++) {
        if (finding.kind != JVDB_FINDING_LOST_VECTOR) continue;
        lost++;
        CHECK(finding.key.bytes == NULL && finding.key.number == 17 && strstr(finding.text, "17") != NULL);
    }
    CHECK(lost == 1);
    jvdb_findings_free(findings);
    OK(jvdb_database_open(storage, "broken", &database, &error));
    OK(jvdb_count(database, &count, &error));
    CHECK(count == COUNT - 1);
    EXPECT(JVDB_ABSENT, jvdb_contains(database, jvdb_key(17), &error));
    jvdb_database_release(database);
    OK(jvdb_close(storage, &error));
}

/* What the callback has seen. */
struct heard {
    int calls;
    int32_t highest;
    int flushes;
    jvdb_status_t nested;
};

static void hear(void *user, int32_t level, const char *line)
{
    struct heard *heard = user;
    heard->calls++;
    if (level > heard->highest) heard->highest = level;
    heard->flushes += strstr(line, "flush completed") != NULL && strstr(line, "database=\"logged\"") != NULL;
    heard->nested = jvdb_set_log(NULL, NULL, 0, NULL);
}

void log_callback(void)
{
    struct heard first = { 0, 0, 0, 0 }, second = { 0, 0, 0, 0 };
    jvdb_storage_t *storage;
    float in[DIMENSION];
    fill(in, 1);
    OK(jvdb_open_memory(NULL, &storage, &error));
    jvdb_database_t *database = create(storage, "logged");
    INVALID(jvdb_set_log(hear, &first, JVDB_LOG_TRACE + 1, &error));
    INVALID(jvdb_set_log(hear, &first, -1, &error));
    OK(jvdb_set_log(hear, &first, JVDB_LOG_INFO, &error));
    OK(jvdb_put(database, jvdb_key(1), in, DIMENSION, NULL, 0, &error));
    OK(jvdb_flush(database, NULL, &error));
    CHECK(first.flushes == 1 && first.highest <= JVDB_LOG_INFO && first.nested == JVDB_ERROR_INVALID_ARGUMENT);
    /* Another takes its place; a level below says less; none says nothing. */
    const int calls = first.calls;
    OK(jvdb_set_log(hear, &second, JVDB_LOG_ERROR, &error));
    OK(jvdb_put(database, jvdb_key(2), in, DIMENSION, NULL, 0, &error));
    OK(jvdb_flush(database, NULL, &error));
    CHECK(first.calls == calls && second.calls == 0);
    OK(jvdb_set_log(hear, &second, JVDB_LOG_TRACE, &error));
    OK(jvdb_put(database, jvdb_key(3), in, DIMENSION, NULL, 0, &error));
    OK(jvdb_flush(database, NULL, &error));
    CHECK(second.flushes == 1);
    const int before = second.calls;
    OK(jvdb_set_log(NULL, NULL, JVDB_LOG_OFF, &error));
    OK(jvdb_put(database, jvdb_key(4), in, DIMENSION, NULL, 0, &error));
    OK(jvdb_flush(database, NULL, &error));
    CHECK(second.calls == before);
    jvdb_database_release(database);
    OK(jvdb_close(storage, &error));
}
