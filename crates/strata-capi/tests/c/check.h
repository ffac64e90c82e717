/* What every program here checks with: the first thing that is not as promised ends it, with its line. */
#ifndef CHECK_H
#define CHECK_H

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                                                   \
    do {                                                                                   \
        if (!(condition)) {                                                                \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);        \
            _exit(1);                                                                      \
        }                                                                                  \
    } while (0)

#include <unistd.h>

#ifdef __cplusplus
extern "C" {
#endif
/* Ours only; null where the program runs on the C library's own allocator, which shows that the program is right. */
extern const char *strata_version(void) __attribute__((weak));
extern int strata_owns(const void *) __attribute__((weak));
#ifdef __cplusplus
}
#endif

#define ON_STRATA (strata_version != NULL)

/* Hides a value from the compiler, which knows malloc too well. */
static inline void *opaque(void *pointer) {
    __asm__ volatile("" : "+r"(pointer) : : "memory");
    return pointer;
}
static inline size_t any(size_t size) {
    __asm__ volatile("" : "+r"(size));
    return size;
}

static inline void fill(void *block, size_t size, unsigned seed) {
    unsigned char *bytes = (unsigned char *)block;
    for (size_t i = 0; i < size; i++) bytes[i] = (unsigned char)(seed * 131 + i * 7 + (i >> 8));
}
static inline int is_filled(const void *block, size_t size, unsigned seed) {
    const unsigned char *bytes = (const unsigned char *)block;
    for (size_t i = 0; i < size; i++)
        if (bytes[i] != (unsigned char)(seed * 131 + i * 7 + (i >> 8))) return 0;
    return 1;
}
static inline int is_zero(const void *block, size_t size) {
    const unsigned char *bytes = (const unsigned char *)block;
    for (size_t i = 0; i < size; i++)
        if (bytes[i]) return 0;
    return 1;
}
static inline int is_aligned(const void *block, size_t alignment) {
    return ((uintptr_t)block & (alignment - 1)) == 0;
}

#endif
