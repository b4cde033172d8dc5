#include "base/memory.h"

#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#define ALIGNMENT 64
#define HUGE_PAGE ((size_t)2 << 20)

/* Stands just before each block. */
typedef struct header {
    void *origin; /* what the allocator returned */
    size_t bytes; /* what was asked for */
} header;

static header *header_of(void *pointer) { return (header *)pointer - 1; }

/* Large arrays are gone through again and again: the processor finds them sooner in few
   large pages.  A hint, which systems and other allocators may ignore. */
static void advise_huge_pages(char *block, size_t bytes) {
#if defined(MADV_HUGEPAGE)
    const uintptr_t address = (uintptr_t)block, end = address + bytes;
    const uintptr_t begin = (address + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
    if (end > begin && end - begin >= HUGE_PAGE)
        madvise(block + (begin - address), (end - begin) / HUGE_PAGE * HUGE_PAGE,
                MADV_HUGEPAGE);
#else
    (void)block, (void)bytes;
#endif
}

void *hop__allocate_unset(hop_context *context, size_t count, size_t size) {
    size_t bytes;
    const size_t extra = ALIGNMENT + sizeof(header);
    if (__builtin_mul_overflow(count, size, &bytes) || bytes > PTRDIFF_MAX - extra) {
        hop__fail(context, HOP_ERROR_MEMORY, "out of memory: %zu x %zu bytes", count,
                  size);
        return NULL;
    }
    char *origin = context->allocator.allocate(context->allocator.user, bytes + extra);
    if (!origin) {
        hop__fail(context, HOP_ERROR_MEMORY, "out of memory: %zu bytes", bytes);
        return NULL;
    }
    uintptr_t address = (uintptr_t)origin + sizeof(header) + ALIGNMENT - 1;
    char *block = origin + (address / ALIGNMENT * ALIGNMENT - (uintptr_t)origin);
    *header_of(block) = (header){origin, bytes};
    if (bytes >= HUGE_PAGE)
        advise_huge_pages(block, bytes);
    return block;
}

void *hop__allocate(hop_context *context, size_t count, size_t size) {
    void *block = hop__allocate_unset(context, count, size);
    return block ? memset(block, 0, header_of(block)->bytes) : NULL;
}

void *hop__resize(hop_context *context, void *pointer, size_t count, size_t size) {
    void *block = hop__allocate(context, count, size);
    if (block && pointer) {
        size_t old = header_of(pointer)->bytes;
        memcpy(block, pointer, old < count * size ? old : count * size);
        hop__release(context, pointer);
    }
    return block;
}

void hop__release(hop_context *context, void *pointer) {
    if (pointer)
        context->allocator.release(context->allocator.user, header_of(pointer)->origin);
}

bool hop__renew(hop_context *context, void *array, size_t count, size_t size) {
    void *more = hop__allocate_unset(context, count, size), *old;
    if (!more)
        return false;
    memcpy(&old, array, sizeof old);
    hop__release(context, old);
    memcpy(array, &more, sizeof more);
    return true;
}

char *hop__duplicate(hop_context *context, const char *text) {
    size_t size = strlen(text) + 1;
    char *copy = hop__allocate(context, size, 1);
    if (copy)
        memcpy(copy, text, size);
    return copy;
}
