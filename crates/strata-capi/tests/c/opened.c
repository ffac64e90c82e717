/* libstrata.so opened by a program that has another malloc: `opened LIBRARY local|global`. Both kinds of pointers arrive. */
#define _GNU_SOURCE
#include "check.h"
#include <dlfcn.h>
#include <malloc.h>
#include <pthread.h>

static void *(*their_malloc)(size_t);
static void (*their_free)(void *);
static void *(*their_realloc)(void *, size_t);
static size_t (*their_usable_size)(void *);
static int (*their_owns)(const void *);
static void *(*their_memalign)(size_t, size_t);

static const size_t sizes[] = {1, 100, 1000, 5000, 40000, 1 << 20, 5 << 20, 40 << 20};
enum { SIZES = sizeof sizes / sizeof *sizes };

static void look_up(void *library) {
    their_malloc = (void *(*)(size_t))dlsym(library, "malloc");
    their_free = (void (*)(void *))dlsym(library, "free");
    their_realloc = (void *(*)(void *, size_t))dlsym(library, "realloc");
    their_usable_size = (size_t(*)(void *))dlsym(library, "malloc_usable_size");
    their_owns = (int (*)(const void *))dlsym(library, "strata_owns");
    their_memalign = (void *(*)(size_t, size_t))dlsym(library, "memalign");
    CHECK(their_malloc && their_free && their_realloc && their_usable_size && their_owns && their_memalign);
    CHECK(their_malloc != malloc);
}

static void *both_kinds(void *unused) {
    (void)unused;
    for (unsigned i = 0; i < SIZES; i++) {
        void *theirs = their_malloc(sizes[i]), *ours = malloc(sizes[i]);
        CHECK(theirs && ours && their_owns(theirs) && !their_owns(ours));
        CHECK(their_usable_size(theirs) >= sizes[i] && their_usable_size(ours) == 0);
        fill(theirs, sizes[i], i), fill(ours, sizes[i], i + 1);
        /* Left alone. */
        their_free(ours);
        CHECK(is_filled(ours, sizes[i], i + 1) && malloc_usable_size(ours) >= sizes[i]);
        /* Resized into a block of the library, and left alone. */
        void *moved = their_realloc(ours, sizes[i] + 10);
        CHECK(moved != ours && their_owns(moved) && is_filled(moved, sizes[i], i + 1));
        CHECK(is_filled(ours, sizes[i], i + 1));
        their_free(moved);
        free(ours);
        theirs = their_realloc(theirs, sizes[i] * 2);
        CHECK(is_filled(theirs, sizes[i], i));
        their_free(theirs);
    }
    for (size_t alignment = 16; alignment <= 16 << 20; alignment *= 2) {
        void *theirs = their_memalign(alignment, 3 << 20), *small = their_memalign(alignment, 10);
        CHECK(their_owns(theirs) && their_owns(small));
        their_free(theirs), their_free(small);
    }
    return NULL;
}

static pthread_barrier_t opened;

static void *older_thread(void *unused) {
    pthread_barrier_wait(&opened);
    return both_kinds(unused);
}

int main(int count, char **arguments) {
    CHECK(count == 3);
    pthread_t older, younger;
    pthread_barrier_init(&opened, NULL, 2);
    CHECK(pthread_create(&older, NULL, older_thread, NULL) == 0);
    int visible = strcmp(arguments[2], "global") == 0 ? RTLD_GLOBAL : RTLD_LOCAL;
    void *library = dlopen(arguments[1], RTLD_NOW | visible);
    if (!library) fprintf(stderr, "%s\n", dlerror());
    CHECK(library);
    look_up(library);
    pthread_barrier_wait(&opened);
    CHECK(pthread_create(&younger, NULL, both_kinds, NULL) == 0);
    both_kinds(NULL);
    pthread_join(older, NULL), pthread_join(younger, NULL);
    /* It stays: blocks may outlive the handle. */
    void *kept = their_malloc(100);
    CHECK(dlclose(library) == 0);
    their_free(kept);
    both_kinds(NULL);
    return 0;
}
