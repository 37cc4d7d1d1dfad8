/* A C program that keeps vectors in jvdb: stores three, reads one in place, and says what it found.
 * cc -std=c11 main.c $(pkg-config --cflags --libs jvdb); usage: jvdb_c DIRECTORY */
#include <jvdb.h>

#include <stdio.h>

static int failed(jvdb_error_t *error)
{
    fprintf(stderr, "jvdb_c: %s\n", jvdb_error_message(error));
    jvdb_error_free(error);
    return 1;
}

static int store(jvdb_database_t *colours, jvdb_error_t **error)
{
    static const uint64_t ids[] = {7, 8, 9};
    static const float matrix[] = {1, 0.5f, 0, 0, 0, 1, 0, 1, 0};
    jvdb_batch_t batch = {.struct_size = sizeof batch, .count = 3, .dimension = 3, .ids = ids, .matrix = matrix};
    return jvdb_put_batch(colours, &batch, error) < 0 || jvdb_flush(colours, NULL, error) < 0;
}

static int show(const jvdb_database_t *colours, jvdb_error_t **error)
{
    jvdb_vector_t orange;
    if (jvdb_get(colours, jvdb_key(7), &orange, error) != JVDB_OK) {
        return 1;
    }
    printf("%g %g %g\n", orange.elements[0], orange.elements[1], orange.elements[2]);
    jvdb_vector_release(&orange);
    return 0;
}

int main(int argc, char **argv)
{
    jvdb_storage_t *storage;
    jvdb_database_t *colours = NULL;
    jvdb_error_t *error = NULL;
    if (argc != 2) {
        fprintf(stderr, "usage: jvdb_c DIRECTORY\n");
        return 2;
    }
    if (jvdb_open(argv[1], NULL, &storage, &error) < 0) {
        return failed(error);
    }
    jvdb_status_t opened = jvdb_create(storage, "colours", 3, JVDB_METRIC_COSINE, &colours, &error);
    if (opened == JVDB_ERROR_ALREADY_EXISTS) {
        jvdb_error_free(error);
        opened = jvdb_database_open(storage, "colours", &colours, &error);
    }
    const int bad = opened < 0 || store(colours, &error) || show(colours, &error);
    jvdb_database_release(colours);
    if (bad) {
        jvdb_close(storage, NULL);
        return failed(error);
    }
    return jvdb_close(storage, &error) < 0 ? failed(error) : 0;
}
