/* Threads that allocate, resize and hand blocks to each other, through every name that the library takes. */
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define THREADS 4
#define ROUNDS 40000
#define SLOTS 512

static unsigned char *slots[SLOTS];
static pthread_mutex_t doors[SLOTS];

static void check(int good, const char *what) {
    if (!good) {
        fprintf(stderr, "wrong: %s\n", what);
        abort();
    }
}

/* The first bytes tell the length and what fills the rest. */
static unsigned char *filled(size_t size, unsigned char mark) {
    unsigned char *block = malloc(size + 9);
    check(block != NULL, "malloc gives memory");
    memcpy(block, &size, 8);
    memset(block + 8, mark, size + 1);
    return block;
}

static void check_filled(unsigned char *block) {
    size_t size;
    memcpy(&size, block, 8);
    for (size_t at = 0; at < size; at++) check(block[8 + at] == block[8 + size], "a block keeps its content");
}

static void *work(void *name) {
    unsigned seed = (unsigned)(uintptr_t)name * 7919 + 1;
    for (int round = 0; round < ROUNDS; round++) {
        seed = seed * 1103515245 + 12345;
        int slot = (seed >> 8) % SLOTS;
        size_t size = (seed >> 16) % 64 == 0 ? (seed >> 4) % 100000 : (seed >> 4) % 700;
        unsigned char *mine = filled(size, (unsigned char)round);
        pthread_mutex_lock(&doors[slot]);
        unsigned char *other = slots[slot];
        slots[slot] = mine;
        pthread_mutex_unlock(&doors[slot]);
        if (other == NULL) continue;
        check_filled(other);
        if (round % 8 == 0) {
            size_t length;
            memcpy(&length, other, 8);
            other = realloc(other, length + 9 + 1000);
            check_filled(other);
        }
        free(other);
    }
    return NULL;
}

static void names(void) {
    check(malloc(0) != NULL, "zero bytes are a block");
    unsigned char *zeroed = calloc(30, 10);
    for (int at = 0; at < 300; at++) check(zeroed[at] == 0, "calloc gives zeroes");
    check(malloc_usable_size(zeroed) >= 300 && malloc_usable_size(NULL) == 0, "usable sizes");
    memset(zeroed, 1, malloc_usable_size(zeroed));
    zeroed = reallocarray(zeroed, 1000, 10);
    check(zeroed[299] == 1 && malloc_usable_size(zeroed) >= 10000, "reallocarray keeps what was there");
    volatile size_t impossible = (size_t)-1;
    check(reallocarray(NULL, impossible, 2) == NULL && errno == ENOMEM, "an overflow is refused");
    errno = 0;
    check(malloc(impossible) == NULL && errno == ENOMEM, "what is too long is refused");
    check(realloc(zeroed, 0) == NULL, "realloc to nothing frees");
    for (size_t alignment = 8; alignment <= 1 << 16; alignment *= 2) {
        void *block;
        check(posix_memalign(&block, alignment, 100) == 0 && (uintptr_t)block % alignment == 0, "posix_memalign");
        block = realloc(block, 5000);
        free(block);
        block = aligned_alloc(alignment, alignment);
        check((uintptr_t)block % alignment == 0 && malloc_usable_size(block) >= alignment, "aligned_alloc");
        free(block);
        block = memalign(alignment, 3);
        check((uintptr_t)block % alignment == 0, "memalign");
        free(block);
    }
    void *block;
    check(posix_memalign(&block, 24, 1) == EINVAL, "an odd alignment is refused");
    block = valloc(1);
    check((uintptr_t)block % (uintptr_t)getpagesize() == 0, "valloc");
    free(block);
    free(NULL);
}

/* A child of a process with busy threads must be able to allocate. */
static void fork_under_load(void) {
    for (int child = 0; child < 20; child++) {
        pid_t pid = fork();
        if (pid == 0) {
            alarm(10);
            for (int round = 0; round < 100; round++) free(filled((size_t)round * 10, 1));
            _exit(7);
        }
        int status;
        check(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 7, "a child allocates");
    }
}

int main(void) {
    pthread_t threads[THREADS];
    names();
    for (int slot = 0; slot < SLOTS; slot++) pthread_mutex_init(&doors[slot], NULL);
    for (uintptr_t name = 0; name < THREADS; name++) pthread_create(&threads[name], NULL, work, (void *)name);
    fork_under_load();
    for (int name = 0; name < THREADS; name++) pthread_join(threads[name], NULL);
    for (int slot = 0; slot < SLOTS; slot++) {
        if (slots[slot] != NULL) check_filled(slots[slot]);
        free(slots[slot]);
    }
    puts("all is well");
    return 0;
}
