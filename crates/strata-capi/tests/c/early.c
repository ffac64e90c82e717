/* From the loader's first call to the last destructor: allocations before main, after it, and by the loader in between. */
#define _GNU_SOURCE
#include "check.h"
#include <locale.h>
#include <pthread.h>
#ifndef LINKED_STATICALLY
#include <dlfcn.h>
#include <iconv.h>
#endif

enum { SIZES = 5 };
static const size_t sizes[SIZES] = {24, 1000, 30000, 500000, 9 << 20};

struct kept {
    void *blocks[SIZES];
};
static struct kept from_preinit, from_constructor, from_main;

static void keep(struct kept *kept, unsigned seed) {
    for (int i = 0; i < SIZES; i++) {
        free(opaque(malloc(any(sizes[i]))));
        kept->blocks[i] = i % 2 ? calloc(1, any(sizes[i])) : malloc(any(sizes[i]));
        CHECK(kept->blocks[i]);
        fill(kept->blocks[i], sizes[i], seed + i);
    }
}

static void check_and_free(struct kept *kept, unsigned seed) {
    for (int i = 0; i < SIZES; i++) {
        CHECK(is_filled(kept->blocks[i], sizes[i], seed + i));
        if (strata_owns) CHECK(strata_owns(kept->blocks[i]));
        kept->blocks[i] = realloc(kept->blocks[i], any(sizes[i] + 100));
        CHECK(is_filled(kept->blocks[i], sizes[i], seed + i));
        free(kept->blocks[i]);
    }
}

/* Before the constructors of any library, ours among them. */
static void in_preinit(void) { keep(&from_preinit, 1); }
__attribute__((section(".preinit_array"), used)) static void (*const preinit)(void) = in_preinit;

static void *in_thread(void *unused) {
    struct kept own;
    keep(&own, 50);
    check_and_free(&own, 50);
    return unused;
}

static void run_a_thread(void) {
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, in_thread, NULL) == 0 && pthread_join(thread, NULL) == 0);
}

__attribute__((constructor(101))) static void in_constructor(void) {
    keep(&from_constructor, 11);
    run_a_thread();
}

__attribute__((destructor(101))) static void in_destructor(void) {
    check_and_free(&from_main, 21);
    run_a_thread();
    struct kept last;
    keep(&last, 31);
    check_and_free(&last, 31);
}

static void at_exit(void) { free(opaque(malloc(any(100)))); }

/* What the loader and the C library allocate for themselves, and free. */
static void the_loader_allocates(void) {
#ifndef LINKED_STATICALLY
    static const char *const libraries[] = {"libm.so.6", "libresolv.so.2", "libnsl.so.1", "libnone.so.0"};
    for (int round = 0; round < 20; round++) {
        for (unsigned i = 0; i < sizeof libraries / sizeof *libraries; i++) {
            void *library = dlopen(libraries[i], i % 2 ? RTLD_LAZY : RTLD_NOW);
            if (!library) CHECK(dlerror());
            else CHECK(!dlsym(library, "no_such_function") && dlerror() && dlclose(library) == 0);
        }
        iconv_t conversion = iconv_open("UTF-16", "ISO-8859-1");
        if (conversion != (iconv_t)-1) iconv_close(conversion);
    }
#endif
    setlocale(LC_ALL, "C.UTF-8"), setlocale(LC_ALL, "");
    char *line = NULL;
    size_t room = 0;
    FILE *stream = tmpfile();
    CHECK(stream && fputs("a line\n", stream) >= 0 && fseek(stream, 0, SEEK_SET) == 0);
    CHECK(getline(&line, &room, stream) == 7 && asprintf((char **)&from_main.blocks[0], "%s", line) == 7);
    free(from_main.blocks[0]), free(line), fclose(stream);
}

int main(void) {
    check_and_free(&from_preinit, 1);
    check_and_free(&from_constructor, 11);
    the_loader_allocates();
    keep(&from_main, 21);
    CHECK(atexit(at_exit) == 0);
    return 0;
}
