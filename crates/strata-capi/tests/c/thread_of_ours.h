/* What the tests of a thread that Strata starts share: how it is seen, a tracer that wraps `pthread_create`, and children to try things in. */
#ifndef THREAD_OF_OURS_H
#define THREAD_OF_OURS_H

#include "check.h"

#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/wait.h>
#include <time.h>

/* A word of the library: where a program opens it, that of the open library, which is closed again at once and stays all the same. */
#ifdef OPENED
static void *word_of_the_library(const char *name) {
    void *library = dlopen(getenv("STRATA_LIBRARY"), RTLD_NOW | RTLD_LOCAL);
    CHECK(library);
    void *word = dlsym(library, name);
    CHECK(word && dlclose(library) == 0);
    return word;
}
#define OURS(name) ((__typeof__(&name))word_of_the_library(#name))
#else
#define OURS(name) name
#endif

static inline void nap(int ms) { nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000L}, NULL); }

/* Reads a short file without a call of the allocator, since a thread of ours goes on if there is one: nothing, and 0, if there is no such
   file; -1 if it cannot be read, as when its thread ends meanwhile. */
static inline ssize_t text_of(const char *path, char *text, size_t size) {
    memset(text, 0, size);
    int file = open(path, O_RDONLY);
    if (file < 0) return 0;
    ssize_t bytes = read(file, text, size - 1);
    close(file);
    return bytes;
}

/* The number of the thread of this name among the tasks, or 0. */
static inline int thread_named(const char *wanted) {
    DIR *tasks = opendir("/proc/self/task");
    int found = 0;
    for (struct dirent *entry; (entry = readdir(tasks));) {
        char path[300], name[32];
        snprintf(path, sizeof path, "/proc/self/task/%s/comm", entry->d_name);
        text_of(path, name, sizeof name);
        name[strcspn(name, "\n")] = 0;
        if (!strcmp(name, wanted)) found = atoi(entry->d_name);
    }
    closedir(tasks);
    return found;
}

/* What a line of a thread's status says, as a number; -1 if the thread is not there. */
static inline long long status_of(int number, const char *name, int base) {
    char path[64], text[4096], line[64];
    snprintf(path, sizeof path, "/proc/self/task/%d/status", number);
    text_of(path, text, sizeof text);
    if (!*text) return -1;
    snprintf(line, sizeof line, "\n%s:", name);
    const char *found = strstr(text, line);
    CHECK(found);
    return strtoull(found + strlen(line), NULL, base);
}

/* A tracer's: it allocates under a lock of its own, around each thread that is made. */
static pthread_mutex_t tracers __attribute__((unused)) = PTHREAD_MUTEX_INITIALIZER;
static int made;
#ifndef LINKED_STATICALLY
int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*body)(void *), void *argument) {
    int (*theirs)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *) = dlsym(RTLD_NEXT, "pthread_create");
    pthread_mutex_lock(&tracers);
    free(opaque(malloc(300)));
    made++;
    pthread_mutex_unlock(&tracers);
    return theirs(thread, attributes, body, argument);
}
#endif

/* Runs in a child of fork, which is to answer 0. */
static inline pid_t begin(void (*body)(void)) {
    fflush(NULL);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        alarm(300);
        body();
        _exit(0);
    }
    return child;
}
static inline void end(pid_t child) {
    int status;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
}
static inline void in_a_child(void (*body)(void)) {
    end(begin(body));
}

/* Each in a child of its own, so many at a time. */
static inline void in_children(void (*const *bodies)(void), int all, int at_once) {
    pid_t children[all];
    for (int i = 0; i < all + at_once; i++) {
        if (i >= at_once) end(children[i - at_once]);
        if (i < all) children[i] = begin(bodies[i]);
    }
}

/* The first in a child, the second in the daemon that it becomes. */
static inline void in_a_daemon(int (*before)(void), void (*after)(void)) {
    int ends[2];
    char byte = 0;
    CHECK(pipe(ends) == 0);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        before();
        CHECK(daemon(1, 1) == 0);
        alarm(300);
        after();
        CHECK(write(ends[1], "y", 1) == 1);
        _exit(0);
    }
    close(ends[1]);
    CHECK(read(ends[0], &byte, 1) == 1 && byte == 'y');
    CHECK(waitpid(child, NULL, 0) == child);
}

#endif
