// Sites of which it is known what they hold at the end: blocks far below, at and above the mean distance between samples, and one that holds none.
#include <stdlib.h>
#include <string.h>

static void *held[300000];
static int count;

#define SITE(name) __attribute__((noinline)) static void *name(size_t bytes) { \
    char *volatile block = malloc(bytes);                                       \
    block[0] = 1;                                                               \
    return block;                                                               \
}

SITE(tiny)
SITE(page)
SITE(mean)
SITE(huge)
SITE(churn)

static void hold(void *(*site)(size_t), size_t bytes, int blocks) {
    while (blocks-- > 0) held[count++] = site(bytes);
}

int main(void) {
    for (int round = 0; round < 10; round++) {
        hold(tiny, 48, 20000);
        hold(page, 4096, 500);
        hold(mean, 512 << 10, 6);
        for (int i = 0; i < 20000; i++) free(churn(1008));
    }
    hold(huge, 8 << 20, 8);
    return 0;
}
