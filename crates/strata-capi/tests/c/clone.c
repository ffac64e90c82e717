/* Threads and processes that the C library does not know of: made by clone itself, as debuggers, sandboxes and runtimes do. */
#define _GNU_SOURCE
#include "check.h"
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum { STACK = 1 << 18, BLOCKS = 2000 };
static char stack[STACK] __attribute__((aligned(16)));
static void *given[BLOCKS], *left[BLOCKS];
static _Atomic pid_t runs;
static _Atomic int stop;

static size_t size_of(int i) { return 8 + (size_t)(i * 37) % 3000; }

/* Frees what it was given, and leaves as much behind. */
static int work(void *unused) {
    (void)unused;
    for (int i = 0; i < BLOCKS; i++) {
        CHECK(is_filled(given[i], size_of(i), i));
        free(given[i]);
        fill(left[i] = malloc(any(size_of(i))), size_of(i), i + 1);
    }
    free(opaque(realloc(malloc(any(100)), any(3 << 20))));
    return 0;
}

static void give(void) {
    for (int i = 0; i < BLOCKS; i++) fill(given[i] = malloc(any(size_of(i))), size_of(i), i);
}

static void take(void) {
    for (int i = 0; i < BLOCKS; i++) CHECK(left[i] && is_filled(left[i], size_of(i), i + 1));
    for (int i = 0; i < BLOCKS; i++) free(left[i]), left[i] = NULL;
}

static int as_a_thread(void *unused) {
    work(unused);
    /* Not exit: the C library would take it for the whole process. */
    syscall(SYS_exit, 0);
    return 0;
}

/* It has no thread-local storage of its own, so it stands in for its parent, which waits. */
static void a_thread_of_clone_allocates(void) {
    give();
    runs = 1;
    int flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | CLONE_CHILD_CLEARTID;
    CHECK(clone(as_a_thread, stack + STACK, flags, NULL, NULL, NULL, &runs) > 0);
    while (runs) syscall(SYS_futex, &runs, FUTEX_WAIT, 1, NULL, NULL, 0);
    take();
}

static void a_process_in_the_same_memory_allocates(void) {
    give();
    pid_t child = clone(work, stack + STACK, CLONE_VM | CLONE_VFORK | SIGCHLD, NULL);
    int status;
    CHECK(child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    take();
}

/* A fork without the C library's handlers. */
static void a_process_of_its_own_allocates(void) {
    give();
    pid_t child = clone(work, stack + STACK, SIGCHLD, NULL);
    int status;
    CHECK(child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    for (int i = 0; i < BLOCKS; i++) CHECK(!left[i] && is_filled(given[i], size_of(i), i));
    for (int i = 0; i < BLOCKS; i++) free(given[i]);
}

static void *busy(void *unused) {
    while (!stop) {
        void *blocks[50];
        for (int i = 0; i < 50; i++) fill(blocks[i] = malloc(any(size_of(i))), size_of(i), i);
        for (int i = 0; i < 50; i++) {
            CHECK(is_filled(blocks[i], size_of(i), i));
            free(blocks[i]);
        }
    }
    return unused;
}

int main(void) {
    pthread_t others[2];
    for (int i = 0; i < 2; i++) CHECK(pthread_create(&others[i], NULL, busy, NULL) == 0);
    for (int round = 0; round < 20; round++) {
        a_thread_of_clone_allocates();
        a_process_in_the_same_memory_allocates();
        if (ON_STRATA) a_process_of_its_own_allocates();
    }
    stop = 1;
    for (int i = 0; i < 2; i++) CHECK(pthread_join(others[i], NULL) == 0);
    return 0;
}
