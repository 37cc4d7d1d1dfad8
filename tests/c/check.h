/* What the C and C++ tests count with. The file with main() defines CHECK_MAIN before including it. */
#ifndef JVDB_TESTS_CHECK_H
#define JVDB_TESTS_CHECK_H

#include <stdio.h>

#ifdef CHECK_MAIN
int check_passed;
int check_failed;
#else
extern int check_passed;
extern int check_failed;
#endif

/* Counts a condition, and says where it does not hold. */
#define CHECK(condition) check((condition) ? 1 : 0, #condition, __FILE__, __LINE__)

static inline int check(int holds, const char *condition, const char *file, int line)
{
    if (holds) {
        check_passed++;
    } else {
        check_failed++;
        fprintf(stderr, "%s:%d: failed: %s\n", file, line, condition);
    }
    return holds;
}

/* Prints the closing line; what main() returns. */
static inline int check_summary(void)
{
    printf("%d passed, %d failed\n", check_passed, check_failed);
    return check_failed == 0 && check_passed > 0 ? 0 : 1;
}

#endif
