/* From which node the blocks of a thread come, on a machine of two: the first and only process of such a machine. */
#define _GNU_SOURCE
#include "check.h"
#include <pthread.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>

enum { BLOCKS = 40000, BYTES = 1000, LOOKED_AT = 8, SETS = 3 };

static void *blocks[SETS][BLOCKS];

struct job {
    int processor;
    int set;
};

/* Processor N is all that node N has. */
static void run_on(int processor) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(processor, &set);
    CHECK(sched_setaffinity(0, sizeof set, &set) == 0);
    unsigned node = 99;
    CHECK(syscall(SYS_getcpu, NULL, &node, NULL) == 0 && node == (unsigned)processor);
}

static void *allocate_all(void *argument) {
    struct job *job = argument;
    run_on(job->processor);
    for (int i = 0; i < BLOCKS; i++) {
        CHECK((blocks[job->set][i] = malloc(BYTES)) != NULL);
        fill(blocks[job->set][i], BYTES, i);
    }
    return NULL;
}

static void *free_all(void *argument) {
    struct job *job = argument;
    run_on(job->processor);
    for (int i = 0; i < BLOCKS; i++) {
        CHECK(is_filled(blocks[job->set][i], BYTES, i));
        free(blocks[job->set][i]);
    }
    return NULL;
}

static void on_a_thread(void *(*body)(void *), int processor, int set) {
    struct job job = {processor, set};
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, body, &job) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
}

/* Whether the blocks lie in memory of this node: all of them but some that may be in the process's first 4 MiB. */
static int are_on(int node, int set) {
    int counts[2] = {0, 0};
    for (int i = 0; i < BLOCKS; i += LOOKED_AT) {
        void *page = (void *)((uintptr_t)blocks[set][i] & ~(uintptr_t)4095);
        int found = -1;
        CHECK(syscall(SYS_move_pages, 0, 1UL, &page, NULL, &found, 0) == 0);
        CHECK(found == 0 || found == 1);
        counts[found]++;
    }
    printf("blocks of a thread of node %d: %d on node 0, %d on node 1\n", node, counts[0], counts[1]);
    return counts[1 - node] * LOOKED_AT * BYTES <= 4 << 20;
}

/* What the kernel says of explicit huge pages is what the option asked for. */
static void check_reservation(void) {
    const char *asked = getenv("STRATA_RESERVE_1G");
    long kib = -1;
    char line[200];
    FILE *status = fopen("/proc/self/status", "r");
    CHECK(status != NULL);
    while (fgets(line, sizeof line, status)) (void)sscanf(line, "HugetlbPages: %ld kB", &kib);
    fclose(status);
    printf("explicit huge pages: %ld KiB\n", kib);
    CHECK(kib == (asked ? atol(asked) << 20 : 0));
}

int main(void) {
    CHECK(getpid() == 1);
    CHECK(mkdir("/proc", 0755) == 0 && mount("proc", "/proc", "proc", 0, NULL) == 0);
    run_on(0);
    check_reservation();
    on_a_thread(allocate_all, 0, 0);
    CHECK(are_on(0, 0));
    on_a_thread(free_all, 0, 0);
    puts("node 0 has free memory");
    on_a_thread(allocate_all, 1, 1);
    CHECK(are_on(1, 1));
    on_a_thread(free_all, 0, 1);
    puts("a thread of node 0 freed what one of node 1 had");
    on_a_thread(allocate_all, 0, 2);
    CHECK(are_on(0, 2));
    on_a_thread(allocate_all, 1, 1);
    CHECK(are_on(1, 1));
    puts("all as promised");
    fflush(stdout);
    reboot(RB_POWER_OFF);
}
