/* All heap memory: through the context's allocator, overflow-checked, 64-byte aligned. */
#ifndef HOP_BASE_MEMORY_H
#define HOP_BASE_MEMORY_H

#include "base/context.h"

/* count*size zeroed bytes; NULL with HOP_ERROR_MEMORY recorded when there are none.
   count*size == 0 gives a valid pointer. */
void *hop__allocate(hop_context *context, size_t count, size_t size);

/* The same without the zeros: a large block's pages are not touched before they are used. */
void *hop__allocate_unset(hop_context *context, size_t count, size_t size);

/* Grow or shrink, keeping the contents; new bytes are zero; on failure the old block
   stays valid and NULL is returned.  `pointer` may be NULL. */
void *hop__resize(hop_context *context, void *pointer, size_t count, size_t size);

void hop__release(hop_context *context, void *pointer); /* accepts NULL */

/* Replace an array, `*array` being of any type of pointer, by one of another size whose
   contents are unset; false, and the old one stays, when there is no memory. */
bool hop__renew(hop_context *context, void *array, size_t count, size_t size);

/* The next `count` numbers of a block that holds several arrays. */
static inline double *hop__cut(double **block, size_t count) {
    double *start = *block;
    *block += count;
    return start;
}

/* A copy of `text`. */
char *hop__duplicate(hop_context *context, const char *text);

#endif
