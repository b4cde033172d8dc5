/* What the tests share: running a suite, memory and files that fail on demand,
   numerical derivatives, crystals. */
#ifndef TESTS_SUPPORT_H
#define TESTS_SUPPORT_H

#include <check.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/context.h"
#include "base/memory.h"
#include "hop.h"

/* Run the suite with Check's normal output, then remove support_path()'s folder.
   Returns main's exit code. */
int support_main(Suite *suite);

/* "<temporary folder of this run>/<name>"; valid until the eighth next call. */
const char *support_path(const char *name);

/* Write a whole file; a failure fails the test. */
void support_write_file(const char *path, const void *data, size_t size);

/* ---- memory ---- */

/* An allocator that counts, guards and fails.  Zero-initialise it. */
typedef struct support_allocator {
    size_t calls;      /* allocations asked for so far */
    size_t fail_at;    /* fail this call, counted from 1; 0 never */
    bool fail_forever; /* ... and all later ones */
    size_t injected;   /* failures so far */
    size_t live;       /* blocks not yet released */
    size_t live_bytes;
    size_t damaged; /* blocks whose guard bytes were overwritten, or unknown blocks */
} support_allocator;

/* Use it with hop_context_new(); `state` must outlive the context. */
hop_allocator support_allocator_for(support_allocator *state);

/* A scenario makes objects in `context`, frees them all and returns the first status
   that is not HOP_OK.  It must also check that *out was NULL where a call failed. */
typedef int (*support_scenario)(hop_context *context, void *data);

/* Run `scenario` with allocation 1, 2, 3, ... failing, once alone and once with all
   later ones, until nothing is left to fail.  Each failing run must succeed all the
   same or return HOP_ERROR_MEMORY with a message; every run must release everything and
   stay inside its blocks; the run without a failure must not return an error.  Returns
   the number of failures injected, which a test should find above zero. */
size_t support_torture(support_scenario scenario, void *data);

/* ---- files ---- */

enum support_call {
    SUPPORT_OPEN,
    SUPPORT_READ,
    SUPPORT_WRITE,
    SUPPORT_FSYNC,
    SUPPORT_CLOSE,
    SUPPORT_RENAME,
    SUPPORT_UNLINK,
    SUPPORT_CALLS
};

#define SUPPORT_SHORT                                                                  \
    (-1) /* read or write about half of what is asked, without error */

/* File calls whose `nth` call (from 1; 0 = none) of kind `call` fails with errno
   `error`. Put them into context->files.  Starts the counts again; one set at a time. */
const hop__file_calls *support_failing_files(enum support_call call, size_t nth,
                                             int error);
bool support_files_injected(void);
size_t support_files_count(enum support_call call); /* calls of that kind since then */

/* Run `scenario` with every call of every kind failing with EIO, ENOSPC, EINTR and, for
   read and write, coming back short.  Each run must succeed or return HOP_ERROR_IO with
   a message - succeed when calls only come back short -, release all memory and leave
   no file descriptor open.  Returns the number of injections. */
size_t support_torture_files(support_scenario scenario, void *data);

/* ---- derivatives ---- */

/* All by central differences at h, h/2, h/4, extrapolated (Richardson); the error falls
   as h^6.  0.02 nearest-neighbour distances is a good `step`. */

/* forces[3n] = -dE/dx. */
void support_forces(hop_potential *potential, const hop_structure *structure,
                    double step, double *forces);

/* virial[6] = -dE/dstrain, Voigt, positions and cell strained together. */
void support_virial(hop_potential *potential, const hop_structure *structure,
                    double step, double virial[6]);

/* hv[3n] = derivative of -forces along v. */
void support_hessian_vector(hop_potential *potential, const hop_structure *structure,
                            const double *v, double step, double *hv);

/* max |a - b| / max |b|. */
double support_relative_error(const double *a, const double *b, size_t n);

/* ---- structures ---- */

/* Move every atom by up to `amplitude` along each axis. */
void support_rattle(hop_structure *structure, double amplitude, uint64_t seed);

/* A rattled face-centred crystal of repeat[0] x repeat[1] x repeat[2] cubic cells,
   periodic in the directions given; atoms alternate through numbers[species]. */
hop_structure *support_crystal(hop_context *context, const int32_t *numbers,
                               size_t species, double lattice, const int repeat[3],
                               const int32_t periodic[3], double amplitude,
                               uint64_t seed);

/* Stillinger-Weber by pairs and triplets, with numbers that carry their change along v
   (3 per atom).  The potential must just have evaluated `s`, whose list is used. */
typedef struct support_sw_results {
    double *energy, *virial, *energies, *forces, *product; /* 1, 6, n, 3n, 3n */
} support_sw_results;
void support_stillinger_weber(const hop_potential *potential, const hop_structure *s,
                              const double *v, support_sw_results *out);

#endif
