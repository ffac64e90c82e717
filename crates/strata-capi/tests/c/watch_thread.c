/* The thread that checks watches, as a program can see it: docs/purge-thread.md, the second table, line by line. */
#define _GNU_SOURCE
#include "strata.h"

#include "check.h"

#include <dirent.h>
#include <dlfcn.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

enum { MIB = 1 << 20, PATIENCE_MS = 20000, STACK = 2 * MIB };

static void nap(int ms) { nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000L}, NULL); }

/* The number of the thread among the tasks, or 0. */
static int thread(void) {
    DIR *tasks = opendir("/proc/self/task");
    int found = 0;
    for (struct dirent *entry; (entry = readdir(tasks));) {
        char path[300], name[32] = "";
        snprintf(path, sizeof path, "/proc/self/task/%s/comm", entry->d_name);
        FILE *file = fopen(path, "r");
        if (file && fgets(name, sizeof name, file) && !strcmp(name, "strata-watch\n")) found = atoi(entry->d_name);
        if (file) fclose(file);
    }
    closedir(tasks);
    return found;
}

/* What a line of a thread's status says, as a number. */
static long long status(int number, const char *name, int base) {
    char path[64], line[256];
    snprintf(path, sizeof path, "/proc/self/task/%d/status", number);
    FILE *file = fopen(path, "r");
    CHECK(file);
    long long value = -1;
    while (fgets(line, sizeof line, file))
        if (!strncmp(line, name, strlen(name))) value = strtoull(line + strlen(name) + 1, NULL, base);
    fclose(file);
    return value;
}

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
    strata_watch_interval(10);
    CHECK(strata_watch_bytes(STRATA_RESIDENT, 1, hear, NULL) > 0);
    wait_until_told(1);
    int number = thread();
    CHECK(number);
    return number;
}

/* A tracer's: it allocates under a lock of its own, around each thread that is made. */
static int made;
#ifndef LINKED_STATICALLY
static pthread_mutex_t tracers = PTHREAD_MUTEX_INITIALIZER;
int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*body)(void *), void *argument) {
    int (*theirs)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *) = dlsym(RTLD_NEXT, "pthread_create");
    pthread_mutex_lock(&tracers);
    free(opaque(malloc(300)));
    made++;
    pthread_mutex_unlock(&tracers);
    return theirs(thread, attributes, body, argument);
}
#endif

static void there_is_none_without_a_watch(void) {
    free(opaque(malloc(64 * MIB)));
    CHECK(!thread() && made == 0);
}
static void a_watch_makes_it_as_programs_make_threads(void) {
    watched();
    CHECK(strata_watch_bytes(STRATA_HELD, 1, hear, NULL) > 0);
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
    CHECK((status(number, "SigBlk", 16) | 3LL << 31) == (long long)0xfffffffffffbfeff);
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
    CHECK(setuid(65534) == 0 && status(number, "Uid", 10) == 65534);
}
static void namespaces_are_for_programs_without(void) {
    watched();
    CHECK(unshare(CLONE_NEWUSER) == -1 && (errno == EINVAL || errno == EPERM || errno == ENOSYS));
}
static void a_daemon_has_none_until_it_asks(void) {
    int ends[2];
    char byte = 0;
    CHECK(pipe(ends) == 0);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        watched();
        CHECK(daemon(1, 1) == 0);
        alarm(300);
        CHECK(!thread() && strata_watch_resume() == 0);
        told = 0;
        CHECK(strata_watch_bytes(STRATA_RESIDENT, 1, hear, NULL) > 0);
        wait_until_told(1);
        CHECK(thread() && write(ends[1], "y", 1) == 1);
        _exit(0);
    }
    close(ends[1]);
    CHECK(read(ends[0], &byte, 1) == 1 && byte == 'y');
    CHECK(waitpid(child, NULL, 0) == child);
}

/* `/proc/self/statm` reads zeros once the first thread has ended; the watch sees what is there. */
static pthread_t first;
static void *grow_alone(void *nothing) {
    pthread_join(first, NULL);
    struct strata_stats stats;
    strata_stats(&stats, sizeof stats);
    CHECK(stats.resident_bytes > 0);
    CHECK(strata_watch_bytes(STRATA_RESIDENT, stats.resident_bytes + 32 * MIB, hear, NULL) > 0);
    nap(100);
    CHECK(told == 0);
    char *block = opaque(malloc(64 * MIB));
    memset(block, 1, 64 * MIB);
    wait_until_told(1);
    _exit(0);
    return nothing;
}
static void the_first_thread_may_end_first(void) {
    pthread_t thread;
    strata_watch_interval(10);
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

static pid_t begin(void (*body)(void)) {
    fflush(NULL);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        alarm(300);
        body();
        _exit(0);
    }
    return child;
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
    enum { ALL = sizeof bodies / sizeof *bodies };
    pid_t children[ALL];
    for (int i = 0; i < ALL; i++) children[i] = begin(bodies[i]);
    for (int i = 0; i < ALL; i++) {
        int status;
        CHECK(waitpid(children[i], &status, 0) == children[i] && status == 0);
    }
    return 0;
}
