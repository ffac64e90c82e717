// operator new and operator delete: all twenty forms, and what they promise when there is no memory.
#include <cstddef>
#include <new>
#include <vector>

#include "../c/check.h"

static const std::size_t sizes[] = {0, 1, 16, 24, 100, 256, 257, 1000, 1024, 1025, 5000, 40000, 100000, 3 << 20};
static const std::size_t too_much[] = {SIZE_MAX, SIZE_MAX / 2, SIZE_MAX / 2 + 1, PTRDIFF_MAX - 4096};

static void every_pair_works() {
    for (int round = 0; round < 100; round++) {
        for (std::size_t size : sizes) {
            if (size > 100000 && round > 2) continue;
            void *p;
            fill(p = ::operator new(any(size)), size, 1), ::operator delete(opaque(p));
            fill(p = ::operator new[](any(size)), size, 1), ::operator delete[](opaque(p));
            fill(p = ::operator new(any(size)), size, 1), ::operator delete(opaque(p), size);
            fill(p = ::operator new[](any(size)), size, 1), ::operator delete[](opaque(p), size);
            fill(p = ::operator new(any(size), std::nothrow), size, 1), ::operator delete(opaque(p), std::nothrow);
            fill(p = ::operator new[](any(size), std::nothrow), size, 1), ::operator delete[](opaque(p), std::nothrow);
            for (std::size_t a = 1; a <= 8192; a *= 2) {
                std::align_val_t align{a};
                p = ::operator new(any(size), align);
                CHECK(is_aligned(p, a)); fill(p, size, 2), ::operator delete(opaque(p), align);
                p = ::operator new[](any(size), align);
                CHECK(is_aligned(p, a)); fill(p, size, 2), ::operator delete[](opaque(p), align);
                p = ::operator new(any(size), align);
                CHECK(is_aligned(p, a)); fill(p, size, 2), ::operator delete(opaque(p), size, align);
                p = ::operator new[](any(size), align);
                CHECK(is_aligned(p, a)); fill(p, size, 2), ::operator delete[](opaque(p), size, align);
                p = ::operator new(any(size), align, std::nothrow);
                CHECK(is_aligned(p, a)); fill(p, size, 2), ::operator delete(opaque(p), align, std::nothrow);
                p = ::operator new[](any(size), align, std::nothrow);
                CHECK(is_aligned(p, a)); fill(p, size, 2), ::operator delete[](opaque(p), align, std::nothrow);
            }
        }
    }
    ::operator delete(opaque(nullptr)), ::operator delete[](opaque(nullptr));
    ::operator delete(opaque(nullptr), std::size_t(100)), ::operator delete[](opaque(nullptr), std::size_t(100));
    ::operator delete(opaque(nullptr), std::align_val_t{64});
    ::operator delete(opaque(nullptr), std::size_t(100), std::align_val_t{64});
    ::operator delete(opaque(nullptr), std::nothrow);
}

template <class Ask> static bool throws(Ask ask) {
    try {
        opaque(ask());
        return false;
    } catch (const std::bad_alloc &) {
        return true;
    }
}

static void too_much_throws_or_is_null() {
    const std::align_val_t align{64};
    for (std::size_t size : too_much) {
        CHECK(throws([=] { return ::operator new(any(size)); }));
        CHECK(throws([=] { return ::operator new[](any(size)); }));
        // libstdc++ rounds the size up without a look.
        if (!ON_STRATA && size > PTRDIFF_MAX) continue;
        CHECK(throws([=] { return ::operator new(any(size), align); }));
        CHECK(throws([=] { return ::operator new[](any(size), align); }));
        CHECK(!opaque(::operator new(any(size), std::nothrow)));
        CHECK(!opaque(::operator new[](any(size), std::nothrow)));
        CHECK(!opaque(::operator new(any(size), align, std::nothrow)));
        CHECK(!opaque(::operator new[](any(size), align, std::nothrow)));
    }
    CHECK(throws([] { return new char[any(SIZE_MAX / 4)]; }));
    CHECK(throws([] { return new std::vector<long>(any(PTRDIFF_MAX / 8)); }));
}

static int calls;
static void give_up_at_the_third() {
    if (++calls == 3) std::set_new_handler(nullptr);
}
static void throw_something() {
    calls++;
    throw std::bad_alloc();
}

static void the_handler_is_asked_until_it_gives_up() {
    const std::size_t size = SIZE_MAX / 2;
    const std::align_val_t align{64};
    calls = 0, std::set_new_handler(give_up_at_the_third);
    CHECK(throws([=] { return ::operator new(any(size)); }) && calls == 3);
    calls = 0, std::set_new_handler(give_up_at_the_third);
    CHECK(throws([=] { return ::operator new[](any(size), align); }) && calls == 3);
    calls = 0, std::set_new_handler(give_up_at_the_third);
    CHECK(!opaque(::operator new(any(size), std::nothrow)) && calls == 3);
    calls = 0, std::set_new_handler(give_up_at_the_third);
    CHECK(!opaque(::operator new(any(size), align, std::nothrow)) && calls == 3);
    calls = 0, std::set_new_handler(throw_something);
    CHECK(throws([=] { return ::operator new(any(size)); }) && calls == 1);
#ifndef LINKED_STATICALLY
    // A static program has no second nothrow form that could catch what the handler throws.
    CHECK(!opaque(::operator new(any(size), std::nothrow)) && calls == 2);
    CHECK(!opaque(::operator new[](any(size), align, std::nothrow)) && calls == 3);
#endif
    std::set_new_handler(nullptr);
}

// A handler that frees something lets the next try succeed.
static void *reserve;
static std::size_t wanted;
static void free_the_reserve() {
    if (!reserve) std::set_new_handler(nullptr);
    ::operator delete(reserve);
    reserve = nullptr;
}

#include <sys/resource.h>
static void a_handler_can_help() {
    struct rlimit before, tight;
    getrlimit(RLIMIT_AS, &before);
    wanted = std::size_t(600) << 20;
    reserve = ::operator new(wanted);
    // Not even the reserve fits twice.
    std::size_t pages = 0;
    FILE *statm = fopen("/proc/self/statm", "r");
    CHECK(statm && fscanf(statm, "%zu", &pages) == 1);
    fclose(statm);
    tight = before;
    tight.rlim_cur = pages * std::size_t(sysconf(_SC_PAGESIZE)) + (std::size_t(300) << 20);
    CHECK(setrlimit(RLIMIT_AS, &tight) == 0);
    std::set_new_handler(free_the_reserve);
    void *block = ::operator new(any(wanted));
    CHECK(block && !reserve);
    ::operator delete(block);
    std::set_new_handler(nullptr);
    setrlimit(RLIMIT_AS, &before);
}

struct alignas(128) Wide {
    char bytes[300];
    static int alive;
    Wide() { alive++, fill(bytes, sizeof bytes, 5); }
    ~Wide() { CHECK(is_filled(bytes, sizeof bytes, 5)); alive--; }
};
int Wide::alive;

static void types_live_and_die() {
    std::vector<Wide *> all;
    for (int i = 0; i < 1000; i++) all.push_back(i % 2 ? new Wide : new Wide[1]);
    for (Wide *one : all) CHECK(is_aligned(one, 128));
    for (int i = 0; i < 1000; i++) i % 2 ? delete all[i] : delete[] all[i];
    CHECK(Wide::alive == 0);
}

int main() {
    every_pair_works();
    too_much_throws_or_is_null();
    the_handler_is_asked_until_it_gives_up();
    a_handler_can_help();
    types_live_and_die();
    return 0;
}
