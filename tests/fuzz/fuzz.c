#include "fuzz.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

void fuzz_broken(const char *what, int line) {
    fprintf(stderr, "fuzz: line %d: not so: %s\n", line, what);
    abort();
}

/* ---- memory ---- */

static size_t live, most;

/* The size stands before each block. */
static void *allocate(void *user, size_t bytes) {
    (void)user;
    size_t *block = malloc(bytes + 16);
    if (!block)
        return NULL;
    *block = bytes;
    live += bytes;
    most = live > most ? live : most;
    FUZZ_CHECK(most <= FUZZ_MEMORY);
    return (char *)block + 16;
}

static void release(void *user, void *pointer) {
    (void)user;
    size_t *block = (size_t *)(void *)((char *)pointer - 16);
    live -= *block;
    free(block);
}

hop_context *fuzz_context(void) {
    const hop_allocator allocator = {sizeof allocator, allocate, release, NULL};
    hop_context *context;
    live = most = 0;
    FUZZ_CHECK(hop_context_new(&allocator, &context) == HOP_OK);
    return context;
}

void fuzz_end(hop_context *context) {
    hop_context_free(context);
    FUZZ_CHECK(live == 0);
}

bool fuzz_status(const hop_context *context, int status) {
    FUZZ_CHECK(strcmp(hop_status_name(status), "HOP_UNKNOWN") != 0);
    FUZZ_CHECK(status >= 0 || *hop_error_message(context));
    return status == HOP_OK;
}

/* ---- files ---- */

const char *fuzz_file(const void *data, size_t size) {
    static char path[64];
    static int file = -1;
    if (file < 0)
        file = memfd_create("fuzz", MFD_CLOEXEC);
    FUZZ_CHECK(file >= 0 && ftruncate(file, 0) == 0);
    FUZZ_CHECK(pwrite(file, data, size, 0) == (ssize_t)size);
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    return path;
}

/* ---- inputs ---- */

uint8_t fuzz_byte(fuzz_input *in) {
    if (in->size == 0)
        return 0;
    in->size--;
    return *in->data++;
}

uint32_t fuzz_below(fuzz_input *in, uint32_t limit) { return fuzz_byte(in) % limit; }

double fuzz_coordinate(fuzz_input *in) {
    int low = fuzz_byte(in), high = fuzz_byte(in);
    return (256 * high + low - 32768) / 2048.0;
}

double fuzz_number(fuzz_input *in) {
    static const double special[] = {0.0,    -0.0,    1.0,  -1.0,     0.01,
                                     1e-300, 5e-324,  1e16, 1e99,     1e150,
                                     -1e200, 1.7e308, NAN,  INFINITY, -INFINITY};
    const uint32_t count = sizeof special / sizeof *special;
    uint32_t kind = fuzz_below(in, count + 9);
    if (kind < count)
        return special[kind];
    if (kind < count + 5)
        return fuzz_coordinate(in);
    double value;
    uint8_t bytes[sizeof value];
    for (size_t k = 0; k < sizeof value; k++)
        bytes[k] = fuzz_byte(in);
    memcpy(&value, bytes, sizeof value);
    return value;
}

const char *fuzz_kind(fuzz_input *in) {
    uint32_t kinds = 0;
    while (hop_optimizer_kind(kinds))
        kinds++;
    return hop_optimizer_kind(fuzz_below(in, kinds));
}
