// Has thirty thousand blocks of 100 bytes and one of 8 MiB, says so, and waits. With an argument: keeps others of the same user out.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

int main(int count, char **arguments) {
    (void)arguments;
    char *huge = malloc(8 << 20);
    memset(huge, 1, 8 << 20);
    for (int number = 0; number < 30000; number++)
        memset(malloc(100), 1, 100);
    if (count > 1)
        prctl(PR_SET_DUMPABLE, 0);
    puts("ready");
    fflush(stdout);
    char byte;
    while (read(0, &byte, 1) > 0)
        ;
    return huge[1] != 1;
}
