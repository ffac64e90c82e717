/* What a limit leaves: `limit KIND FROM TO THREADS` runs itself anew under a limit of 300 MiB, with the library that `LIBRARY` names preloaded,
 * takes blocks of FROM to TO bytes until they are refused, checks and frees them, and so twice again. It says how many bytes it got. */
#define _GNU_SOURCE
#include "check.h"
#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>

enum { ROOM = 300 << 20, PAGE = 4096, FEW_MAPPINGS = 300, TIMES = 3, MOST_THREADS = 64, NOT_HERE = 77 };

struct head {
    struct head *next;
    size_t size, seed;
};
static size_t from, to, got[TIMES];
static pthread_barrier_t together;

static size_t below(uint64_t *state, size_t bound) {
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (*state >> 33) % bound;
}
static int log2_of(size_t number) { return 63 - __builtin_clzl(number); }

/* As many of each magnitude. */
static size_t next_size(uint64_t *state) {
    size_t least = (size_t)1 << (log2_of(from) + below(state, log2_of(to) - log2_of(from) + 1));
    size_t size = least + below(state, least);
    return size < from ? from : size > to ? to : size;
}

/* A refusal counts once four in a row were refused: smaller ones may be there. */
static struct head *take_all(uint64_t *state, size_t *bytes) {
    struct head *first = NULL;
    for (int refused = 0; refused < 4;) {
        size_t size = next_size(state);
        errno = 0;
        struct head *block = malloc(any(size));
        if (!block) {
            CHECK(errno == ENOMEM);
            refused++;
            continue;
        }
        *block = (struct head){first, size, (uintptr_t)block ^ size};
        memcpy((char *)block + size - 8, &block->seed, 8);
        first = block;
        *bytes += size;
    }
    return first;
}
static void check_and_free(struct head *block) {
    while (block) {
        struct head copy = *block;
        size_t end;
        memcpy(&end, (char *)block + copy.size - 8, 8);
        CHECK(copy.seed == ((uintptr_t)block ^ copy.size) && end == copy.seed);
        free(block);
        block = copy.next;
    }
}
static void *work(void *number) {
    uint64_t state = (uintptr_t)number * 977 + 1;
    for (int time = 0; time < TIMES; time++) {
        size_t bytes = 0;
        pthread_barrier_wait(&together);
        struct head *blocks = take_all(&state, &bytes);
        __atomic_add_fetch(&got[time], bytes, __ATOMIC_RELAXED);
        pthread_barrier_wait(&together);
        check_and_free(blocks);
    }
    return NULL;
}

static int limit(int resource, size_t bytes) {
    return setrlimit(resource, &(struct rlimit){bytes, RLIM_INFINITY}) == 0;
}

/* Takes all mappings but a few; those that the machine allows are more than a test takes where there are more than 100,000. */
static int take_mappings(void) {
    long most = 0, used = 0;
    FILE *file = fopen("/proc/sys/vm/max_map_count", "r");
    CHECK(file && fscanf(file, "%ld", &most) == 1 && fclose(file) == 0);
    if (most > 100000) return 0;
    CHECK((file = fopen("/proc/self/maps", "r")));
    for (int letter; (letter = fgetc(file)) != EOF;) used += letter == '\n';
    fclose(file);
    long pages = most - used - FEW_MAPPINGS;
    char *start = mmap(NULL, pages * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(start != MAP_FAILED);
    /* Neighbours of one kind would be one mapping. */
    for (long page = 0; page < pages; page += 2) CHECK(mprotect(start + page * PAGE, PAGE, PROT_READ) == 0);
    return limit(RLIMIT_AS, ROOM + pages * PAGE);
}

/* What a limit needs in front of `exec`, and what behind it; whether that can be had here. */
static int prepare(const char *kind) {
    if (!strcmp(kind, "mappings")) return 1;
    return limit(strcmp(kind, "data") ? RLIMIT_AS : RLIMIT_DATA, ROOM);
}
static int restrict_to(const char *kind) {
    if (!strcmp(kind, "mappings")) return take_mappings();
    int how = !strcmp(kind, "locked") ? MCL_CURRENT : 0;
    if (!strcmp(kind, "locked-ahead")) how = MCL_CURRENT | MCL_FUTURE;
    if (!strcmp(kind, "locked-on-fault")) how = MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT;
    return !how || mlockall(how) == 0;
}

int main(int count, char **arguments) {
    CHECK(count == 5);
    const char *library = getenv("LIBRARY");
    if (library) {
        if (*library) CHECK(setenv("LD_PRELOAD", library, 1) == 0);
        CHECK(unsetenv("LIBRARY") == 0 && prepare(arguments[1]));
        execv("/proc/self/exe", arguments);
        return 1;
    }
    from = strtoul(arguments[2], NULL, 10), to = strtoul(arguments[3], NULL, 10);
    long threads = strtol(arguments[4], NULL, 10);
    pthread_t others[MOST_THREADS];
    pthread_attr_t small;
    CHECK(threads <= MOST_THREADS && !pthread_attr_init(&small) && !pthread_attr_setstacksize(&small, 64 << 10));
    if (!restrict_to(arguments[1])) return NOT_HERE;
    pthread_barrier_init(&together, NULL, threads);
    for (long i = 1; i < threads; i++) CHECK(!pthread_create(&others[i], &small, work, (void *)i));
    work(NULL);
    for (long i = 1; i < threads; i++) pthread_join(others[i], NULL);
    char line[100];
    int length = snprintf(line, sizeof line, "%zu %zu\n", got[0], got[1] > got[2] ? got[1] : got[2]);
    CHECK(write(1, line, length) == length);
    _exit(0);
}
