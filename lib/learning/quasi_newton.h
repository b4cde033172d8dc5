/* The L-BFGS direction as a differentiable function of its history.  Plain arrays. */
#ifndef HOP_LEARNING_QUASI_NEWTON_H
#define HOP_LEARNING_QUASI_NEWTON_H

#include <stddef.h>

#define HOP__QN_MEMORY 16

/* Pairs, oldest first: s = step, y = force before - force after; s.y > 0. */
typedef struct hop__qn_pairs {
    size_t count;
    const double *s[HOP__QN_MEMORY], *y[HOP__QN_MEMORY];
} hop__qn_pairs;

/* d = H f by the two-loop recursion (Nocedal, Math. Comp. 35 (1980) 773), initial scale
   s.y / y.y of the newest pair.  count > 0.  `d` has n doubles. */
void hop__qn_direction(const hop__qn_pairs *pairs, size_t n, const double *f,
                       double *d);

/* Adjoint: given d_bar (destroyed), add to f_bar, and to s_bar[k], y_bar[k] of each pair
   (NULL entries are constants).  `scratch`: hop__qn_scratch_size(n) doubles. */
size_t hop__qn_scratch_size(size_t n);
void hop__qn_backward(const hop__qn_pairs *pairs, size_t n, const double *f,
                      double *d_bar, double *f_bar, double *const *s_bar,
                      double *const *y_bar, double *scratch);

#endif
