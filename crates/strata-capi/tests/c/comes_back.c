/* A burst, and then silence: `comes_back KIND`. Says "begin" and waits for a line; says "live BYTES" when the burst is over, and goes on as
   KIND has it until it is ended. What is resident is read from outside, so nothing here calls the allocator meanwhile. */
#include "check.h"
#include <malloc.h>
#include <pthread.h>

enum { BURST = 128 << 20, MOST = BURST / 100, SCATTERED = 200000, PAGE = 4096 };

static char *blocks[MOST];

static void *sleep_on(void *nothing) {
    pause();
    return nothing;
}

static void two_sleepers(void) {
    for (int i = 0; i < 2; i++) {
        pthread_t thread;
        CHECK(pthread_create(&thread, NULL, sleep_on, NULL) == 0);
    }
}

static void say(const char *what) { CHECK(write(1, what, strlen(what)) > 0); }

static unsigned chance(unsigned sides) {
    static unsigned long long state = 88172645463325252;
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return (unsigned)(state >> 11) % sides;
}

static long in_blocks_of(size_t size) {
    long count = BURST / size;
    for (long i = 0; i < count; i++) memset(blocks[i] = malloc(any(size)), 1, size);
    for (long i = 0; i < count; i++) free(blocks[i]);
    return 0;
}

static int by_number(const void *one, const void *other) {
    uintptr_t a = *(const uintptr_t *)one, b = *(const uintptr_t *)other;
    return a < b ? -1 : a > b;
}

/* One block in twenty stays: the bytes of the pages that these lie on. */
static long scattered(void) {
    static uintptr_t pages[SCATTERED / 5];
    size_t known = 0;
    long distinct = 0;
    for (int i = 0; i < SCATTERED; i++) {
        size_t size = 512 + chance(1537);
        memset(blocks[i] = malloc(size), 1, size);
    }
    for (int i = 0; i < SCATTERED; i++) {
        if (chance(20)) {
            free(blocks[i]);
            continue;
        }
        uintptr_t start = (uintptr_t)blocks[i], end = start + malloc_usable_size(blocks[i]);
        for (start /= PAGE; start <= (end - 1) / PAGE; start++) pages[known++] = start;
    }
    qsort(pages, known, sizeof *pages, by_number);
    for (size_t i = 0; i < known; i++) distinct += !i || pages[i] != pages[i - 1];
    return distinct * PAGE;
}

/* 150,000 keys with values, and the table; all are dropped. */
static long table(void) {
    enum { KEYS = 150000 };
    char **slots = calloc(2 * KEYS, sizeof *slots);
    for (int i = 0; i < 2 * KEYS; i++) {
        size_t size = i % 2 ? 20 + chance(30) : 100 + chance(900);
        memset(slots[i] = malloc(size), 1, size);
    }
    for (int i = 0; i < 2 * KEYS; i++) free(slots[i]);
    free(slots);
    return 0;
}

int main(int count, char **arguments) {
    CHECK(count == 2);
    const char *kind = arguments[1];
    char line[64];
    /* The table of blocks is the program's, and no part of the burst. */
    memset(blocks, 1, sizeof blocks);
    if (strstr(kind, "threads")) two_sleepers();
    say("begin\n");
    CHECK(read(0, line, sizeof line) > 0);
    long live = strstr(kind, "scattered") ? scattered()
        : strstr(kind, "table")           ? table()
                                          : in_blocks_of(strstr(kind, "mebibytes") ? 1 << 20 : strstr(kind, "huge") ? BURST : 100);
    snprintf(line, sizeof line, "live %ld\n", live);
    say(line);
    while (strstr(kind, "warm")) {
        free(opaque(malloc(any(100))));
        usleep(1000);
    }
    pause();
    return 0;
}
