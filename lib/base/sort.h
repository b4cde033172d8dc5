/* Sorting in place: qsort() may allocate, and orders equal items as the C library likes. */
#ifndef HOP_BASE_SORT_H
#define HOP_BASE_SORT_H

#include <stdbool.h>
#include <stddef.h>

#define HOP__SORTED_SIZE 64 /* bytes of an item, at most */

/* Heapsort of `count` items of `size` bytes; what is before another comes first. */
void hop__sort(void *items, size_t count, size_t size,
               bool (*before)(const void *, const void *));

/* For numbers, small ones first. */
bool hop__sort_rising(const void *a, const void *b);

#endif
