/* The thread that gives memory back, as a program of one thread can see it: docs/purge-thread.md, line by line. */
#define _GNU_SOURCE
#include "thread_of_ours.h"
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>

enum { MIB = 1 << 20, SLACK = 8 * MIB, PATIENCE_MS = 10000 };
extern char __libc_single_threaded __attribute__((weak));

static long resident(void) {
    char text[128];
    CHECK(text_of("/proc/self/statm", text, sizeof text) > 0);
    return strtol(strchr(text, ' '), NULL, 10) * sysconf(_SC_PAGESIZE);
}

/* Takes so many bytes in blocks of one size, and frees them. */
static void burst(size_t bytes, size_t size) {
    void *(*take)(size_t) = OURS(malloc);
    void (*give)(void *) = OURS(free);
    size_t count = bytes / size;
    char **blocks = take(count * sizeof *blocks);
    for (size_t i = 0; i < count; i++) memset(blocks[i] = take(any(size)), 1, size);
    for (size_t i = 0; i < count; i++) give(blocks[i]);
    give(blocks);
}

/* The number of the thread among the tasks, or 0. */
static int thread(void) { return thread_named("strata-purge"); }

/* A burst, after which the thread is there. */
static int called(void) {
    burst(64 * MIB, 3000);
    int number = thread();
    for (int ms = 0; !number && ms < 400; ms += 10, number = thread()) nap(10);
    CHECK(number);
    return number;
}

/* Threads of this process, counted without a call of the allocator: one that calls goes on, and may miss what went. */
static int threads(void) {
    int count = (int)status_of(getpid(), "Threads", 10);
    CHECK(count > 0);
    return count;
}

static void wait_until_it_has_gone(void) {
    for (int ms = 0; threads() > 1; ms += 10, nap(10)) CHECK(ms < PATIENCE_MS);
    CHECK(!thread());
}

static void memory_comes_back(void) {
    static const size_t sizes[] = {64, 1000, 20000, MIB, 5 * MIB, 256 * MIB};
    burst(MIB, 100);
    long before = resident();
    for (int i = 0; i < 6; i++) {
        burst(256 * MIB, sizes[i]);
        for (int ms = 0; resident() > before + SLACK; ms += 10, nap(10)) CHECK(ms < PATIENCE_MS);
    }
    wait_until_it_has_gone();
}

static void the_c_library_knows_of_one_thread(void) {
    char before = &__libc_single_threaded ? __libc_single_threaded : 0;
    called();
    CHECK(!&__libc_single_threaded || __libc_single_threaded == before);
}

static void no_descriptor_of_its_is_met(void) {
    int lowest = open("/dev/null", O_RDONLY), number = called();
    char path[64];
    snprintf(path, sizeof path, "/proc/self/task/%d/fd", number);
    do {
        close(lowest);
        CHECK(open("/dev/null", O_RDONLY) == lowest);
    } while (access(path, F_OK) == 0);
    close(lowest);
}

/* What the kernel says of the stack pointer of a thread that waits; 0 if it does not say. */
static unsigned long stack_pointer_of(int number) {
    char path[64], text[512];
    snprintf(path, sizeof path, "/proc/self/task/%d/syscall", number);
    for (int ms = 0; ms < 1000; ms++, nap(1)) {
        unsigned long pointer;
        if (text_of(path, text, sizeof text) <= 0) return 0;
        if (sscanf(text, "%*s %*s %*s %*s %*s %*s %*s %lx %*s", &pointer) == 1) return pointer;
    }
    return 0;
}
static void its_stack_is_a_mapping_of_its_own_behind_a_guard(void) {
    unsigned long pointer = stack_pointer_of(called()), start = 0, end = 0, guard_end = 0;
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[512], rights[8] = "";
    while (fgets(line, sizeof line, maps) && end <= pointer) {
        guard_end = strcmp(rights, "---p") ? 0 : end;
        CHECK(sscanf(line, "%lx-%lx %7s", &start, &end, rights) == 3);
    }
    fclose(maps);
    CHECK(!pointer || (start <= pointer && guard_end == start && !strcmp(rights, "rw-p") && end - start <= 128 * 1024));
}

static volatile sig_atomic_t heard;
static void hear(int signal) {
    (void)signal;
    heard = gettid() == getpid();
}
static void signals_go_to_the_program(void) {
    signal(SIGUSR1, hear);
    called();
    kill(getpid(), SIGUSR1);
    CHECK(heard);
}

static void a_child_of_fork_is_alone_and_gets_its_own(void) {
    called();
    in_a_child(memory_comes_back);
}

static void namespaces_are_for_programs_of_one_thread(void) {
    called();
    CHECK(unshare(CLONE_NEWUSER) == -1 && (errno == EINVAL || errno == EPERM || errno == ENOSYS));
    wait_until_it_has_gone();
    /* It may be forbidden here, but not because of threads. */
    CHECK(unshare(CLONE_NEWUSER) == 0 || errno != EINVAL);
}

static void rights_that_are_dropped_stay_with_it_until_it_goes(void) {
    int number = called();
    if (getuid() != 0) return;
    CHECK(setuid(65534) == 0 && getuid() == 65534);
    CHECK(status_of(number, "Uid", 10) <= 0);
    wait_until_it_has_gone();
    burst(64 * MIB, 3000);
    int next = thread();
    CHECK(next == 0 || status_of(next, "Uid", 10) == 65534);
}

static void a_wrapper_of_pthread_create_is_not_called(void) {
    pthread_mutex_lock(&tracers);
    called();
    pthread_mutex_unlock(&tracers);
    CHECK(made == 0);
}

static void it_is_no_child_and_its_end_no_signal(void) {
    signal(SIGCHLD, hear);
    called();
    CHECK(waitpid(-1, NULL, WNOHANG | __WALL) == -1 && errno == ECHILD);
    wait_until_it_has_gone();
    CHECK(!heard);
}

static void folders_and_masks_are_the_programs_to_change(void) {
    char here[4096];
    called();
    CHECK(chdir("/") == 0 && getcwd(here, sizeof here) && !strcmp(here, "/"));
    umask(022);
    CHECK(umask(077) == 022);
    if (getuid() == 0) CHECK(chroot("/") == 0 || errno == EPERM);
    CHECK(unshare(CLONE_FS) == 0 && chdir("/") == 0);
    CHECK(thread() || threads() == 1);
}

static long nanoseconds(clockid_t clock) {
    struct timespec time;
    CHECK(clock_gettime(clock, &time) == 0);
    return time.tv_sec * 1000000000L + time.tv_nsec;
}
static void its_time_is_the_processs(void) {
    called();
    long others = nanoseconds(CLOCK_PROCESS_CPUTIME_ID) - nanoseconds(CLOCK_THREAD_CPUTIME_ID);
    wait_until_it_has_gone();
    CHECK(nanoseconds(CLOCK_PROCESS_CPUTIME_ID) - nanoseconds(CLOCK_THREAD_CPUTIME_ID) > others);
}

static void its_groups_are_its_starters(void) {
    char path[64], own[4096], its[4096];
    snprintf(path, sizeof path, "/proc/self/task/%d/cgroup", called());
    CHECK(text_of("/proc/thread-self/cgroup", own, sizeof own) >= 0);
    CHECK(text_of(path, its, sizeof its) >= 0);
    CHECK(!*its || !strcmp(own, its));
}

static void burst_and_silence(void) {
    called();
    wait_until_it_has_gone();
}
static void a_daemon_gets_its_own(void) { in_a_daemon(called, burst_and_silence); }

/* The first thread of a program ends, and others live on: `/proc/self/statm` reads zeros from then on. */
static pthread_t first;
static void *go_on_alone(void *nothing) {
    pthread_join(first, NULL);
    burst(64 * MIB, 3000);
    for (int ms = 0, number = 0; !number; ms += 10, nap(10), number = thread()) CHECK(ms < PATIENCE_MS);
    /* This one, the first, which is no more than a number, and the purge thread until it has gone. */
    for (int ms = 0; threads() > 2; ms += 10, nap(10)) CHECK(ms < PATIENCE_MS);
    _exit(0);
    return nothing;
}
static void the_first_thread_may_end_first(void) {
    pthread_t thread;
    first = pthread_self();
    CHECK(!pthread_create(&thread, NULL, go_on_alone, NULL));
    pthread_exit(NULL);
}

static void *exit_at_once(void *nothing) {
    exit(0);
    return nothing;
}
static void another_thread_may_exit(void) {
    pthread_t thread;
    called();
    CHECK(!pthread_create(&thread, NULL, exit_at_once, NULL));
    for (;;) pause();
}

static void the_end_comes_at_once(void) {
    called();
    exit(0);
}
static void the_last_thread_of_the_program_is_the_last(void) {
    called();
    pthread_exit(NULL);
}
static void another_program_takes_its_place(void) {
    called();
    execl("/bin/true", "true", (char *)NULL);
    _exit(1);
}

static void it_stays_away_where_it_is_not_wanted(void) {
    CHECK(setenv("STRATA_PURGE_THREAD", "0", 1) == 0);
    execl("/proc/self/exe", "purge_thread", "unwanted", (char *)NULL);
    _exit(1);
}

int main(int count, char **arguments) {
    (void)arguments;
    if (count > 1) {
        burst(64 * MIB, 3000);
        nap(100);
        return thread() != 0;
    }
    static void (*const bodies[])(void) = {
        memory_comes_back,
        the_c_library_knows_of_one_thread,
        no_descriptor_of_its_is_met,
        its_stack_is_a_mapping_of_its_own_behind_a_guard,
        signals_go_to_the_program,
        a_child_of_fork_is_alone_and_gets_its_own,
        namespaces_are_for_programs_of_one_thread,
        rights_that_are_dropped_stay_with_it_until_it_goes,
        a_wrapper_of_pthread_create_is_not_called,
        it_is_no_child_and_its_end_no_signal,
        folders_and_masks_are_the_programs_to_change,
        its_time_is_the_processs,
        its_groups_are_its_starters,
        a_daemon_gets_its_own,
        the_first_thread_may_end_first,
        another_thread_may_exit,
        the_end_comes_at_once,
        the_last_thread_of_the_program_is_the_last,
        another_program_takes_its_place,
        it_stays_away_where_it_is_not_wanted,
    };
    /* They mostly wait: a few at a time. */
    in_children(bodies, sizeof bodies / sizeof *bodies, 5);
    return 0;
}
