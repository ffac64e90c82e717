/* Threads that pass blocks to each other, fork, are cancelled, and end with destructors that allocate; contents checked. */
#define _GNU_SOURCE
#include "check.h"
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <time.h>

enum { THREADS = 6, SLOTS = 512, TURNS = 20000 };

struct block {
    size_t size;
    unsigned seed;
    unsigned char bytes[];
};

static _Atomic(struct block *) shared[SLOTS];
static _Atomic long live;

static unsigned next(unsigned *state) {
    *state ^= *state << 13, *state ^= *state >> 17, *state ^= *state << 5;
    return *state;
}

static size_t some_size(unsigned *state) {
    unsigned kind = next(state) % 100;
    if (kind < 80) return next(state) % 512;
    if (kind < 97) return next(state) % 8192;
    if (kind < 99) return next(state) % 200000;
    return next(state) % 20 ? next(state) % 40000 : 3000000;
}

static struct block *make(unsigned *state) {
    size_t size = some_size(state);
    struct block *block;
    switch (next(state) % 4) {
    case 0: block = calloc(1, sizeof *block + size); break;
    case 1: block = aligned_alloc(64, (sizeof *block + size + 63) & ~(size_t)63); break;
    case 2: block = realloc(malloc(next(state) % 2000), sizeof *block + size); break;
    default: block = malloc(sizeof *block + size);
    }
    CHECK(block);
    block->size = size, block->seed = next(state);
    fill(block->bytes, size, block->seed);
    live++;
    return block;
}

static void drop(struct block *block) {
    if (!block) return;
    CHECK(is_filled(block->bytes, block->size, block->seed));
    free(block);
    live--;
}

static struct block *resized(struct block *block, unsigned *state) {
    size_t size = some_size(state), kept = size < block->size ? size : block->size;
    CHECK(is_filled(block->bytes, block->size, block->seed));
    block = realloc(block, sizeof *block + size);
    CHECK(block && is_filled(block->bytes, kept, block->seed));
    block->size = size;
    fill(block->bytes, size, block->seed);
    return block;
}

static void pass_around(unsigned seed, int turns) {
    unsigned state = seed * 2654435761u + 1;
    for (int turn = 0; turn < turns; turn++) {
        struct block *block = make(&state);
        if (next(&state) % 8 == 0) block = resized(block, &state);
        drop(atomic_exchange(&shared[next(&state) % SLOTS], block));
    }
}

static void *worker(void *seed) {
    pass_around((unsigned)(uintptr_t)seed, TURNS);
    return NULL;
}

static void join_all(pthread_t *threads, int count) {
    for (int i = 0; i < count; i++) CHECK(pthread_join(threads[i], NULL) == 0);
}

static void empty(void) {
    for (int i = 0; i < SLOTS; i++) drop(atomic_exchange(&shared[i], NULL));
    CHECK(live == 0);
}

static void start(pthread_t *thread, void *(*body)(void *), uintptr_t argument) {
    CHECK(pthread_create(thread, NULL, body, (void *)argument) == 0);
}

static void threads_pass_blocks(void) {
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) start(&threads[i], worker, i + 1);
    join_all(threads, THREADS);
    empty();
}

static void expect_exit(pid_t child, int code) {
    int status;
    CHECK(child > 0 && waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == code);
}

static void forks_while_threads_allocate(void) {
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) start(&threads[i], worker, i + 100);
    for (int i = 0; i < 10; i++) {
        pid_t child = fork();
        if (child == 0) {
            live = 0;
            for (int k = 0; k < SLOTS; k++) shared[k] = NULL;
            pthread_t own;
            start(&own, worker, 999 + i);
            pass_around(1000 + i, TURNS / 10);
            pthread_cancel(own);
            pthread_join(own, NULL);
            exit(17);
        }
        expect_exit(child, 17);
        child = vfork();
        if (child == 0) {
            free(opaque(malloc(any(100))));
            _exit(18);
        }
        expect_exit(child, 18);
    }
    join_all(threads, THREADS);
    empty();
}

/* Short lives: each thread leaves blocks to the next, half of them is cancelled. */
static void cleanup(void *block) { drop(block); }

static void *short_life(void *seed) {
    unsigned state = (unsigned)(uintptr_t)seed + 7;
    struct block *mine = make(&state);
    pthread_cleanup_push(cleanup, mine);
    for (int i = 0; i < 50; i++) drop(atomic_exchange(&shared[next(&state) % SLOTS], make(&state)));
    for (int i = 0; (uintptr_t)seed % 2 && i < 1000; i++) {
        pthread_testcancel();
        drop(atomic_exchange(&shared[next(&state) % SLOTS], make(&state)));
        nanosleep(&(struct timespec){0, 100000}, NULL);
    }
    pthread_cleanup_pop(1);
    return NULL;
}

static void short_lives_and_cancels(void) {
    for (int round = 0; round < 30; round++) {
        pthread_t threads[THREADS];
        for (int i = 0; i < THREADS; i++) start(&threads[i], short_life, round * THREADS + i);
        for (int i = 1; i < THREADS; i += 2) pthread_cancel(threads[i]);
        join_all(threads, THREADS);
    }
    empty();
}

/* No call of the allocator is a cancellation point, whatever it asks the system meanwhile. */
static atomic_int is_cancelled, went_on;

static void *goes_on(void *unused) {
    static void *blocks[40000];
    while (!is_cancelled) sched_yield();
    for (int i = 0; i < 40000; i++) CHECK((blocks[i] = malloc(any(1000))));
    for (int i = 0; i < 40000; i++) free(blocks[i]);
    went_on = 1;
    pthread_testcancel();
    return unused;
}

static void a_cancelled_thread_ends_in_no_call(void) {
    pthread_t thread;
    void *end;
    start(&thread, goes_on, 0);
    pthread_cancel(thread);
    is_cancelled = 1;
    CHECK(pthread_join(thread, &end) == 0 && end == PTHREAD_CANCELED);
    CHECK(went_on);
}

/* In a child, where the allocator has yet to ask, too, and where it may overflow the stack. */
static void the_least_stack_is_enough(void) {
    pid_t child = fork();
    if (child == 0) {
        pthread_t thread;
        pthread_attr_t least;
        CHECK(pthread_attr_init(&least) == 0);
        CHECK(pthread_attr_setstacksize(&least, PTHREAD_STACK_MIN) == 0);
        is_cancelled = 1;
        CHECK(pthread_create(&thread, &least, goes_on, NULL) == 0);
        CHECK(pthread_join(thread, NULL) == 0 && went_on);
        exit(21);
    }
    expect_exit(child, 21);
}

/* Destructors of thread-specific data that allocate and free, in every round that there is. */
static pthread_key_t keys[40];
static _Atomic int destructed;

static void last_words(void *value) {
    unsigned state = 3;
    drop(value);
    for (int i = 0; i < 20; i++) drop(make(&state));
    if (destructed++ % 3) pthread_setspecific(keys[destructed % 40], make(&state));
}

static void *with_values(void *seed) {
    unsigned state = (unsigned)(uintptr_t)seed + 1;
    for (int i = 0; i < 40; i += 3) pthread_setspecific(keys[i], make(&state));
    return NULL;
}

static void destructors_allocate(void) {
    for (int i = 0; i < 40; i++) CHECK(pthread_key_create(&keys[i], last_words) == 0);
    for (int round = 0; round < 20; round++) {
        pthread_t threads[THREADS];
        for (int i = 0; i < THREADS; i++) start(&threads[i], with_values, round);
        join_all(threads, THREADS);
    }
    CHECK(destructed > 0);
    /* What was set in the last round that there is, is nobody's. */
    live = 0;
}

/* A handler interrupts allocations at any instruction, and does not allocate itself. */
static volatile sig_atomic_t interrupts;
static void interrupt(int signal) { (void)signal, interrupts++; }

static void handlers_interrupt(void) {
    struct sigaction action = {.sa_handler = interrupt, .sa_flags = SA_RESTART};
    sigaction(SIGALRM, &action, NULL);
    timer_t timer;
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
    CHECK(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
    struct itimerspec every = {{0, 50000}, {0, 50000}};
    timer_settime(timer, 0, &every, NULL);
    threads_pass_blocks();
    timer_delete(timer);
    CHECK(interrupts > 0);
}

static void say_goodbye(void) { free(opaque(malloc(any(1000)))); }

static void ways_to_end(void) {
    pid_t child = fork();
    if (child == 0) {
        at_quick_exit(say_goodbye);
        quick_exit(19);
    }
    expect_exit(child, 19);
    child = fork();
    if (child == 0) {
        pthread_t thread;
        atexit(say_goodbye);
        for (int i = 0; i < 3; i++) start(&thread, worker, i);
        exit(20);
    }
    expect_exit(child, 20);
}

int main(void) {
    /* First, while the allocator has yet to ask how much memory there is. */
    the_least_stack_is_enough();
    a_cancelled_thread_ends_in_no_call();
    threads_pass_blocks();
    forks_while_threads_allocate();
    short_lives_and_cancels();
    destructors_allocate();
    handlers_interrupt();
    ways_to_end();
    return 0;
}
