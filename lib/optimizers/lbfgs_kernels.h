/* The loops of L-BFGS, one variant for each instruction set.  Rows are `stride` numbers
   apart, a multiple of HOP__LBFGS_LANES, filled up with zeros. */
#ifndef HOP_OPTIMIZERS_LBFGS_KERNELS_H
#define HOP_OPTIMIZERS_LBFGS_KERNELS_H

#include <stdbool.h>
#include <stddef.h>

#define HOP__LBFGS_LANES 8
#define HOP__LBFGS_MEMORY 100

/* The pairs that are remembered: that of slot k is the rows s = rows + 2 place[k] stride
   and y, the row after. */
typedef struct hop__lbfgs_pairs {
    double *rows;
    size_t stride, count, place[HOP__LBFGS_MEMORY];
} hop__lbfgs_pairs;

/* What is known of them, in slots.  R is the upper triangle of s_i . y_k (i not newer than
   k) and W its inverse: inverse[k][i] = W_ik, transposed[i][k] = W_ik, yy[k][i] = y_k . y_i,
   curvature[k] = s_k . y_k.  Entries for slots beyond `count` have no effect.  `width`, a
   multiple of HOP__LBFGS_LANES, is the length of a row; `in_order`: no slot was used twice,
   and so W_ik is zero for i > k. */
typedef struct hop__lbfgs_products {
    size_t width, count;
    bool in_order;
    double *inverse, *transposed, *yy, *curvature;
} hop__lbfgs_products;

enum { HOP__SS, HOP__SY, HOP__YY, HOP__SF, HOP__YF, HOP__PAIR_SUMS };

#define HOP__LBFGS_DECLARE(suffix)                                                         \
    /* s = x - from, y = before - f, copies of x and f, and sums = s.s, s.y, y.y, s.f,   \
       y.f over n numbers */ \
    void hop__lbfgs_pair_##suffix(size_t n, const double *x, const double *from,           \
                                  const double *f, const double *before, double *s,        \
                                  double *y, double *x_copy, double *f_copy,               \
                                  double sums[HOP__PAIR_SUMS]);                            \
    /* sf[k] = s_k . f, yf[k] = y_k . f */                                                 \
    void hop__lbfgs_dots_##suffix(const hop__lbfgs_pairs *pairs, const double *f,          \
                                  double *sf, double *yf);                                 \
    /* alpha = W sf */                                                                     \
    void hop__lbfgs_first_loop_##suffix(const hop__lbfgs_products *products,               \
                                        const double *sf, double *alpha);                  \
    /* a and b, which combine needs: H f = gamma f + sum_k a[k] s_k + b[k] y_k */          \
    void hop__lbfgs_second_loop_##suffix(const hop__lbfgs_products *products,              \
                                         double gamma, const double *alpha,                \
                                         const double *yf, double *a, double *b);          \
    /* out = gamma f + sum_k a[k] s_k + b[k] y_k, and sums = out.out, out.f */             \
    void hop__lbfgs_combine_##suffix(const hop__lbfgs_pairs *pairs, const double *a,       \
                                     const double *b, double gamma, const double *f,       \
                                     double *out, double sums[2]);
HOP__LBFGS_DECLARE(base)
HOP__LBFGS_DECLARE(avx2)
HOP__LBFGS_DECLARE(avx512)

#endif
