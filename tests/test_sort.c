#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "base/sort.h"
#include "support/support.h"

/* Numbers of all lengths up to 200, many of them equal, against the C library. */
static int rising(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

START_TEST(numbers) {
    hop__random random = hop__random_start(1, 2);
    double ours[200], theirs[200];
    for (size_t count = 0; count <= 200; count++) {
        for (size_t k = 0; k < count; k++)
            ours[k] = floor(50.0 * hop__random_uniform(&random));
        memcpy(theirs, ours, count * sizeof *ours);
        hop__sort(ours, count, sizeof *ours, hop__sort_rising);
        qsort(theirs, count, sizeof *theirs, rising);
        ck_assert_mem_eq(ours, theirs, count * sizeof *ours);
    }
}
END_TEST

typedef struct record {
    char name[40];
    int first, second;
} record;

static bool before(const void *a, const void *b) {
    const record *p = a, *q = b;
    return p->first != q->first ? p->first > q->first : p->second < q->second;
}

/* Whole items move, in the order that is asked for. */
START_TEST(whole_items) {
    hop__random random = hop__random_start(3, 4);
    record items[100];
    memset(items, 0, sizeof items);
    for (int k = 0; k < 100; k++) {
        items[k].first = (int)hop__random_below(&random, 7);
        items[k].second = (int)hop__random_below(&random, 1000);
        snprintf(items[k].name, sizeof items[k].name, "%d/%d", items[k].first,
                 items[k].second);
    }
    hop__sort(items, 100, sizeof *items, before);
    for (int k = 0; k < 100; k++) {
        char name[40];
        snprintf(name, sizeof name, "%d/%d", items[k].first, items[k].second);
        ck_assert_str_eq(items[k].name, name);
        ck_assert(k == 0 || !before(&items[k], &items[k - 1]));
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("sort");
    TCase *all = tcase_create("all");
    tcase_add_test(all, numbers);
    tcase_add_test(all, whole_items);
    suite_add_tcase(suite, all);
    return support_main(suite);
}
