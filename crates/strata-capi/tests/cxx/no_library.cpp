// A program that uses nothing of the C++ library but new, delete and what they throw.
#include <new>

#include "../c/check.h"

int main() {
    bool caught = false;
    try {
        opaque(::operator new(any(SIZE_MAX / 2)));
    } catch (const std::bad_alloc &) {
        caught = true;
    }
    CHECK(caught);
    return 0;
}
