/* What tests/instructions.rs counts: `instructions CASE N` does the case N times. */
#include "check.h"

extern void free_sized(void *, size_t);

int main(int count, char **arguments) {
    CHECK(count == 3);
    size_t size = (size_t)atoi(arguments[1]);
    long turns = atol(arguments[2]);
    /* Blocks that stay keep the pool alive. */
    void *kept[8];
    for (int i = 0; i < 8; i++) kept[i] = malloc(any(size));
    for (long i = 0; i < turns; i++) free(opaque(malloc(any(size))));
    for (int i = 0; i < 8; i++) free(kept[i]);
    return 0;
}
