/* malloc, calloc, realloc, reallocarray, free and their sized forms: each promise of glibc, POSIX and C23. */
#define _GNU_SOURCE
#include "check.h"
#include <malloc.h>

extern void cfree(void *) __attribute__((weak));
extern void free_sized(void *, size_t) __attribute__((weak));
extern void free_aligned_sized(void *, size_t, size_t) __attribute__((weak));

static const size_t sizes[] = {0,    1,     8,     15,    16,     17,      48,      127,     128,     129,      255,     256,
                               257,  1000,  1023,  1024,  1025,   4095,    4096,    4097,    32767,   32768,    32769,   65536,
                               65537, 100000, 1 << 20, (2 << 20) - 1, 2 << 20, (2 << 20) + 1, 5000000};
enum { SIZES = sizeof sizes / sizeof *sizes };

static const size_t impossible[] = {SIZE_MAX, SIZE_MAX - 1, SIZE_MAX - 15, SIZE_MAX - 4096, SIZE_MAX / 2 + 1, PTRDIFF_MAX};
enum { IMPOSSIBLE = sizeof impossible / sizeof *impossible };

static void every_size_is_served_aligned_apart_and_in_full(void) {
    void *blocks[SIZES];
    for (unsigned i = 0; i < SIZES; i++) {
        errno = 77;
        blocks[i] = malloc(any(sizes[i]));
        CHECK(blocks[i] && errno == 77 && is_aligned(blocks[i], 16));
        CHECK(malloc_usable_size(blocks[i]) >= sizes[i]);
        fill(blocks[i], malloc_usable_size(blocks[i]), i);
    }
    for (unsigned i = 0; i < SIZES; i++) {
        CHECK(is_filled(blocks[i], malloc_usable_size(blocks[i]), i));
        errno = 78;
        free(blocks[i]);
        CHECK(errno == 78);
    }
}

static void zero_bytes_are_a_block_of_their_own(void) {
    void *a = malloc(any(0)), *b = malloc(any(0)), *c = calloc(any(0), 7), *d = realloc(NULL, any(0));
    CHECK(a && b && c && d && a != b && b != c && c != d && a != c && a != d && b != d);
    free(a), free(b), free(c), free(d);
}

static void what_is_too_much_is_null_with_enomem(void) {
    for (unsigned i = 0; i < IMPOSSIBLE; i++) {
        errno = 0;
        CHECK(!opaque(malloc(any(impossible[i]))) && errno == ENOMEM);
        errno = 0;
        CHECK(!opaque(calloc(any(impossible[i]), 1)) && errno == ENOMEM);
        errno = 0;
        CHECK(!opaque(realloc(NULL, any(impossible[i]))) && errno == ENOMEM);
    }
}

static void products_that_overflow_are_null_with_enomem(void) {
    const size_t factors[][2] = {{SIZE_MAX, 2}, {2, SIZE_MAX}, {SIZE_MAX / 2, 3}, {(size_t)1 << 32, (size_t)1 << 32}, {SIZE_MAX, SIZE_MAX}};
    void *kept = malloc(100);
    fill(kept, 100, 3);
    for (unsigned i = 0; i < sizeof factors / sizeof *factors; i++) {
        errno = 0;
        CHECK(!opaque(calloc(any(factors[i][0]), any(factors[i][1]))) && errno == ENOMEM);
        errno = 0;
        CHECK(!opaque(reallocarray(NULL, any(factors[i][0]), any(factors[i][1]))) && errno == ENOMEM);
        errno = 0;
        CHECK(!opaque(reallocarray(kept, any(factors[i][0]), any(factors[i][1]))) && errno == ENOMEM);
    }
    CHECK(is_filled(kept, 100, 3));
    free(kept);
}

static void calloc_is_zero_also_where_memory_was_used(void) {
    for (unsigned i = 0; i < SIZES; i++) {
        for (int round = 0; round < 3; round++) {
            size_t size = sizes[i];
            void *used = malloc(any(size));
            memset(opaque(used), 0xa5, size);
            free(opaque(used));
            void *block = calloc(any(size ? size / (size % 3 ? 1 : 3) : 3), any(size ? (size % 3 ? 1 : 3) : 0));
            CHECK(block && is_zero(block, size) && is_aligned(block, 16));
            memset(block, 0x5a, size);
            free(opaque(block));
        }
    }
}

static void realloc_keeps_what_fits(void) {
    for (unsigned from = 0; from < SIZES; from++) {
        for (unsigned to = 1; to < SIZES; to++) {
            void *block = malloc(any(sizes[from]));
            size_t usable = malloc_usable_size(block), kept;
            fill(opaque(block), usable, from);
            errno = 79;
            block = realloc(block, any(sizes[to]));
            CHECK(block && errno == 79 && is_aligned(block, 16) && malloc_usable_size(block) >= sizes[to]);
            kept = usable < sizes[to] ? usable : sizes[to];
            CHECK(is_filled(block, kept, from));
            fill(block, sizes[to], to);
            free(opaque(block));
        }
    }
}

static void realloc_in_steps_keeps_everything(void) {
    size_t size = 0, most = 40000000;
    unsigned char *block = NULL;
    while (size < most) {
        size_t more = size + size / 3 + 1;
        block = realloc(block, any(more));
        CHECK(block && is_filled(block, size, 9));
        fill(block, size = more, 9);
    }
    while (size > 1) {
        block = realloc(block, any(size -= size / 3));
        CHECK(block && is_filled(block, size, 9));
        if (size <= 2) break;
    }
    free(block);
}

static void realloc_to_nothing_frees(void) {
    for (unsigned i = 0; i < SIZES; i++) {
        void *block = malloc(any(sizes[i]));
        errno = 80;
        CHECK(realloc(opaque(block), any(0)) == NULL && errno == 80);
        block = malloc(any(sizes[i]));
        CHECK(reallocarray(opaque(block), any(0), 8) == NULL);
        block = malloc(any(sizes[i]));
        CHECK(reallocarray(opaque(block), 8, any(0)) == NULL);
    }
}

static void realloc_that_fails_changes_nothing(void) {
    for (unsigned i = 1; i < SIZES; i++) {
        void *block = malloc(any(sizes[i]));
        fill(opaque(block), sizes[i], i);
        for (unsigned k = 0; k < IMPOSSIBLE; k++) {
            errno = 0;
            CHECK(!opaque(realloc(block, any(impossible[k]))) && errno == ENOMEM);
        }
        CHECK(is_filled(block, sizes[i], i));
        free(block);
    }
}

static void reallocarray_multiplies(void) {
    char *block = reallocarray(NULL, any(10), any(20));
    CHECK(block && malloc_usable_size(block) >= 200);
    fill(block, 200, 1);
    block = reallocarray(block, any(1000), any(50));
    CHECK(block && malloc_usable_size(block) >= 50000 && is_filled(block, 200, 1));
    free(block);
}

static void free_takes_null_and_keeps_errno(void) {
    errno = 81;
    free(opaque(NULL));
    if (cfree) cfree(NULL);
    if (free_sized) free_sized(NULL, 0), free_sized(NULL, 100), free_sized(NULL, 100000);
    if (free_aligned_sized) free_aligned_sized(NULL, 64, 128);
    CHECK(errno == 81 && malloc_usable_size(opaque(NULL)) == 0);
}

static void sized_frees_take_what_malloc_gave(void) {
    if (!free_sized || !free_aligned_sized) return;
    for (int round = 0; round < 200; round++) {
        for (unsigned i = 0; i < SIZES; i++) {
            if (sizes[i] > 100000 && round > 3) continue;
            void *block = malloc(any(sizes[i]));
            fill(opaque(block), sizes[i], i);
            free_sized(block, sizes[i]);
            block = calloc(1, any(sizes[i]));
            CHECK(is_zero(block, sizes[i]));
            free_sized(block, sizes[i]);
            size_t rounded = (sizes[i] + 63) & ~(size_t)63;
            block = aligned_alloc(64, any(rounded));
            CHECK(block && is_aligned(block, 64));
            free_aligned_sized(block, 64, rounded);
        }
        if (cfree) cfree(malloc(any(100)));
    }
}

static void freed_memory_is_used_again(void) {
    /* A terabyte in total, twice. */
    for (int i = 0; i < 1000000; i++) free(opaque(malloc(any(1 << 20))));
    for (int i = 0; i < 1000; i++) free(opaque(malloc(any(1u << 30))));
}

int main(void) {
    every_size_is_served_aligned_apart_and_in_full();
    zero_bytes_are_a_block_of_their_own();
    what_is_too_much_is_null_with_enomem();
    products_that_overflow_are_null_with_enomem();
    calloc_is_zero_also_where_memory_was_used();
    realloc_keeps_what_fits();
    realloc_in_steps_keeps_everything();
    realloc_to_nothing_frees();
    realloc_that_fails_changes_nothing();
    reallocarray_multiplies();
    free_takes_null_and_keeps_errno();
    sized_frees_take_what_malloc_gave();
    freed_memory_is_used_again();
    return 0;
}
