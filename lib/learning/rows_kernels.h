/* Functions of many numbers at a time, one variant for each instruction set; the AVX2 and
   AVX-512 variants give the same bits. */
#ifndef HOP_LEARNING_ROWS_KERNELS_H
#define HOP_LEARNING_ROWS_KERNELS_H

#include "base/context.h"

#define HOP__ROWS_DECLARE(suffix)                                                      \
    void hop__rows_tanh_##suffix(size_t n, double *x);                                 \
    void hop__rows_exp_##suffix(size_t n, const double *x, double *out);               \
    void hop__rows_ln_##suffix(size_t n, double *x);                                   \
    void hop__rows_normal_##suffix(size_t n, double *x, double *y);
HOP__ROWS_DECLARE(base)
HOP__ROWS_DECLARE(avx2)
HOP__ROWS_DECLARE(avx512)

/* x = tanh x within 1e-15. */
void hop__rows_tanh(enum hop__isa isa, size_t n, double *x);

/* out = exp x for |x| <= 40 (held there), within 1e-15 (1 + exp x). */
void hop__rows_exp(enum hop__isa isa, size_t n, const double *x, double *out);

/* x = ln x of positive normal numbers, within 2 ulp. */
void hop__rows_ln(enum hop__isa isa, size_t n, double *x);

/* x, y uniform on (0, 1) become normal numbers (Box and Muller). */
void hop__rows_normal(enum hop__isa isa, size_t n, double *x, double *y);

#endif
