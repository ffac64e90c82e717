/* Who serves a request: a pool up to 512 bytes and 16 of alignment, glibc beyond. Its `mallinfo2` is not one of our names. */
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCKS 1000

static void *blocks[BLOCKS];

static void check(int good, const char *what, size_t size) {
    if (!good) {
        fprintf(stderr, "wrong for %zu bytes: %s\n", size, what);
        abort();
    }
}

/* Bytes that glibc believes to be in use. */
static size_t glibcs(void) {
    struct mallinfo2 now = mallinfo2();
    return now.uordblks + now.hblkhd;
}

static size_t taken(size_t size, void *(*allocate)(size_t)) {
    size_t before = glibcs();
    for (int at = 0; at < BLOCKS; at++) {
        blocks[at] = allocate(size);
        check(malloc_usable_size(blocks[at]) >= size, "all that was asked for is usable", size);
        memset(blocks[at], 1, malloc_usable_size(blocks[at]));
    }
    return glibcs() - before;
}

static void give_back(void) {
    for (int at = 0; at < BLOCKS; at++) free(blocks[at]);
}

static void *zeroed(size_t size) { return calloc(1, size); }
static void *aligned(size_t size) { return memalign(64, size); }
static void *grown(size_t size) { return realloc(malloc(16), size); }
static void *shrunk(size_t size) { return realloc(malloc(8 * size), size); }

int main(void) {
    void *(*ways[])(size_t) = {malloc, zeroed, grown};
    for (int way = 0; way < 3; way++) {
        check(taken(512, ways[way]) == 0, "a pool serves it", 512);
        give_back();
        for (size_t size = 513; size < 400000; size *= 7) {
            size_t before = glibcs();
            check(taken(size, ways[way]) >= BLOCKS * size, "glibc serves it", size);
            give_back();
            check(glibcs() - before < BLOCKS * size / 10, "glibc has it back", size);
        }
    }
    check(taken(100, aligned) >= BLOCKS * 100, "glibc serves what is strictly aligned", 100);
    give_back();
    check(taken(100, shrunk) >= BLOCKS * 100, "what was glibc's stays so, however small", 100);
    give_back();
    puts("all is well");
    return 0;
}
