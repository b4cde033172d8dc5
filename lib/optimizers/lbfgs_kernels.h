/* The loops of L-BFGS, one variant for each instruction set.  Rows are `stride` numbers
   apart, a multiple of HOP__LBFGS_BLOCK, filled up with zeros. */
#ifndef HOP_OPTIMIZERS_LBFGS_KERNELS_H
#define HOP_OPTIMIZERS_LBFGS_KERNELS_H

#include <stddef.h>

#define HOP__LBFGS_BLOCK 32
#define HOP__LBFGS_MEMORY 100

/* Scalar products of the pairs that are remembered, all in slots: sy[k][i] = s_i . y_k
   for i older than k, its transpose ys[i][k], yy[k][i] = y_k . y_i.  Other entries are
   finite and have no effect.  `width`, a multiple of 8, is the length of a row. */
typedef struct hop__lbfgs_products {
    size_t width;
    double *sy, *ys, *yy, *rho;
} hop__lbfgs_products;

#define HOP__LBFGS_DECLARE(suffix)                                                       \
    /* s = x - from, y = before - f, and sums = s.s, s.y, y.y, f.f over n numbers */     \
    void hop__lbfgs_pair_##suffix(size_t n, const double *x, const double *from,         \
                                  const double *f, const double *before, double *s,      \
                                  double *y, double sums[4]);                            \
    /* out[k] = rows[k] . x */                                                           \
    void hop__lbfgs_dots_##suffix(const double *rows, size_t count, size_t stride,       \
                                  const double *x, double *out);                         \
    /* out = gamma f + sum_k a[k] s[k] + b[k] y[k] */                                    \
    void hop__lbfgs_combine_##suffix(const double *s, const double *y, size_t count,     \
                                     size_t stride, const double *a, const double *b,    \
                                     double gamma, const double *f, double *out);        \
    /* The two loops in products only: order[] names the slots from the oldest to the  \
       newest pair, sf[k] = s_k . f, yf[k] = y_k . f; a and b receive what combine     \
       needs, `slots` numbers each. */ \
    void hop__lbfgs_coefficients_##suffix(                                               \
        const hop__lbfgs_products *products, size_t slots, const size_t *order,          \
        size_t pairs, double gamma, const double *sf, const double *yf, double *a,       \
        double *b);
HOP__LBFGS_DECLARE(base)
HOP__LBFGS_DECLARE(avx2)
HOP__LBFGS_DECLARE(avx512)

#endif
