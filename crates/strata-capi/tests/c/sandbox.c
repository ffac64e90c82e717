/* Under filters that refuse system calls with an error: those on memory are all that it takes to allocate, and no call that
 * succeeds changes errno. All but those on memory are refused, and then, each in a process of its own, one at a time. */
#define _GNU_SOURCE
#include "check.h"
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum { BLOCKS = 2000, ROUNDS = 2 };

static const int allowed[] = {SYS_mmap, SYS_munmap, SYS_mremap, SYS_mprotect, SYS_madvise,
                              SYS_brk,  SYS_futex,  SYS_write,  SYS_exit_group};
enum { ALLOWED = sizeof allowed / sizeof *allowed };

/* What the allocator asks beside: each may be refused alone, so that what depends on its answer is met, too. */
static const int asked[] = {SYS_openat,        SYS_read,        SYS_close,        SYS_newfstatat, SYS_clock_gettime, SYS_getpid,
                            SYS_prlimit64,     SYS_sched_yield, SYS_prctl,        SYS_getcpu,     SYS_get_mempolicy, SYS_mbind,
                            SYS_sysinfo,       SYS_clone,       SYS_clone3,       SYS_madvise,    SYS_mremap,        SYS_rt_sigprocmask,
                            SYS_set_robust_list, SYS_rseq,       SYS_membarrier};
enum { ASKED = sizeof asked / sizeof *asked };

static void install(struct sock_filter *rules, unsigned short count) {
    struct sock_fprog program = {count, rules};
    CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    /* A kernel without filters has nothing to check. */
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) _exit(0);
}

static const struct sock_filter load_number = BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
static const struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
static const struct sock_filter refuse = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);

static void refuse_all_else(void) {
    struct sock_filter rules[2 * ALLOWED + 2];
    unsigned short count = 0;
    rules[count++] = load_number;
    for (int i = 0; i < ALLOWED; i++) {
        rules[count++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)allowed[i], 0, 1);
        rules[count++] = allow;
    }
    rules[count++] = refuse;
    install(rules, count);
    CHECK(syscall(SYS_getppid) == -1 && errno == EPERM);
}

static void refuse_one(int number) {
    struct sock_filter rules[] = {load_number, BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)number, 0, 1), refuse, allow};
    install(rules, sizeof rules / sizeof *rules);
}

static size_t size_of(int block) { return block % 100 == 0 ? 3000000 : (size_t)block * 7 + 1; }

/* Makes a call that succeeds, and so leaves errno alone; the C library's own allocator is not always so careful. */
#define QUIET(call)                                                                        \
    do {                                                                                   \
        errno = 77;                                                                        \
        call;                                                                              \
        CHECK(errno == 77 || !ON_STRATA);                                                  \
    } while (0)

static void allocate(void) {
    static unsigned char *blocks[BLOCKS];
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < BLOCKS; i++) {
            QUIET(CHECK(blocks[i] = calloc(1, size_of(i))));
            CHECK(is_zero(blocks[i], size_of(i)));
            fill(blocks[i], size_of(i), (unsigned)i);
        }
        for (int i = 0; i < BLOCKS; i += 50) {
            QUIET(CHECK(blocks[i] = realloc(blocks[i], 5000000)));
            CHECK(is_filled(blocks[i], size_of(i), (unsigned)i));
        }
        for (int i = 0; i < BLOCKS; i++) QUIET(free(blocks[i]));
        for (int i = 0; i < BLOCKS; i++) QUIET(CHECK(blocks[i] = malloc(16000)));
        for (int i = 0; i < BLOCKS; i++) QUIET(free(blocks[i]));
        QUIET(malloc_trim(0));
        void *aligned = NULL;
        QUIET(CHECK(posix_memalign(&aligned, 8 << 20, 100) == 0));
        QUIET(free(aligned));
    }
}

int main(void) {
    for (int i = 0; i < ASKED; i++) {
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            refuse_one(asked[i]);
            allocate();
            _exit(0);
        }
        int status = 0;
        CHECK(waitpid(child, &status, 0) == child);
        if (status != 0) fprintf(stderr, "with system call %d refused:\n", asked[i]);
        CHECK(status == 0);
    }
    refuse_all_else();
    allocate();
    /* The C library's way out makes calls of its own. */
    _exit(0);
}
