/* What a process that does nothing costs, from posix_spawn to waitpid: alone, with a library preloaded, and linked with it, in turns.
 *
 * spawn ROUNDS ALONE LINKED LIBRARY EMPTY: the first two are programs, the others libraries that are preloaded to ALONE. */
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>

enum { WAYS = 4, WARM_UP = 20 };

static double now_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1e6 + now.tv_nsec / 1e3;
}

static double run_once(char *program, char *preload) {
    char *arguments[] = {program, NULL}, *environment[] = {preload, NULL};
    pid_t child;
    int status;
    double start = now_us();
    if (posix_spawn(&child, program, NULL, NULL, arguments, environment)) exit(1);
    if (waitpid(child, &status, 0) != child || status) exit(1);
    return now_us() - start;
}

static int order(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(int count, char **arguments) {
    if (count != 6) return 1;
    int rounds = atoi(arguments[1]);
    char preload[2][4096];
    for (int i = 0; i < 2; i++) snprintf(preload[i], sizeof preload[i], "LD_PRELOAD=%s", arguments[4 + i]);
    struct { const char *name; char *program, *preload; double *us; } ways[WAYS] = {
        {"alone", arguments[2], NULL, NULL},
        {"an empty library", arguments[2], preload[1], NULL},
        {"preloaded", arguments[2], preload[0], NULL},
        {"linked", arguments[3], NULL, NULL},
    };
    for (int way = 0; way < WAYS; way++) ways[way].us = calloc(rounds, sizeof(double));
    for (int round = -WARM_UP; round < rounds; round++)
        for (int way = 0; way < WAYS; way++) {
            double us = run_once(ways[way].program, ways[way].preload);
            if (round >= 0) ways[way].us[round] = us;
        }
    for (int way = 0; way < WAYS; way++) {
        double *us = ways[way].us;
        qsort(us, rounds, sizeof *us, order);
        printf("%-18s median %.0f us, quartiles %.0f to %.0f\n", ways[way].name, us[rounds / 2], us[rounds / 4], us[rounds * 3 / 4]);
    }
    return 0;
}
