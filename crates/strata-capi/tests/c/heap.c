/* strata_heap_…: each function's contract, and heaps that threads hand on and free from. */
#include "strata.h"

#include "check.h"
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>

static const size_t sizes[] = {0, 1, 16, 100, 1024, 5000, 32768, 100000, 2 << 20, 5 << 20};
enum { SIZES = sizeof sizes / sizeof *sizes, TOO_MUCH_WAYS = 3 };

static void blocks_are_as_any_others(void) {
    strata_heap *heap = strata_heap_new();
    CHECK(heap);
    for (unsigned i = 0; i < SIZES; i++) {
        void *blocks[] = {strata_heap_malloc(heap, sizes[i]), strata_heap_calloc(heap, sizes[i], 1),
                          strata_heap_aligned_alloc(heap, 4096, sizes[i]), malloc(sizes[i])};
        CHECK(blocks[0] && blocks[1] && blocks[2] && blocks[3] && blocks[0] != blocks[1]);
        CHECK(is_aligned(blocks[0], 16) && is_zero(blocks[1], sizes[i]) && is_aligned(blocks[2], 4096));
        for (unsigned k = 0; k < 4; k++) {
            CHECK(strata_owns(blocks[k]) && malloc_usable_size(blocks[k]) >= sizes[i]);
            fill(blocks[k], malloc_usable_size(blocks[k]), k);
        }
        for (unsigned k = 0; k < 4; k++) CHECK(is_filled(blocks[k], malloc_usable_size(blocks[k]), k));
        /* Either way of freeing, either way of resizing, for blocks of either origin. */
        blocks[0] = realloc(blocks[0], sizes[i] * 2 + 1);
        blocks[3] = strata_heap_realloc(heap, blocks[3], sizes[i] * 2 + 1);
        CHECK(is_filled(blocks[0], sizes[i], 0) && is_filled(blocks[3], sizes[i], 3));
        errno = 77;
        for (unsigned k = 0; k < 4; k++) k % 2 ? free(blocks[k]) : strata_heap_free(heap, blocks[k]);
        strata_heap_free(heap, NULL);
        CHECK(errno == 77);
    }
    errno = 77;
    strata_heap_collect(heap);
    strata_heap_delete(heap);
    strata_heap_delete(NULL);
    CHECK(errno == 77);
}

static void realloc_keeps_what_fits(void) {
    strata_heap *heap = strata_heap_new();
    for (unsigned from = 0; from < SIZES; from++) {
        for (unsigned to = 0; to < SIZES; to++) {
            void *block = strata_heap_realloc(heap, NULL, sizes[from]);
            fill(block, sizes[from], from);
            size_t kept = sizes[from] < sizes[to] ? sizes[from] : sizes[to];
            errno = 77;
            void *moved = strata_heap_realloc(heap, block, any(sizes[to]));
            CHECK(errno == 77 && (moved != NULL) == (sizes[to] != 0));
            if (moved) CHECK(is_filled(moved, kept, from));
            strata_heap_free(heap, moved);
        }
    }
    strata_heap_delete(heap);
}

static void what_cannot_be_is_null_and_says_why(void) {
    strata_heap *heap = strata_heap_new();
    void *kept = strata_heap_malloc(heap, 100);
    fill(kept, 100, 1);
    static const size_t too_much[TOO_MUCH_WAYS] = {SIZE_MAX, (size_t)PTRDIFF_MAX + 1, SIZE_MAX / 4 * 3};
    for (int i = 0; i < TOO_MUCH_WAYS; i++) {
        size_t size = any(too_much[i]);
        CHECK((errno = 0, strata_heap_malloc(heap, size) == NULL && errno == ENOMEM));
        CHECK((errno = 0, strata_heap_calloc(heap, size, 2) == NULL && errno == ENOMEM));
        CHECK((errno = 0, strata_heap_calloc(heap, 1, size) == NULL && errno == ENOMEM));
        CHECK((errno = 0, strata_heap_aligned_alloc(heap, 64, size) == NULL && errno == ENOMEM));
        CHECK((errno = 0, strata_heap_realloc(heap, kept, size) == NULL && errno == ENOMEM));
    }
    static const size_t no_alignments[] = {0, 3, 24, SIZE_MAX};
    for (int i = 0; i < 4; i++)
        CHECK((errno = 0, strata_heap_aligned_alloc(heap, any(no_alignments[i]), 8) == NULL && errno == EINVAL));
    CHECK(is_filled(kept, 100, 1));
    strata_heap_delete(heap);
    CHECK(is_filled(kept, 100, 1));
    free(kept);
}

enum { THREADS = 4, SLOTS = 64, TURNS = 3000 };

static strata_heap *_Atomic shelf[THREADS];
static void *_Atomic blocks[SLOTS];

/* Takes a heap from the shelf, allocates from it, leaves blocks to all, and puts it (or a new one) back. */
static void *pass_heaps(void *seed) {
    unsigned state = (unsigned)(uintptr_t)seed;
    for (int turn = 0; turn < TURNS; turn++) {
        state = state * 1664525 + 1013904223;
        strata_heap *heap = atomic_exchange(&shelf[state >> 8 & (THREADS - 1)], NULL);
        if (!heap) heap = strata_heap_new();
        CHECK(heap);
        for (int i = 0; i < 8; i++) {
            size_t size = 8 + (state >> i) % 3000;
            unsigned char *block = strata_heap_malloc(heap, size);
            memcpy(block, &size, sizeof size);
            fill(block + sizeof size, size - sizeof size, (unsigned)size);
            unsigned char *old = atomic_exchange(&blocks[((state >> 4) + i) & (SLOTS - 1)], block);
            if (!old) continue;
            memcpy(&size, old, sizeof size);
            CHECK(is_filled(old + sizeof size, size - sizeof size, (unsigned)size));
            i % 2 ? free(old) : strata_heap_free(heap, old);
        }
        if (turn % 16 == 0) strata_heap_delete(heap), heap = NULL;
        strata_heap_delete(atomic_exchange(&shelf[state >> 12 & (THREADS - 1)], heap));
    }
    return NULL;
}

static void threads_hand_heaps_on(void) {
    pthread_t threads[THREADS];
    for (uintptr_t i = 0; i < THREADS; i++) CHECK(pthread_create(&threads[i], NULL, pass_heaps, (void *)(i + 1)) == 0);
    for (int i = 0; i < THREADS; i++) CHECK(pthread_join(threads[i], NULL) == 0);
    for (int i = 0; i < THREADS; i++) strata_heap_delete(shelf[i]);
    for (int i = 0; i < SLOTS; i++) free(blocks[i]);
}

int main(void) {
    blocks_are_as_any_others();
    realloc_keeps_what_fits();
    what_cannot_be_is_null_and_says_why();
    threads_hand_heaps_on();
    struct strata_stats stats;
    strata_stats(&stats, sizeof stats);
    CHECK(stats.caches == 1 && stats.large_blocks + stats.huge_blocks == 0);
    return 0;
}
