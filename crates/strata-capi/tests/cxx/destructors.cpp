// Destructors of thread_local and static objects, which allocate and free whatever end they are called at.
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "../c/check.h"

static std::string words(unsigned seed) { return std::string(20 + seed % 300, static_cast<char>('a' + seed % 26)); }

// Made early, destroyed late: after all that main knows.
struct Late {
    std::map<int, std::string> all;
    Late() { for (int i = 0; i < 500; i++) all[i] = words(i); }
    ~Late() {
        for (int i = 0; i < 500; i++) CHECK(all[i] == words(i));
        std::vector<std::unique_ptr<std::string>> more;
        for (int i = 0; i < 500; i++) more.push_back(std::make_unique<std::string>(words(i)));
        all.clear();
    }
};
static Late late;

struct OfThread {
    std::vector<std::string> kept;
    // What another thread made is freed here, at this thread's end.
    std::shared_ptr<std::vector<std::string>> shared;
    ~OfThread() {
        for (std::size_t i = 0; i < kept.size(); i++) CHECK(kept[i] == words(i));
        std::vector<std::string> last(kept.rbegin(), kept.rend());
        kept.clear();
        CHECK(last.size() == 200);
    }
};
static thread_local OfThread of_thread;

static void live(std::shared_ptr<std::vector<std::string>> shared) {
    for (unsigned i = 0; i < 200; i++) of_thread.kept.push_back(words(i));
    of_thread.shared = std::move(shared);
    try {
        std::string unwound = words(299);
        throw std::runtime_error(unwound);
    } catch (const std::runtime_error &error) {
        CHECK(error.what() == words(299));
    }
}

int main() {
    live(nullptr);
    for (int round = 0; round < 50; round++) {
        auto shared = std::make_shared<std::vector<std::string>>();
        for (unsigned i = 0; i < 300; i++) shared->push_back(words(i));
        std::vector<std::thread> threads;
        for (int i = 0; i < 4; i++) threads.emplace_back(live, shared);
        shared.reset();
        for (std::thread &thread : threads) thread.join();
    }
    // It ends when the process does, or before.
    std::thread(live, nullptr).detach();
    return 0;
}
