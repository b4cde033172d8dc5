/* The yardstick: Gupta's potential without cut-off in plain scalar C. */
#ifndef BENCH_GUPTA_REFERENCE_H
#define BENCH_GUPTA_REFERENCE_H

#include <stddef.h>

#define GUPTA_SPECIES 4

typedef struct gupta_parameters {
    double r0, p, q, a, xi;
} gupta_parameters;

typedef struct gupta_reference {
    gupta_parameters pair[GUPTA_SPECIES][GUPTA_SPECIES];
    double *buffer; /* n (n + 1) doubles */
} gupta_reference;

/* Returns the energy; forces[3 n], x[3 n]. */
double gupta_reference_evaluate(const gupta_reference *g, size_t n, const int *species,
                                const double *x, double *forces);

#endif
