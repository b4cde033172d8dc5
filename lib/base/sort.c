#include "base/sort.h"

#include <string.h>

typedef struct heap {
    char *items;
    size_t size;
    bool (*before)(const void *, const void *);
} heap;

static char *item(const heap *h, size_t i) { return h->items + i * h->size; }

/* `moved` sinks from place i of the first `count` to its own. */
static void sink(const heap *h, const char *moved, size_t i, size_t count) {
    for (size_t child; (child = 2 * i + 1) < count; i = child) {
        if (child + 1 < count && h->before(item(h, child), item(h, child + 1)))
            child++;
        if (!h->before(moved, item(h, child)))
            break;
        memcpy(item(h, i), item(h, child), h->size);
    }
    memcpy(item(h, i), moved, h->size);
}

void hop__sort(void *items, size_t count, size_t size,
               bool (*before)(const void *, const void *)) {
    const heap h = {items, size, before};
    char moved[HOP__SORTED_SIZE];
    for (size_t i = count / 2; i-- > 0;) {
        memcpy(moved, item(&h, i), size);
        sink(&h, moved, i, count);
    }
    for (size_t last = count; last-- > 1;) {
        memcpy(moved, item(&h, last), size);
        memcpy(item(&h, last), items, size);
        sink(&h, moved, 0, last);
    }
}

bool hop__sort_rising(const void *a, const void *b) {
    double x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return x < y;
}
