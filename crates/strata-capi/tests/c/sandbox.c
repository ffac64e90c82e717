/* Under a filter that refuses all system calls but those on memory: nothing else is needed to allocate. */
#define _GNU_SOURCE
#include "check.h"
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

enum { BLOCKS = 4000, ROUNDS = 3 };

static const int allowed[] = {SYS_mmap, SYS_munmap, SYS_mremap, SYS_mprotect, SYS_madvise,
                              SYS_brk,  SYS_futex,  SYS_write,  SYS_exit_group};
enum { ALLOWED = sizeof allowed / sizeof *allowed };

static void refuse_all_else(void) {
    struct sock_filter rules[2 * ALLOWED + 2];
    unsigned short count = 0;
    rules[count++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (int i = 0; i < ALLOWED; i++) {
        rules[count++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)allowed[i], 0, 1);
        rules[count++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    }
    rules[count++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
    struct sock_fprog program = {count, rules};
    CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    /* A kernel without filters has nothing to check. */
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) _exit(0);
}

static size_t size_of(int block) { return block % 100 == 0 ? 3000000 : (size_t)block * 7 + 1; }

int main(void) {
    static unsigned char *blocks[BLOCKS];
    refuse_all_else();
    CHECK(syscall(SYS_getppid) == -1 && errno == EPERM);
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < BLOCKS; i++) {
            CHECK((blocks[i] = calloc(1, size_of(i))) && is_zero(blocks[i], size_of(i)));
            fill(blocks[i], size_of(i), (unsigned)i);
        }
        for (int i = 0; i < BLOCKS; i += 50) {
            CHECK((blocks[i] = realloc(blocks[i], 5000000)) && is_filled(blocks[i], size_of(i), (unsigned)i));
        }
        for (int i = 0; i < BLOCKS; i++) free(blocks[i]);
        malloc_trim(0);
    }
    /* The C library's way out makes calls of its own. */
    _exit(0);
}
