/* What tests/instructions.rs counts: `instructions FUNCTION SIZE TURNS`. Each turn calls FUNCTION once, warm; `grow` takes a block
   that stays. */
#include "check.h"
#include <malloc.h>

extern void free_sized(void *, size_t);

static size_t size;

static void turn_malloc(void) { free(opaque(malloc(any(size)))); }
static void turn_free_sized(void) { free_sized(opaque(malloc(any(size))), any(size)); }
static void turn_calloc(void) { free(opaque(calloc(1, any(size)))); }
static void turn_aligned_alloc(void) { free(opaque(aligned_alloc(any(64), any(size)))); }

static void turn_posix_memalign(void) {
    void *block;
    CHECK(posix_memalign(&block, any(64), any(size)) == 0);
    free(opaque(block));
}

static void turn_realloc(void) {
    static void *block;
    if (!block) block = malloc(size);
    block = realloc(opaque(block), any(size));
}

static void turn_grow(void) { CHECK(malloc(any(size))); }

static const struct {
    const char *name;
    void (*turn)(void);
} functions[] = {
    {"malloc", turn_malloc},
    {"free", turn_malloc},
    {"free_sized", turn_free_sized},
    {"grow", turn_grow},
    {"calloc", turn_calloc},
    {"aligned_alloc", turn_aligned_alloc},
    {"posix_memalign", turn_posix_memalign},
    {"realloc", turn_realloc},
};

int main(int count, char **arguments) {
    CHECK(count == 4);
    unsigned which = 0;
    while (strcmp(functions[which].name, arguments[1]) != 0) CHECK(++which < sizeof functions / sizeof *functions);
    size = (size_t)atoi(arguments[2]);
    /* Blocks that stay keep the pools alive. */
    void *kept[4];
    for (int i = 0; i < 4; i++) kept[i] = i % 2 ? malloc(any(size)) : aligned_alloc(64, any(size));
    for (long turns = atol(arguments[3]); turns > 0; turns--) functions[which].turn();
    for (int i = 0; i < 4; i++) free(kept[i]);
    return 0;
}
