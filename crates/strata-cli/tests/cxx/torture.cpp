// Everything at once: 32 threads that allocate, throw, fork, and load and unload a plug-in, under a timer's signals, while signals switch the
// profiler on and off. Ends with 0 if no block was written to by another.
//
// Compiled with -DPLUGIN it is the plug-in.
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>

struct Carrier : std::runtime_error {
    std::string *held;
    explicit Carrier(std::string *block) : std::runtime_error("a block on its way"), held(block) {}
};

#ifdef PLUGIN
// Allocates, and throws what it allocated through its caller's frames.
extern "C" void pass_on(int size) {
    std::string *block = new std::string(size, 'p');
    throw Carrier(block);
}
#else
#include <atomic>
#include <csignal>
#include <cstdio>
#include <dlfcn.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

static std::atomic<bool> stop{false};
static std::atomic<int> ticks{0}, caught{0}, loaded{0}, forked{0};
static const char *plugin;

static void tick(int) { ticks++; }

static unsigned next(unsigned &state) { return state = state * 1664525 + 1013904223, state >> 8; }

[[noreturn]] static void fail(const char *why) {
    fprintf(stderr, "%s\n", why);
    _exit(1);
}

static void check(const std::string &block) {
    if (block.find_first_not_of(block[0]) != std::string::npos) fail("a block was written to by another");
}

__attribute__((noinline)) static void throw_from(int depth, std::string *block) {
    if (depth == 0) throw Carrier(block);
    throw_from(depth - 1, block);
    asm volatile("");
}

static void take(void (*thrower)(int, std::string *), int number, std::string *block) {
    try {
        thrower(number, block);
    } catch (const Carrier &carrier) {
        check(*carrier.held);
        delete carrier.held;
        caught++;
    }
}

static void load_and_throw(int size) {
    void *library = dlopen(plugin, RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) fail(dlerror());
    auto pass_on = reinterpret_cast<void (*)(int)>(dlsym(library, "pass_on"));
    // The exception itself is of the plug-in: it is dropped before that is unloaded.
    try {
        pass_on(size);
    } catch (const std::runtime_error &error) {
        if (std::string(error.what()) != "a block on its way") fail("another exception");
        delete static_cast<const Carrier &>(error).held;
    }
    dlclose(library);
    loaded++;
}

static void fork_and_allocate() {
    pid_t child = fork();
    if (child == 0) {
        std::vector<std::string> blocks;
        for (int size = 1; size < 500; size++) blocks.emplace_back(size, 'c');
        for (const auto &block : blocks) check(block);
        _exit(0);
    }
    int status = 0;
    while (waitpid(child, &status, 0) < 0) {}
    if (status != 0) fail("a child failed");
    forked++;
}

static void churn(unsigned state) {
    std::vector<std::string> held;
    for (unsigned round = 0; !stop; round++) {
        unsigned bits = next(state);
        size_t size = bits % 64 == 0 ? 300000 : bits % 3000 + 1;
        held.emplace_back(size, char('a' + size % 26));
        if (held.size() > 64) {
            std::swap(held[bits % 64], held.back());
            check(held.back());
            held.pop_back();
        }
        if (bits % 128 == 1) take(throw_from, bits % 20, new std::string(size, 't'));
        if (bits % 1024 == 2) load_and_throw(size);
        if (bits % 8192 == 3) fork_and_allocate();
    }
    for (const auto &block : held) check(block);
}

int main(int, char **arguments) {
    plugin = arguments[1];
    int rounds = atoi(arguments[2]);
    struct sigaction action {};
    action.sa_handler = tick;
    action.sa_flags = SA_RESTART;
    sigaction(SIGALRM, &action, nullptr);
    // Where no signal switches the profiler, which is on then, those that come are ignored.
    if (getenv("STRATA_PROFILE_SIGNAL") == nullptr) signal(SIGUSR2, SIG_IGN);
    itimerval often{{0, 1000}, {0, 1000}};
    setitimer(ITIMER_REAL, &often, nullptr);
    std::vector<std::thread> threads;
    for (unsigned number = 0; number < 32; number++) threads.emplace_back(churn, number + 1);
    for (int round = 0; round < rounds; round++) {
        kill(getpid(), SIGUSR2);
        // Comes and goes while it is switched.
        std::thread(
            [] {
                std::vector<std::string> blocks;
                for (int size = 1; size < 1000; size++) blocks.emplace_back(size % 400 + 1, 's');
            })
            .join();
        usleep(20000);
    }
    stop = true;
    for (auto &thread : threads) thread.join();
    printf("%d ticks, %d exceptions, %d plug-ins, %d forks\n", ticks.load(), caught.load(), loaded.load(), forked.load());
    return ticks > 0 && caught > 0 && loaded > 0 && forked > 0 ? 0 : 2;
}
#endif
