/* Strata, a memory allocator: what libstrata offers beyond malloc and its family.
 *
 * Link with -lstrata, or preload libstrata.so and find these functions by name. All may be called by any thread at any
 * time; none changes errno.
 */
#ifndef STRATA_H
#define STRATA_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The allocator at one moment. Nothing is locked to find these numbers: while other threads work, two of them may stem
 * from either side of an event. Later versions add fields at the end. */
struct strata_stats {
    uint64_t reserved_bytes;      /* address space held */
    uint64_t committed_bytes;     /* of that, what may be touched */
    uint64_t resident_bytes;      /* of that, what may be in memory */
    uint64_t purged_bytes;        /* given back to the system since the start */
    uint64_t live_blocks;         /* blocks of up to 32 KiB that the program has */
    uint64_t live_bytes;          /* their bytes */
    uint64_t large_blocks;        /* blocks of up to 2 MiB that the program has */
    uint64_t large_bytes;         /* their bytes */
    uint64_t huge_blocks;         /* larger blocks that the program has */
    uint64_t huge_bytes;          /* their bytes */
    uint64_t huge_kept_bytes;     /* of freed ones, kept for reuse */
    uint64_t ready_blocks;        /* free blocks that thread caches have at hand */
    uint64_t posted_blocks;       /* free blocks on their way to other threads */
    uint64_t caches;              /* threads that have a cache */
    uint64_t segments;            /* reservations of addresses, 256 MiB each unless an option says otherwise */
    uint64_t arenas;              /* arenas of 4 MiB in use */
    uint64_t used_pools;          /* pools of 64 KiB in use */
    uint64_t dirty_pools;         /* free pools that may be in memory */
    uint64_t clean_pools;         /* free pools that are not */
    uint64_t system_calls;        /* calls on memory since the start */
    uint64_t system_calls_failed; /* those that the system refused */
};

/* The version, such as "0.1.0". */
const char *strata_version(void);

/* For a thread that is about to sleep: takes in what others gave back to it, hands over what it holds of theirs. */
void strata_collect(void);

/* The same, and gives all free memory back to the system at once; how many bytes that were. */
size_t strata_trim(void);

/* Changes an option while the program runs, by the names and values of the book: "purge_delay", "1000".
 * 0, or ENOENT: no such option; EINVAL: not such a value; EPERM: only before the program starts. */
int strata_option_set(const char *name, const char *value);

/* Writes the first `bytes` bytes of the statistics to `stats` (nothing to NULL), and returns how many there are.
 *
 *     struct strata_stats stats;
 *     strata_stats(&stats, sizeof stats);
 */
size_t strata_stats(void *stats, size_t bytes);

/* Prints all statistics, by layer and size class, on standard error. */
void strata_stats_print(void);

/* Whether `pointer` is a block of this allocator (1) or not (0). For a pointer into the middle of a block, either. */
int strata_owns(const void *pointer);

#ifdef __cplusplus
}
#endif

#endif
