/* strata_watch_…: a crossing is told once, on a thread of its own; what is no watch is refused; a child resumes. */
#include "strata.h"

#include "check.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

static atomic_int calls;
static atomic_ullong told_bytes, told_threshold, told_limit;
static pthread_t caller;

static void note(const struct strata_crossing *crossing, void *context) {
    sigset_t blocked;
    pthread_sigmask(SIG_BLOCK, NULL, &blocked);
    CHECK(sigismember(&blocked, SIGTERM) && sigismember(&blocked, SIGCHLD));
    CHECK(context == &calls && !pthread_equal(pthread_self(), caller));
    free(opaque(malloc(100000)));
    told_bytes = crossing->bytes;
    told_threshold = crossing->threshold_bytes;
    told_limit = crossing->limit_bytes;
    calls++;
}

static int waits_for(int count) {
    for (int i = 0; i < 6000 && calls < count; i++) nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    return calls == count;
}

static void rest(void) { nanosleep(&(struct timespec){.tv_nsec = 300000000}, NULL); }

int main(void) {
    if (!ON_STRATA) return 0;
    caller = pthread_self();
    strata_watch_interval(10);

    struct strata_stats stats;
    strata_stats(&stats, sizeof stats);
    uint64_t height = stats.resident_bytes + (64 << 20);
    errno = 77;
    int64_t held = strata_watch_bytes(STRATA_HELD, height, note, &calls);
    CHECK(held > 0 && errno == 77);
    rest();
    CHECK(calls == 0);
    char *block = malloc(80 << 20);
    CHECK(waits_for(1) && told_threshold == height && told_bytes >= height && told_limit == 0);
    rest();
    CHECK(calls == 1);
    free(block);
    strata_trim();
    rest();
    block = opaque(malloc(80 << 20));
    CHECK(waits_for(2));
    CHECK(strata_watch_remove(held) == 0 && strata_watch_remove(held) == ENOENT);

    CHECK(setrlimit(RLIMIT_DATA, &(struct rlimit){1 << 30, 1 << 30}) == 0);
    int64_t share = strata_watch_share(STRATA_COUNTED, 0.8, note, &calls);
    CHECK(share > 0 && share != held);
    rest();
    CHECK(calls == 2);
    char *more = opaque(malloc(800 << 20));
    CHECK(more && waits_for(3) && told_limit > 0 && told_limit <= 1 << 30);
    free(more);
    rest();

    pid_t child = fork();
    if (child == 0) {
        more = opaque(malloc(800 << 20));
        rest();
        int was_asleep = calls == 3;
        _exit(!(was_asleep && strata_watch_resume() == 0 && waits_for(4)));
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    CHECK(strata_watch_remove(share) == 0);

    CHECK(strata_watch_bytes(3, 1, note, NULL) == -EINVAL && strata_watch_bytes(-1, 1, note, NULL) == -EINVAL);
    CHECK(strata_watch_bytes(STRATA_HELD, 0, note, NULL) == -EINVAL);
    CHECK(strata_watch_bytes(STRATA_HELD, 1, NULL, NULL) == -EINVAL);
    CHECK(strata_watch_share(STRATA_RESIDENT, 0.0, note, NULL) == -EINVAL);
    CHECK(strata_watch_remove(0) == ENOENT && strata_watch_remove(-5) == ENOENT && strata_watch_remove(31) == ENOENT);
    rest(); /* The watcher empties what was taken away while it looked at it. */
    int64_t all[32];
    for (int i = 0; i < 32; i++) CHECK((all[i] = strata_watch_bytes(STRATA_HELD, UINT64_MAX, note, NULL)) > 0);
    CHECK(strata_watch_bytes(STRATA_HELD, UINT64_MAX, note, NULL) == -ENOSPC);
    for (int i = 0; i < 32; i++) CHECK(strata_watch_remove(all[i]) == 0);
    CHECK(errno == 77);
    free(block);
    return 0;
}
