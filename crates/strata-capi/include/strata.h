/* Strata, a memory allocator: what libstrata offers beyond malloc and its family.
 *
 * Link with -lstrata, or preload libstrata.so and find these functions by name. Except where it says otherwise, all may be
 * called by any thread at any time, and none changes errno.
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
    uint64_t live_blocks;         /* blocks of up to 256 KiB that the program has */
    uint64_t live_bytes;          /* their bytes */
    uint64_t large_blocks;        /* blocks of up to 2 MiB that the program has */
    uint64_t large_bytes;         /* their bytes */
    uint64_t huge_blocks;         /* larger blocks that the program has */
    uint64_t huge_bytes;          /* their bytes */
    uint64_t huge_kept_bytes;     /* of freed ones, kept for reuse */
    uint64_t ready_blocks;        /* free blocks that thread caches have at hand */
    uint64_t caches;              /* threads that have a cache, and heaps */
    uint64_t segments;            /* reservations of addresses, 256 MiB each unless an option says otherwise */
    uint64_t arenas;              /* arenas of 4 MiB in use */
    uint64_t used_pools;          /* pools of 64 KiB in use */
    uint64_t dirty_pools;         /* free pools that may be in memory */
    uint64_t clean_pools;         /* free pools that are not */
    uint64_t system_calls;        /* calls on memory since the start */
    uint64_t system_calls_failed; /* those that the system refused */
    uint64_t pinned_bytes;        /* explicit huge pages: in memory for good, and no part of resident_bytes */
    uint64_t lazily_purged_bytes; /* of resident_bytes, what the system takes when it needs memory */
    uint64_t committed_peak_bytes;  /* the most that might be touched at once, since the start or strata_reset_peaks */
    uint64_t used_pools_peak;       /* the most pools that were in use at once */
    uint64_t large_peak_bytes;      /* the most bytes of large blocks at once, those that are ready in threads included */
    uint64_t huge_peak_bytes;       /* the most bytes of huge blocks at once */
};

/* The version, such as "0.1.0". */
const char *strata_version(void);

/* For a thread that is about to sleep: gives back the free blocks that it has at hand, for other threads to use. */
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

/* Has all peaks begin anew: each is what there is now. */
void strata_reset_peaks(void);

/* Prints all statistics, by layer and size class, on standard error. */
void strata_stats_print(void);

/* Writes what the process holds, and why, to an open file: text, and a line that `strata diff` reads. Allocates nothing and takes no
 * lock, so a signal handler may call it; 100 KiB of stack are needed. 1, or 0: another thread is at it. */
int strata_dump(int descriptor);

/* Whether `pointer` is a block of this allocator (1) or not (0). For a pointer into the middle of a block, either. */
int strata_owns(const void *pointer);

/* Being told when memory grows beyond a threshold: to shed load, drop caches, or restart while there is still time.
 *
 * A callback is called once for each crossing upwards, and again only after the measure fell a tenth below the threshold;
 * at once if it is above from the start. All callbacks run on one thread, "strata-watch", which the first watch starts,
 * which blocks all signals, and which looks every 100 ms while there is a watch. A callback may do what any code may:
 * allocate, take long, add and remove watches. After a fork the child's watches rest until it calls strata_watch_resume.
 *
 *     static void shed(const struct strata_crossing *crossing, void *cache) { ... }
 *     int64_t watch = strata_watch_share(STRATA_RESIDENT, 0.8, shed, &cache);
 */
enum strata_measure {
    STRATA_RESIDENT, /* memory that the process occupies (RSS) */
    STRATA_HELD,     /* memory that the allocator holds, free memory that was not given back included */
    STRATA_COUNTED   /* what the limit with the least room left counts: a cgroup's, RLIMIT_DATA or RLIMIT_AS */
};

struct strata_crossing {
    int measure;              /* an enum strata_measure */
    uint64_t bytes;           /* what was measured */
    uint64_t threshold_bytes; /* where the threshold was */
    uint64_t limit_bytes;     /* the limit that it is a share of; 0 if it is not */
};

typedef void strata_watch_callback(const struct strata_crossing *crossing, void *context);

/* Watches for so many bytes, or for a share of the limit, above 0 and up to 1: for STRATA_COUNTED the limit that counts,
 * else the smallest of the cgroups' limits, RLIMIT_DATA, RLIMIT_AS and the machine's memory. Returns the watch, a number
 * above 0, or a negative one: -EINVAL: no such measure or threshold, or no callback; -ENOSPC: there are 32 watches;
 * -EAGAIN: no thread could be started. */
int64_t strata_watch_bytes(int measure, uint64_t bytes, strata_watch_callback *callback, void *context);
int64_t strata_watch_share(int measure, double share, strata_watch_callback *callback, void *context);

/* Takes a watch away: no call begins from now on; one that has begun goes on. 0, or ENOENT: there is no such watch. */
int strata_watch_remove(int64_t watch);

/* Has the watches looked at in the child of a fork, which has no thread for it yet. 0, or EAGAIN: none could be started. */
int strata_watch_resume(void);

/* Changes how many milliseconds pass between two looks: 100 unless told otherwise, 1 at least. */
void strata_watch_interval(unsigned milliseconds);

/* A heap: its blocks lie together, apart from those of threads and of other heaps. For what belongs together and dies
 * together: a request, a document, a plug-in.
 *
 * One thread at a time uses a heap; which one may change. Its blocks are as any others: any thread frees them by free and
 * resizes them by realloc, and they stay valid when the heap is deleted. What strata_heap_free frees may be handed out by the
 * heap again; what free does, by the thread that called it.
 *
 * A heap is about freeing soon and lying close, not about walls: a pool that it has no use for at the moment serves whoever wants
 * blocks of its size. There is no call that frees all blocks of a heap. */
typedef struct strata_heap strata_heap;

/* A new, empty heap; NULL with ENOMEM. */
strata_heap *strata_heap_new(void);

/* Deletes a heap; its blocks stay valid. Nothing for NULL. */
void strata_heap_delete(strata_heap *heap);

/* As malloc, calloc, aligned_alloc and realloc, from a heap, which is not NULL: NULL with ENOMEM; with EINVAL for an alignment
 * that is no power of two. A size of zero is a block of its own; strata_heap_realloc to zero frees the block, and is NULL with
 * errno as it was. The block that is resized may be of any heap or thread; if it moves, it moves to this heap. */
void *strata_heap_malloc(strata_heap *heap, size_t size);
void *strata_heap_calloc(strata_heap *heap, size_t count, size_t size);
void *strata_heap_aligned_alloc(strata_heap *heap, size_t alignment, size_t size);
void *strata_heap_realloc(strata_heap *heap, void *block, size_t size);

/* Frees a block of any heap or thread; nothing for NULL. */
void strata_heap_free(strata_heap *heap, void *block);

/* For a heap that is about to rest: gives back the free blocks that it has at hand, for threads to use. */
void strata_heap_collect(strata_heap *heap);

#ifdef __cplusplus
}
#endif

#endif
