/* Prints what each entry point answers and leaves in errno, as the rows of the table in docs/errno.md. */
#define _GNU_SOURCE
#include "check.h"
#include "strata.h"
#include <malloc.h>
#include <sys/resource.h>

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

enum { KEPT = 77 };

static const char *name_of(int error) {
    switch (error) {
        case KEPT: return "as it was";
        case ENOMEM: return "`ENOMEM`";
        case EINVAL: return "`EINVAL`";
        default: return "?";
    }
}

static void row(const char *entry, const char *situation, const char *answer, int error) {
    printf("| `%s` | %s | %s | %s |\n", entry, situation, answer, name_of(error));
}

static const char *block_or_null(const void *block) { return block ? "a block" : "null"; }
static const char *code(int result) { return result == 0 ? "0" : result == ENOMEM ? "`ENOMEM`" : result == EINVAL ? "`EINVAL`" : "?"; }

#define GIVES(entry, situation, call)                                                      \
    do {                                                                                   \
        errno = KEPT;                                                                      \
        void *block = opaque(call);                                                        \
        row(entry, situation, block_or_null(block), errno);                                \
        free(block);                                                                       \
    } while (0)

#define SAYS(entry, situation, call)                                                       \
    do {                                                                                   \
        errno = KEPT;                                                                      \
        int result = (call);                                                               \
        row(entry, situation, code(result), errno);                                        \
    } while (0)

#define DOES(entry, situation, call)                                                       \
    do {                                                                                   \
        errno = KEPT;                                                                      \
        call;                                                                              \
        row(entry, situation, "nothing", errno);                                           \
    } while (0)

static const char *success = "served";
static const char *too_much = "more than can be";
static const char *overflow = "a product that overflows";
static const char *refused = "refused by the system";
static const char *odd = "alignment 24";
static const char *none = "alignment 0";
static const char *too_aligned = "alignment above half of all addresses";

static void served(void) {
    void *place = NULL;
    GIVES("malloc", success, malloc(any(100)));
    GIVES("malloc", "of nothing", malloc(any(0)));
    GIVES("calloc", success, calloc(any(10), any(10)));
    GIVES("realloc", success, realloc(malloc(10), any(100000)));
    GIVES("realloc", "to nothing", realloc(malloc(10), any(0)));
    GIVES("reallocarray", success, reallocarray(malloc(10), any(10), any(1000)));
    SAYS("posix_memalign", success, posix_memalign(&place, any(64), any(100)));
    free(place);
    GIVES("aligned_alloc", success, aligned_alloc(any(64), any(100)));
    GIVES("memalign", success, memalign(any(64), any(100)));
    GIVES("memalign", odd, memalign(any(24), any(100)));
    GIVES("memalign", none, memalign(any(0), any(100)));
    GIVES("valloc", success, valloc(any(100)));
    GIVES("pvalloc", success, pvalloc(any(100)));
}

static void impossible(void) {
    const size_t most = any(SIZE_MAX / 2 + 1), half = any((size_t)1 << 40);
    void *place = NULL, *old = malloc(10);
    GIVES("malloc", too_much, malloc(most));
    GIVES("calloc", too_much, calloc(most, 1));
    GIVES("calloc", overflow, calloc(half, half));
    GIVES("realloc", too_much, realloc(old, most));
    GIVES("reallocarray", too_much, reallocarray(old, most, 1));
    GIVES("reallocarray", overflow, reallocarray(old, half, half));
    SAYS("posix_memalign", too_much, posix_memalign(&place, any(64), most));
    SAYS("posix_memalign", odd, posix_memalign(&place, any(24), any(100)));
    SAYS("posix_memalign", none, posix_memalign(&place, any(0), any(100)));
    SAYS("posix_memalign", "alignment below a pointer's", posix_memalign(&place, any(4), any(100)));
    GIVES("aligned_alloc", too_much, aligned_alloc(any(64), most));
    GIVES("aligned_alloc", odd, aligned_alloc(any(24), any(100)));
    GIVES("aligned_alloc", none, aligned_alloc(any(0), any(100)));
    GIVES("memalign", too_much, memalign(any(64), most));
    GIVES("memalign", too_aligned, memalign(most + 1, any(100)));
    GIVES("valloc", too_much, valloc(most));
    GIVES("pvalloc", too_much, pvalloc(any(SIZE_MAX)));
    CHECK(place == NULL);
    free(old);
}

static void limited(void) {
    const size_t much = any((size_t)1 << 30);
    void *place = NULL, *old = malloc(10);
    const struct rlimit limit = {256 << 20, RLIM_INFINITY};
    CHECK(setrlimit(RLIMIT_AS, &limit) == 0);
    GIVES("malloc", refused, malloc(much));
    GIVES("calloc", refused, calloc(much, 1));
    GIVES("realloc", refused, realloc(old, much));
    GIVES("reallocarray", refused, reallocarray(old, much, 1));
    SAYS("posix_memalign", refused, posix_memalign(&place, any(64), much));
    GIVES("aligned_alloc", refused, aligned_alloc(any(64), much));
    GIVES("memalign", refused, memalign(any(64), much));
    GIVES("valloc", refused, valloc(much));
    GIVES("pvalloc", refused, pvalloc(much));
    CHECK(place == NULL);
    free(old);
}

extern void cfree(void *), free_sized(void *, size_t), free_aligned_sized(void *, size_t, size_t);

static void the_rest(void) {
    DOES("free", "any block, or null", (free(opaque(malloc(10))), free(opaque(malloc(5 << 20))), free(NULL)));
    DOES("cfree", "any block, or null", (cfree(opaque(malloc(10))), cfree(NULL)));
    DOES("free_sized", "any block, or null", (free_sized(opaque(malloc(10)), 10), free_sized(NULL, 0)));
    DOES("free_aligned_sized", "any block, or null",
         (free_aligned_sized(opaque(aligned_alloc(64, 64)), 64, 64), free_aligned_sized(NULL, 64, 64)));
    DOES("malloc_usable_size", "any block, or null", CHECK(malloc_usable_size(NULL) == 0));
    DOES("malloc_trim", "always", malloc_trim(0));
    DOES("mallopt", "any parameter", (mallopt(12345, 1), mallopt(M_MXFAST, 64)));
    SAYS("malloc_info", "options that are not 0", malloc_info(5, stderr));
    DOES("malloc_stats", "always", malloc_stats());
    DOES("mallinfo2", "always", mallinfo2());
    DOES("mallinfo", "always", mallinfo());
}

static void our_own(void) {
    const size_t most = any(SIZE_MAX / 2 + 1);
    strata_heap *heap = strata_heap_new();
    void *old = strata_heap_malloc(heap, 10);
    GIVES("strata_heap_malloc", success, strata_heap_malloc(heap, 100));
    GIVES("strata_heap_malloc", too_much, strata_heap_malloc(heap, most));
    GIVES("strata_heap_calloc", too_much, strata_heap_calloc(heap, most, 1));
    GIVES("strata_heap_realloc", too_much, strata_heap_realloc(heap, old, most));
    GIVES("strata_heap_aligned_alloc", too_much, strata_heap_aligned_alloc(heap, 64, most));
    GIVES("strata_heap_aligned_alloc", odd, strata_heap_aligned_alloc(heap, 24, 100));
    strata_heap_delete(heap);
}

int main(void) {
    puts("| entry point | asked for | answer | `errno` |\n|---|---|---|---|");
    served();
    impossible();
    the_rest();
    our_own();
    limited();
    CHECK(fflush(stdout) == 0);
    return 0;
}
