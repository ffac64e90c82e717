/* What a debugger, a tracer, a profiler or a checker is given to watch: a purge thread, a watch thread, threads and a fork. */
#define _GNU_SOURCE
#include "check.h"
#include <pthread.h>
#include <sys/wait.h>
#include <time.h>

struct strata_crossing;
extern int64_t strata_watch_bytes(int, uint64_t, void (*)(const struct strata_crossing *, void *), void *) __attribute__((weak));
enum { MIB = 1 << 20, RESIDENT = 0, PATIENCE_MS = 30000 };

static void burst(void) {
    enum { BLOCKS = 5000, SIZE = 5000 };
    static __thread char *blocks[BLOCKS];
    for (int i = 0; i < BLOCKS; i++) memset(blocks[i] = malloc(any(SIZE)), 1, SIZE);
    for (int i = 0; i < BLOCKS; i++) free(blocks[i]);
}

static volatile int told;
static void hear(const struct strata_crossing *crossing, void *context) {
    (void)crossing, (void)context;
    free(opaque(malloc(1000)));
    told = 1;
}

static void *work(void *nothing) {
    burst();
    return nothing;
}

int main(void) {
    burst();
    pthread_t thread;
    CHECK(!pthread_create(&thread, NULL, work, NULL));
    CHECK(!pthread_join(thread, NULL));
    if (strata_watch_bytes) {
        CHECK(strata_watch_bytes(RESIDENT, 1, hear, NULL) > 0);
        for (int ms = 0; !told; ms += 10, nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL)) CHECK(ms < PATIENCE_MS);
    }
    burst();
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        burst();
        exit(0);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    burst();
    puts("well");
    return 0;
}
