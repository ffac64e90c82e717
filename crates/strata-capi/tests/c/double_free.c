/* A block is freed twice, in one way for each size: `double_free list` names the cases, `double_free CASE` runs one.
 *
 * A case ends by abort with one line, or goes on; it never hangs, and what does not share the block's pool stays as it was. */
#define _GNU_SOURCE
#include "check.h"
#include <malloc.h>
#include <pthread.h>
#include <semaphore.h>

enum { KIB = 1 << 10, MIB = 1 << 20, POOL = 64 * KIB, ARENA = 4 * MIB, MAGAZINE = 64 };

struct strata_heap; /* strata.h has the words. */
extern struct strata_heap *strata_heap_new(void);
extern void *strata_heap_malloc(struct strata_heap *, size_t);
extern void strata_heap_delete(struct strata_heap *);

/* The sizes. */
static const struct kind {
    const char *name;
    size_t size, align;
} kinds[] = {
    {"tiny", 16, 0},        {"small", 200, 0},        {"promoted", 700, 0},       {"medium", 3000, 0},
    {"pool-sized", 30000, 0}, {"large", 100000, 0},   {"run", MIB, 0},            {"huge", 6 * MIB, 0},
    {"aligned-small", 100, 4 * KIB}, {"aligned-large", 200 * KIB, POOL}, {"aligned-huge", 3 * MIB, 2 * MIB}, {"aligned-arena", 5 * MIB, ARENA},
};
static const struct kind *kind;

static void *take(void) {
    void *block = NULL;
    if (!kind->align) block = malloc(any(kind->size));
    else if (posix_memalign(&block, kind->align, any(kind->size))) block = NULL;
    CHECK(block);
    return memset(block, 0x5a, kind->size < POOL ? kind->size : POOL);
}

/* The block that is freed twice. */
static char *victim;

/* Whether bytes may lie in what the victim's misuse may spoil: its pool, the pools that serve its class together, or itself. */
static int is_spoilt(const void *block, size_t size) {
    enum { ALONE = 8 * KIB, MOST = 256 * KIB, TOGETHER = 8 * POOL };
    uintptr_t start = (uintptr_t)victim, end = start + kind->size, at = (uintptr_t)block;
    if (kind->size <= ALONE) {
        start &= ~(uintptr_t)(POOL - 1);
        end = start + POOL;
    } else if (kind->size <= MOST) {
        start -= TOGETHER;
        end += TOGETHER;
    }
    return at < end && start < at + size;
}

/* Blocks of all sizes with known contents. */
struct keep {
    unsigned char *block;
    size_t size;
    unsigned seed;
};

/* Of a large block the ends, where links and neighbours would be. */
static size_t end_of(size_t size) {
    return size < 512 ? size : 256;
}

static void keep(struct keep *place, size_t size, unsigned seed) {
    *place = (struct keep){malloc(any(size)), size, seed};
    CHECK(place->block);
    fill(place->block, end_of(size), seed);
    if (end_of(size) < size) fill(place->block + size - end_of(size), end_of(size), ~seed);
}

static void check(const struct keep *place) {
    size_t size = place->size, end = end_of(size);
    if (is_spoilt(place->block, size)) return;
    CHECK(is_filled(place->block, end, place->seed));
    CHECK(end == size || is_filled(place->block + size - end, end, ~place->seed));
}

enum { GUARDS = 800 };
static struct keep guards[GUARDS];

static size_t guard_size(unsigned i) {
    static const size_t sizes[] = {16, 24, 200, 700, 3000, 3072, 30000, 70000, 100000};
    if (i % 500 == 7) return 5 * MIB;
    if (i % 100 == 3) return MIB;
    return i % 3 ? sizes[i % 9] : kind->size < POOL ? kind->size : 48;
}

/* Allocates and frees blocks of all sizes; what does not share the victim's pool keeps its contents. */
static void *churn(void *seed) {
    enum { LIVE = 300 };
    struct keep live[LIVE] = {{0}};
    unsigned random = (unsigned)(uintptr_t)seed;
    for (int step = 0; step < 4000; step++) {
        random = random * 1664525 + 1013904223;
        struct keep *place = &live[(random >> 8) % LIVE];
        if (place->block) {
            check(place);
            free(place->block);
            place->block = NULL;
        } else {
            size_t sizes[] = {kind->size, 16, 200, 700, 3000, 30000, 100000};
            size_t size = sizes[(random >> 20) % 7];
            keep(place, size > POOL && step % 16 ? 40 : size, random);
        }
    }
    for (int i = 0; i < LIVE; i++)
        if (live[i].block) {
            check(&live[i]);
            free(live[i].block);
        }
    return NULL;
}

/* Threads that are there before anything is freed twice: what the C library keeps of a thread lies in no spoilt block. */
enum { THREADS = 4 };
static struct helper {
    pthread_t thread;
    sem_t asked, done;
    void *(*body)(void *);
    void *argument;
} helpers[THREADS];
static int started, ended;

static void *help(void *place) {
    struct helper *helper = place;
    while (!sem_wait(&helper->asked) && helper->body) {
        helper->body(helper->argument);
        sem_post(&helper->done);
    }
    return NULL;
}
static void start_threads(void) {
    for (; started < THREADS; started++) {
        struct helper *helper = &helpers[started];
        CHECK(!sem_init(&helper->asked, 0, 0) && !sem_init(&helper->done, 0, 0));
        CHECK(!pthread_create(&helper->thread, NULL, help, helper));
    }
}
/* By the next thread. */
static struct helper *begin_in_a_thread(void *(*body)(void *), void *argument) {
    CHECK(ended < THREADS);
    struct helper *helper = &helpers[ended++];
    helper->body = body;
    helper->argument = argument;
    sem_post(&helper->asked);
    return helper;
}
/* Until it is done, and the thread has ended. */
static void end_in_a_thread(struct helper *helper) {
    while (sem_wait(&helper->done)) {}
    helper->body = NULL;
    sem_post(&helper->asked);
    CHECK(!pthread_join(helper->thread, NULL));
}
static void in_a_thread(void *(*body)(void *), void *argument) {
    end_in_a_thread(begin_in_a_thread(body, argument));
}
static void *free_it(void *block) {
    free(block);
    return NULL;
}
static void *take_it(void *place) {
    return *(void **)place = take();
}

/* The ways: each takes the victim and frees it once too often. */
static void in_a_row(void) {
    victim = take();
    free(victim);
    free(victim);
}
static void three_times(void) {
    in_a_row();
    free(victim);
    CHECK(malloc(any(kind->size)) && malloc(any(kind->size)) && malloc(any(kind->size)) && malloc(any(kind->size)));
}
static void with_frees_between(void) {
    void *others[MAGAZINE];
    size_t count = kind->size > POOL ? 8 : MAGAZINE;
    for (size_t i = 0; i < count; i++) others[i] = take();
    victim = take();
    free(victim);
    for (size_t i = 0; i < count; i++) free(others[i]);
    free(victim);
}
static void many_times_over(void) {
    victim = take();
    for (int i = 0; i < 5 * MAGAZINE; i++) free(victim);
}
static void after_the_pool_emptied(void) {
    void *others[3 * MAGAZINE];
    size_t count = kind->size > POOL ? 8 : 3 * MAGAZINE;
    for (size_t i = 0; i < count; i++) others[i] = take();
    victim = others[count / 2];
    for (size_t i = 0; i < count; i++) free(others[i]);
    malloc_trim(0);
    free(victim);
}
static void from_another_thread(void) {
    victim = take();
    free(victim);
    in_a_thread(free_it, victim);
}
static void from_two_other_threads(void) {
    victim = take();
    in_a_thread(free_it, victim);
    in_a_thread(free_it, victim);
}
static int ready;
static void *free_it_when_both_are_ready(void *block) {
    __atomic_add_fetch(&ready, 1, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&ready, __ATOMIC_SEQ_CST) < 2) {}
    return free_it(block);
}
static void by_two_threads_at_once(void) {
    victim = take();
    struct helper *one = begin_in_a_thread(free_it_when_both_are_ready, victim);
    struct helper *other = begin_in_a_thread(free_it_when_both_are_ready, victim);
    end_in_a_thread(one);
    end_in_a_thread(other);
}
static void after_its_thread_ended(void) {
    in_a_thread(take_it, &victim);
    in_a_thread(free_it, victim);
    free(victim);
}
static void after_it_was_handed_out_again(void) {
    victim = take();
    free(victim);
    char *again = take();
    free(victim);
    memset(again, 0x66, kind->size < POOL ? kind->size : POOL);
    take();
}
static void after_it_was_written_to(void) {
    victim = take();
    free(victim);
    free(victim);
    memset(take(), 0x41, kind->size < POOL ? kind->size : POOL);
    malloc_trim(0);
}
static void while_it_is_written_to(void) {
    void *others[4 * MAGAZINE];
    size_t count = kind->size > POOL ? 4 : 4 * MAGAZINE;
    for (size_t i = 0; i < count; i++) others[i] = take();
    victim = others[1];
    for (size_t i = 0; i < count; i++) free(others[i]);
    for (size_t i = 0; i < count; i += 3) memset(others[i], 0x41, kind->size < 64 ? kind->size : 64);
    free(victim);
}
static void by_realloc(void) {
    victim = take();
    free(victim);
    CHECK(!realloc(victim, 0));
}
static void by_growing(void) {
    victim = take();
    free(victim);
    CHECK(realloc(victim, 2 * kind->size));
}
static void by_growing_after_all_went_back(void) {
    victim = take();
    free(victim);
    if (kind->size < 2 * MIB) malloc_trim(0);
    CHECK(realloc(victim, 3 * kind->size));
    free(victim);
}
static void of_a_heap(void) {
    if (!ON_STRATA || kind->align) _exit(77);
    struct strata_heap *heap = strata_heap_new();
    victim = strata_heap_malloc(heap, kind->size);
    free(victim);
    free(victim);
    strata_heap_delete(heap);
}
static void after_its_heap_was_deleted(void) {
    if (!ON_STRATA || kind->align) _exit(77);
    struct strata_heap *heap = strata_heap_new();
    victim = strata_heap_malloc(heap, kind->size);
    free(victim);
    strata_heap_delete(heap);
    free(victim);
}
static void of_an_interior_pointer(void) {
    /* Not the last of its pool: what the program is given then may reach behind it. */
    do victim = take();
    while (kind->size < POOL / 2 && ((uintptr_t)victim & (POOL - 1)) + 2 * kind->size + 64 > POOL);
    free(victim + 16 * (kind->size / 32));
    free(victim);
}
static void of_an_odd_pointer(void) {
    do victim = take();
    while (kind->size < POOL / 2 && ((uintptr_t)victim & (POOL - 1)) + 2 * kind->size + 64 > POOL);
    free(victim + 3);
    malloc_trim(0);
}

static const struct way {
    const char *name;
    void (*body)(void);
} ways[] = {
#define WAY(name) {#name, name}
    WAY(in_a_row),
    WAY(three_times),
    WAY(with_frees_between),
    WAY(many_times_over),
    WAY(after_the_pool_emptied),
    WAY(from_another_thread),
    WAY(from_two_other_threads),
    WAY(by_two_threads_at_once),
    WAY(after_its_thread_ended),
    WAY(after_it_was_handed_out_again),
    WAY(after_it_was_written_to),
    WAY(while_it_is_written_to),
    WAY(by_realloc),
    WAY(by_growing),
    WAY(by_growing_after_all_went_back),
    WAY(of_a_heap),
    WAY(after_its_heap_was_deleted),
    WAY(of_an_interior_pointer),
    WAY(of_an_odd_pointer),
};

static void run(const struct way *way) {
    start_threads();
    for (unsigned i = 0; i < GUARDS; i++) keep(&guards[i], guard_size(i), i);
    way->body();
    churn((void *)1);
    in_a_thread(churn, (void *)2);
    malloc_trim(0);
    churn((void *)3);
    for (unsigned i = 0; i < GUARDS; i++) check(&guards[i]);
    for (unsigned i = 0; i < GUARDS; i++)
        if (!is_spoilt(guards[i].block, guards[i].size)) free(guards[i].block);
    malloc_trim(0);
}

int main(int count, char **arguments) {
    const size_t all = sizeof ways / sizeof *ways;
    for (size_t i = 0; count > 1 && i < sizeof kinds / sizeof *kinds * all; i++) {
        char name[64];
        kind = &kinds[i / all];
        snprintf(name, sizeof name, "%s/%s", kind->name, ways[i % all].name);
        if (!strcmp(arguments[1], "list")) puts(name);
        if (!strcmp(arguments[1], name)) run(&ways[i % all]);
    }
    return 0;
}
