/* Which variant of the kernels runs. */
#include "learning/rows_kernels.h"

typedef struct kernels {
    void (*tanh)(size_t, double *);
    void (*exp)(size_t, const double *, double *);
    void (*ln)(size_t, double *);
    void (*normal)(size_t, double *, double *);
} kernels;

#define VARIANT(suffix)                                                                \
    {                                                                                  \
        hop__rows_tanh_##suffix, hop__rows_exp_##suffix, hop__rows_ln_##suffix,        \
            hop__rows_normal_##suffix                                                  \
    }
static const kernels variants[] = {VARIANT(base), VARIANT(avx2), VARIANT(avx512)};

void hop__rows_tanh(enum hop__isa isa, size_t n, double *x) {
    variants[isa].tanh(n, x);
}

void hop__rows_exp(enum hop__isa isa, size_t n, const double *x, double *out) {
    variants[isa].exp(n, x, out);
}

void hop__rows_ln(enum hop__isa isa, size_t n, double *x) { variants[isa].ln(n, x); }

void hop__rows_normal(enum hop__isa isa, size_t n, double *x, double *y) {
    variants[isa].normal(n, x, y);
}
