/* What the files of the smoke test share. */
#ifndef JVDB_TESTS_SMOKE_H
#define JVDB_TESTS_SMOKE_H

#include "check.h"
#include "jvdb.h"
#include "jvdb.h" /* twice on purpose: it may come in by several ways */

#define DIMENSION 8

/* Where the test works. */
extern const char *directory;

/* The message of the last call made with EXPECT. */
extern char message[512];

/* Makes a call with an error object called `error`; checks that status, code and object agree; frees the object. */
#define EXPECT(status, call)                                                                            \
    do {                                                                                                \
        jvdb_error_t *error = (jvdb_error_t *)&message; /* written without being read */                \
        jvdb_status_t got = (call);                                                                     \
        if (!CHECK(got == (status))) fprintf(stderr, "  got %d: %s\n", got, jvdb_error_message(error)); \
        CHECK(jvdb_error_code(error) == (got < 0 ? got : JVDB_OK));                                     \
        CHECK((error != NULL) == (got < 0));                                                            \
        snprintf(message, sizeof message, "%s", jvdb_error_message(error));                             \
        jvdb_error_free(error);                                                                         \
    } while (0)
#define OK(call) EXPECT(JVDB_OK, call)
#define INVALID(call) EXPECT(JVDB_ERROR_INVALID_ARGUMENT, call)

/* DIMENSION elements: first, first + 1, ... */
void fill(float *vector, float first);

/* Open or create; end the program if that fails. */
jvdb_storage_t *open_storage(const char *path);
jvdb_database_t *create(jvdb_storage_t *storage, const char *name);

/* Changes a byte of a database's file, that far behind the first place where the mark is. */
void damage(const char *in, const char *name, uint64_t mark, long distance);

/* smoke_database.c */
void vectors(void);
void batches(void);
void cursors(void);
void attributes(void);
void flush_and_stats(void);
void flush_interval(void);
void threads(void);

/* smoke_batch.c */
void mixed_batches(void);
void reads_of_many(void);

/* smoke_descriptors.c */
void low_descriptors(void);

/* smoke_visit.c */
void visits(void);
void visits_in_pieces(void);
void changes_from_within_a_visit(void);
void visits_while_others_write(void);
void visits_over_damage(void);
void advice(void);

/* smoke_upkeep.c */
void versions(void);
void walks_over_vectors(void);
void readers_move_on(void);
void attribute_names(void);
void verification_and_compaction(void);
void backups(void);
void walks_over_damage(void);
void repairs(void);
void log_callback(void);

#endif
