/* The thread that checks watches, as a program can see it: docs/purge-thread.md, the second table, line by line. */
#define _GNU_SOURCE
#include "strata.h"

#include "thread_of_ours.h"

#include <sched.h>
#include <signal.h>

/* Where the library is preloaded, a program cannot count on them. */
#pragma weak strata_watch_interval
#pragma weak strata_watch_bytes
#pragma weak strata_watch_resume
#pragma weak strata_stats

enum { MIB = 1 << 20, PATIENCE_MS = 20000, STACK = 2 * MIB };

/* The number of the thread among the tasks, or 0. */
static int thread(void) { return thread_named("strata-watch"); }

static volatile int told;
static volatile size_t stack_bytes;
static volatile int descriptors = -1;
static int count_descriptors(void) {
    int count = -3;
    DIR *all = opendir("/proc/self/fd");
    while (readdir(all)) count++;
    closedir(all);
    return count;
}
static void hear(const struct strata_crossing *crossing, void *context) {
    (void)crossing, (void)context;
    pthread_attr_t attributes;
    void *start;
    size_t bytes;
    CHECK(!pthread_getattr_np(pthread_self(), &attributes));
    CHECK(!pthread_attr_getstack(&attributes, &start, &bytes));
    pthread_attr_destroy(&attributes);
    stack_bytes = bytes;
    descriptors = count_descriptors();
    told++;
}

static void wait_until_told(int times) {
    for (int ms = 0; told < times; ms += 10, nap(10)) CHECK(ms < PATIENCE_MS);
}

/* A watch that calls at once, and the thread. */
static int watched(void) {
    OURS(strata_watch_interval)(10);
    CHECK(OURS(strata_watch_bytes)(STRATA_RESIDENT, 1, hear, NULL) > 0);
    wait_until_told(1);
    int number = thread();
    CHECK(number);
    return number;
}

static void there_is_none_without_a_watch(void) {
    OURS(free)(opaque(OURS(malloc)(64 * MIB)));
    CHECK(!thread() && made == 0);
}
static void a_watch_makes_it_as_programs_make_threads(void) {
    watched();
    CHECK(OURS(strata_watch_bytes)(STRATA_HELD, 1, hear, NULL) > 0);
    wait_until_told(2);
#ifndef LINKED_STATICALLY
    CHECK(made == 1);
#endif
}
static void it_blocks_signals_and_has_a_stack_of_its_size(void) {
    sigset_t before, after;
    sigemptyset(&before);
    pthread_sigmask(SIG_BLOCK, NULL, &before);
    int number = watched();
    pthread_sigmask(SIG_BLOCK, NULL, &after);
    CHECK(!memcmp(&before, &after, 64 / 8));
    /* All but SIGKILL and SIGSTOP, and the two that the C library keeps for itself. */
    CHECK((status_of(number, "SigBlk", 16) | 3LL << 31) == (long long)0xfffffffffffbfeff);
    CHECK(stack_bytes <= STACK && stack_bytes >= STACK - 64 * 1024);
}
static void its_descriptors_are_the_programs_and_none_stays_open(void) {
    int before = count_descriptors(), number = watched();
    char path[64];
    snprintf(path, sizeof path, "/proc/self/task/%d/fd/0", number);
    CHECK(descriptors >= before && access(path, F_OK) == access("/proc/self/fd/0", F_OK));
    for (int ms = 0; count_descriptors() != before; ms += 1, nap(1)) CHECK(ms < PATIENCE_MS);
}
static void policy_and_processors_are_its_starters(void) {
    cpu_set_t one, its;
    CPU_ZERO(&one);
    CPU_SET(sched_getcpu(), &one);
    CHECK(!sched_setaffinity(0, sizeof one, &one));
    CHECK(!sched_setscheduler(0, SCHED_BATCH, &(struct sched_param){0}));
    int number = watched();
    CHECK(!sched_getaffinity(number, sizeof its, &its) && CPU_EQUAL(&one, &its));
    CHECK(sched_getscheduler(number) == SCHED_BATCH);
}
static void rights_that_are_dropped_it_loses_too(void) {
    int number = watched();
    if (getuid() != 0) return;
    CHECK(setuid(65534) == 0 && status_of(number, "Uid", 10) == 65534);
}
static void namespaces_are_for_programs_without(void) {
    watched();
    CHECK(unshare(CLONE_NEWUSER) == -1 && (errno == EINVAL || errno == EPERM || errno == ENOSYS));
}
static void none_until_it_asks(void) {
    CHECK(!thread() && OURS(strata_watch_resume)() == 0);
    told = 0;
    CHECK(OURS(strata_watch_bytes)(STRATA_RESIDENT, 1, hear, NULL) > 0);
    wait_until_told(1);
    CHECK(thread());
}
static void a_daemon_has_none_until_it_asks(void) { in_a_daemon(watched, none_until_it_asks); }

/* `/proc/self/statm` reads zeros once the first thread has ended; the watch sees what is there. */
static pthread_t first;
static void *grow_alone(void *nothing) {
    pthread_join(first, NULL);
    struct strata_stats stats;
    OURS(strata_stats)(&stats, sizeof stats);
    CHECK(stats.resident_bytes > 0);
    CHECK(OURS(strata_watch_bytes)(STRATA_RESIDENT, stats.resident_bytes + 32 * MIB, hear, NULL) > 0);
    nap(100);
    CHECK(told == 0);
    char *block = opaque(OURS(malloc)(64 * MIB));
    memset(block, 1, 64 * MIB);
    wait_until_told(1);
    _exit(0);
    return nothing;
}
static void the_first_thread_may_end_first(void) {
    pthread_t thread;
    OURS(strata_watch_interval)(10);
    first = pthread_self();
    CHECK(!pthread_create(&thread, NULL, grow_alone, NULL));
    pthread_exit(NULL);
}
static void the_end_comes_at_once(void) {
    watched();
    exit(0);
}
static void another_program_takes_its_place(void) {
    watched();
    execl("/bin/true", "true", (char *)NULL);
    _exit(1);
}

int main(void) {
    static void (*const bodies[])(void) = {
        there_is_none_without_a_watch,
        a_watch_makes_it_as_programs_make_threads,
        it_blocks_signals_and_has_a_stack_of_its_size,
        its_descriptors_are_the_programs_and_none_stays_open,
        policy_and_processors_are_its_starters,
        rights_that_are_dropped_it_loses_too,
        namespaces_are_for_programs_without,
        a_daemon_has_none_until_it_asks,
        the_first_thread_may_end_first,
        the_end_comes_at_once,
        another_program_takes_its_place,
    };
    /* Who opens the library uses it: what it holds cannot be watched before. */
    OURS(free)(opaque(OURS(malloc)(100)));
    enum { ALL = sizeof bodies / sizeof *bodies };
    in_children(bodies, ALL, ALL);
    return 0;
}
