/* posix_memalign, aligned_alloc, memalign, valloc, pvalloc: every alignment, and every way to ask for none. */
#define _GNU_SOURCE
#include "check.h"
#include <malloc.h>

static const size_t sizes[] = {0, 1, 24, 48, 100, 1000, 4096, 5000, 33000, 100000, 3 << 20};
enum { SIZES = sizeof sizes / sizeof *sizes };
static const size_t not_a_power[] = {0, 3, 6, 12, 24, 100, 4097, SIZE_MAX, SIZE_MAX / 2};
enum { NOT_A_POWER = sizeof not_a_power / sizeof *not_a_power };

static void every_alignment_is_served(void) {
    /* Up to 64 MiB: beyond an arena. */
    for (size_t alignment = 1; alignment <= 64u << 20; alignment *= 2) {
        for (unsigned i = 0; i < SIZES; i++) {
            void *block[3] = {NULL, NULL, NULL};
            if (alignment >= sizeof(void *)) {
                errno = 77;
                CHECK(posix_memalign(&block[0], any(alignment), any(sizes[i])) == 0 && errno == 77);
            }
            block[1] = aligned_alloc(any(alignment), any(sizes[i]));
            block[2] = memalign(any(alignment), any(sizes[i]));
            for (int k = alignment >= sizeof(void *) ? 0 : 1; k < 3; k++) {
                CHECK(block[k] && is_aligned(block[k], alignment) && is_aligned(block[k], 16));
                CHECK(malloc_usable_size(block[k]) >= sizes[i]);
                fill(block[k], malloc_usable_size(block[k]), i + k);
            }
            for (int k = alignment >= sizeof(void *) ? 0 : 1; k < 3; k++) {
                CHECK(is_filled(block[k], malloc_usable_size(block[k]), i + k));
                free(block[k]);
            }
        }
    }
}

static void an_aligned_block_can_be_resized(void) {
    for (size_t alignment = 16; alignment <= 16u << 20; alignment *= 4) {
        for (unsigned from = 1; from < SIZES; from++) {
            for (unsigned to = 1; to < SIZES; to++) {
                void *block = memalign(any(alignment), any(sizes[from]));
                fill(block, sizes[from], from);
                block = realloc(block, any(sizes[to]));
                CHECK(block && is_filled(block, sizes[from] < sizes[to] ? sizes[from] : sizes[to], from));
                free(block);
            }
        }
    }
}

static void posix_memalign_says_what_is_wrong_by_its_result(void) {
    void *place = &place;
    errno = 77;
    for (unsigned i = 0; i < NOT_A_POWER; i++)
        CHECK(posix_memalign(&place, any(not_a_power[i]), 100) == EINVAL);
    for (size_t small = 1; small < sizeof(void *); small *= 2)
        CHECK(posix_memalign(&place, any(small), 100) == EINVAL);
    CHECK(errno == 77);
    const size_t too_much[] = {SIZE_MAX, SIZE_MAX - 4096, SIZE_MAX / 2 + 1, PTRDIFF_MAX};
    for (unsigned i = 0; i < 4; i++)
        CHECK(posix_memalign(&place, 64, any(too_much[i])) == ENOMEM);
    CHECK(posix_memalign(&place, any((size_t)1 << 62), 1 << 20) == ENOMEM);
    CHECK(posix_memalign(&place, any((size_t)1 << 63), 1) == ENOMEM);
    /* glibc says that it is left alone in neither case, and changes errno. */
    CHECK(errno == ENOMEM);
    CHECK(place == &place);
}

static void the_others_say_it_by_errno(void) {
    for (unsigned i = 0; i < NOT_A_POWER && ON_STRATA; i++) {
        errno = 0;
        CHECK(!opaque(aligned_alloc(any(not_a_power[i]), 100)) && errno == EINVAL);
    }
    /* memalign takes the next power. */
    for (unsigned i = 0; i < 7; i++) {
        void *block = memalign(any(not_a_power[i]), 100);
        size_t power = 1;
        while (power < not_a_power[i]) power *= 2;
        CHECK(block && is_aligned(block, power));
        free(block);
    }
    errno = 0;
    CHECK(!opaque(memalign(any(SIZE_MAX), 100)) && errno == EINVAL);
    const size_t too_much[] = {SIZE_MAX, SIZE_MAX - 4096, SIZE_MAX / 2 + 1, PTRDIFF_MAX};
    for (unsigned i = 0; i < 4; i++) {
        errno = 0;
        CHECK(!opaque(aligned_alloc(64, any(too_much[i]))) && errno == ENOMEM);
        errno = 0;
        CHECK(!opaque(memalign(4096, any(too_much[i]))) && errno == ENOMEM);
        errno = 0;
        CHECK(!opaque(valloc(any(too_much[i]))) && errno == ENOMEM);
        errno = 0;
        CHECK(!opaque(pvalloc(any(too_much[i]))) && errno == ENOMEM);
    }
}

static void pages_are_pages(void) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    for (unsigned i = 0; i < SIZES; i++) {
        void *a = valloc(any(sizes[i])), *b = pvalloc(any(sizes[i]));
        CHECK(a && b && a != b && is_aligned(a, page) && is_aligned(b, page));
        CHECK(malloc_usable_size(a) >= sizes[i]);
        CHECK(malloc_usable_size(b) >= (sizes[i] + page - 1) / page * page);
        fill(b, (sizes[i] + page - 1) / page * page, i);
        free(a), free(b);
    }
}

/* While no magazine is warm: a few bytes at a multiple of an arena have a mapping of their own, and no class's size. */
static void a_small_block_at_a_huge_alignment_is_resized_first(void) {
    for (size_t alignment = 1u << 20; alignment <= 64u << 20; alignment *= 2) {
        unsigned char *block = aligned_alloc(any(alignment), any(100));
        CHECK(block && is_aligned(block, alignment));
        memset(block, 0x41, malloc_usable_size(block));
        block = realloc(block, any(20000));
        CHECK(block && block[0] == 0x41 && block[99] == 0x41);
        free(block);
    }
    void *other = malloc(any(4096));
    CHECK(other && !is_aligned(other, 1u << 22));
    free(other);
}

int main(void) {
    a_small_block_at_a_huge_alignment_is_resized_first();
    every_alignment_is_served();
    an_aligned_block_can_be_resized();
    posix_memalign_says_what_is_wrong_by_its_result();
    the_others_say_it_by_errno();
    pages_are_pages();
    return 0;
}
