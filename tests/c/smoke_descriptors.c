/* A program that has closed its standard streams: what it prints by mistake must not get into a database. See smoke.c. */
/* For fork, readlink and waitpid beside C11. */
#define _POSIX_C_SOURCE 200809L
#include "smoke.h"

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

/* The number of things that are wrong, in a process without descriptors 0 to 2. */
static int without_standard_streams(void)
{
    char path[512], name[64], target[512];
    float vector[DIMENSION];
    jvdb_storage_t *storage;
    jvdb_database_t *database;
    int wrong = 0;
    for (int number = 0; number < 3; number++) close(number);
    snprintf(path, sizeof path, "%s/descriptors", directory);
    if (jvdb_open(path, NULL, &storage, NULL) < 0) return 1;
    if (jvdb_open_or_create(storage, "d", DIMENSION, JVDB_METRIC_COSINE, &database, NULL) < 0) return 2;
    fill(vector, 1.0f);
    wrong += jvdb_put(database, jvdb_key(1), vector, DIMENSION, NULL, 0, NULL) < 0;
    wrong += jvdb_flush(database, NULL, NULL) < 0;
    wrong += jvdb_compact(database, NULL, NULL) < 0;
    for (int number = 0; number < 3; number++) {
        snprintf(name, sizeof name, "/proc/self/fd/%d", number);
        wrong += readlink(name, target, sizeof target) >= 0;
    }
    jvdb_database_release(database);
    return wrong + (jvdb_close(storage, NULL) < 0);
}

void low_descriptors(void)
{
    int status = -1;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) _exit(without_standard_streams());
    CHECK(child > 0 && waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}
