/* malloc_trim, mallinfo, mallinfo2, malloc_stats, malloc_info, mallopt. */
#define _GNU_SOURCE
#include "check.h"
#include <limits.h>
#include <malloc.h>
#include <sys/resource.h>

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

static void trim_gives_back_what_was_freed(void) {
    enum { COUNT = 400 };
    void *blocks[COUNT];
    for (int i = 0; i < COUNT; i++) memset(blocks[i] = malloc(50000), 1, 50000);
    for (int i = 0; i < COUNT; i++) free(blocks[i]);
    errno = 77;
    CHECK(malloc_trim(0) == 1 && errno == 77);
    CHECK(malloc_trim(0) == 0 || !ON_STRATA);
}

static long page_faults(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_minflt;
}

/* A program that trims after each small piece of work faults its memory in again a few times, not each time. */
static void trimming_all_the_time_costs_little(void) {
    enum { LIVE = 400, TURNS = 1000, PAGES = 24 };
    void *live[LIVE];
    for (int i = 0; i < LIVE; i++) memset(live[i] = malloc(50000), 1, 50000);
    long before = page_faults();
    for (int turn = 0; turn < TURNS; turn++) {
        void *block = malloc(PAGES << 12);
        memset(block, 1, PAGES << 12);
        free(block);
        malloc_trim(0);
    }
    CHECK(page_faults() - before < TURNS * PAGES / 2 || !ON_STRATA);
    for (int i = 0; i < LIVE; i++) free(live[i]);
    /* More is free than in use: that goes at once. */
    CHECK(malloc_trim(0) == 1);
}

static void mallinfo_counts(void) {
    struct mallinfo2 before = mallinfo2();
    void *small[100], *huge = malloc(64 << 20);
    for (int i = 0; i < 100; i++) small[i] = malloc(1000);
    struct mallinfo2 now = mallinfo2();
    CHECK(now.hblks == before.hblks + 1 && now.hblkhd >= before.hblkhd + (64 << 20));
    CHECK(now.uordblks >= before.uordblks + 100 * 1000);
    CHECK(now.arena >= now.uordblks && now.smblks == 0 && now.usmblks == 0);
    struct mallinfo old = mallinfo();
    CHECK(old.hblks == (int)now.hblks && old.hblkhd >= 64 << 20);
    for (int i = 0; i < 100; i++) free(small[i]);
    free(huge);
    CHECK(mallinfo2().hblks == before.hblks);
    if (ON_STRATA && (huge = malloc((size_t)3 << 30))) {
        CHECK(mallinfo().hblkhd == INT_MAX);
        free(huge);
    }
}

static void info_is_xml(void) {
    char text[1 << 16];
    FILE *stream = fmemopen(text, sizeof text, "w");
    CHECK(stream && malloc_info(0, stream) == 0 && fclose(stream) == 0);
    CHECK(strncmp(text, "<malloc version=\"1\">", 20) == 0 && strstr(text, "</malloc>\n"));
    CHECK(strstr(text, "<heap nr=\"0\">") && strstr(text, "<system type=\"current\""));
    CHECK(malloc_info(1, stderr) == EINVAL && malloc_info(-1, stderr) == EINVAL);
}

static void knobs_that_mean_nothing_turn(void) {
    CHECK(mallopt(M_MMAP_THRESHOLD, 1 << 20) == 1 && mallopt(M_TRIM_THRESHOLD, 1 << 20) == 1);
    CHECK(mallopt(M_TOP_PAD, 4096) == 1 && mallopt(M_MMAP_MAX, 100) == 1);
    CHECK(mallopt(M_ARENA_TEST, 4) == 1 && mallopt(M_ARENA_MAX, 2) == 1 && mallopt(M_MXFAST, 64) == 1);
    if (ON_STRATA) CHECK(mallopt(M_PERTURB, 0) == 1 && mallopt(M_PERTURB, 7) == 0 && mallopt(12345, 1) == 0);
}

int main(void) {
    trim_gives_back_what_was_freed();
    trimming_all_the_time_costs_little();
    mallinfo_counts();
    info_is_xml();
    knobs_that_mean_nothing_turn();
    malloc_stats();
    return 0;
}
