/* What the fuzz targets share.  A target is LLVMFuzzerTestOneInput(); libFuzzer calls
   it (make fuzz), or replay.c with the committed corpus (make check).  A broken promise
   aborts. */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/context.h"
#include "base/memory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_CHECK(condition)                                                          \
    ((condition) ? (void)0 : fuzz_broken(#condition, __LINE__))
void fuzz_broken(const char *what, int line) __attribute__((noreturn));

/* Any input costs at most this much memory in a context of fuzz_context(). */
#define FUZZ_MEMORY ((size_t)64 << 20)

/* A context whose memory is counted; fuzz_end() frees it and finds leaks. */
hop_context *fuzz_context(void);
void fuzz_end(hop_context *context);

/* `status` is no error, or one with a message.  Returns status == HOP_OK. */
bool fuzz_status(const hop_context *context, int status);

/* A file in memory with these contents; the path is valid until the next call. */
const char *fuzz_file(const void *data, size_t size);

/* An input read piece by piece; zeros after its end. */
typedef struct fuzz_input {
    const uint8_t *data;
    size_t size;
} fuzz_input;

uint8_t fuzz_byte(fuzz_input *in);
uint32_t fuzz_below(fuzz_input *in, uint32_t limit);
double fuzz_number(fuzz_input *in);     /* of any size and kind, NaN and Inf too */
double fuzz_coordinate(fuzz_input *in); /* within 16, in steps of 1/2048 */
const char *fuzz_kind(fuzz_input *in);  /* of optimizer */

#endif
