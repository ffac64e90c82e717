/* strata.h: it compiles, says what the library has, and its functions do what it says. */
#include "strata.h"

#include "check.h"

int main(void) {
    CHECK(strchr(strata_version(), '.'));

    struct strata_stats stats, part;
    memset(&part, 0xee, sizeof part);
    CHECK(strata_stats(NULL, 0) == sizeof stats && strata_stats(NULL, 1000) == sizeof stats);
    CHECK(strata_stats(&stats, sizeof stats) == sizeof stats);
    CHECK(stats.segments >= 1 && stats.caches >= 1 && stats.committed_bytes >= 4 << 20);
    CHECK(stats.system_calls > 0 && stats.system_calls_failed == 0);
    CHECK(strata_stats(&part, 16) == sizeof stats);
    CHECK(part.committed_bytes > 0 && part.resident_bytes == 0xeeeeeeeeeeeeeeee);

    void *blocks[100], *large = malloc(1 << 20), *huge = malloc(8 << 20);
    for (int i = 0; i < 100; i++) memset(blocks[i] = malloc(1000), 1, 1000);
    memset(large, 1, 1 << 20);
    struct strata_stats now;
    strata_stats(&now, sizeof now);
    CHECK(now.live_blocks == stats.live_blocks + 100 && now.live_bytes == stats.live_bytes + 100 * 1024);
    CHECK(now.large_blocks == stats.large_blocks + 1 && now.large_bytes == stats.large_bytes + (1 << 20));
    CHECK(now.huge_blocks == stats.huge_blocks + 1 && now.huge_bytes >= stats.huge_bytes + (8 << 20));

    CHECK(strata_owns(blocks[0]) && strata_owns(large) && strata_owns(huge));
    CHECK(!strata_owns(NULL) && !strata_owns(&stats) && !strata_owns("text") && !strata_owns((void *)4096));
    for (int shift = 12; shift < 48; shift++) CHECK(!strata_owns((void *)((uintptr_t)&main & ~(((uintptr_t)1 << shift) - 1))));

    for (int i = 0; i < 100; i++) free(blocks[i]);
    free(large);
    errno = 77;
    CHECK(strata_trim() >= 1 << 20);
    strata_collect();
    CHECK(errno == 77);

    CHECK(strata_option_set("purge_delay", "1000") == 0 && strata_option_set("huge_keep", "16M") == 0);
    CHECK(strata_option_set("colour", "blue") == ENOENT && strata_option_set("huge_keep", "much") == EINVAL);
    CHECK(strata_option_set("show_options", "1") == EPERM && strata_option_set("show_options", "x") == EINVAL);
    CHECK(strata_option_set(NULL, "1") == EINVAL && strata_option_set("stats", NULL) == EINVAL);
    CHECK(strata_option_set("\xff", "1") == EINVAL);

    free(huge);
    strata_stats(&now, sizeof now);
    CHECK(now.huge_peak_bytes >= 8 << 20 && now.large_peak_bytes >= 1 << 20 && now.used_pools_peak >= now.used_pools);
    strata_reset_peaks();
    strata_stats(&now, sizeof now);
    CHECK(now.huge_peak_bytes == now.huge_bytes && now.committed_peak_bytes == now.committed_bytes);
    strata_stats_print();
    return 0;
}
