/* Numbers made from scalar products, and their adjoints: what does not change when a
   structure turns. */
#ifndef HOP_LEARNING_PRODUCTS_H
#define HOP_LEARNING_PRODUCTS_H

#include <math.h>

#include "base/vector_math.h"
#include "learning/rows_kernels.h"

#define HOP__FLOOR 1e-10 /* added to squares before logarithms and divisions */

/* The products of one atom's vectors; factor: which two of the vectors (3 numbers for each
   atom) make each. */
static inline void hop__atom_products(const double *const *vector,
                                      const int (*factor)[2], size_t products,
                                      size_t atom, double *g) {
    for (size_t k = 0; k < products; k++) {
        const double *a = vector[factor[k][0]] + 3 * atom;
        const double *b = vector[factor[k][1]] + 3 * atom;
        g[k] = a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
    }
}

/* Their means over the atoms. */
static inline void hop__mean_products(const double *const *vector,
                                      const int (*factor)[2], size_t products,
                                      size_t count, double *mean) {
    for (size_t k = 0; k < products; k++) {
        const double *a = vector[factor[k][0]], *b = vector[factor[k][1]];
        mean[k] = 0.0;
        for (size_t i = 0; i < 3 * count; i += 3)
            mean[k] += a[i] * b[i] + a[i + 1] * b[i + 1] + a[i + 2] * b[i + 2];
        mean[k] /= (double)count;
    }
}

/* Rows of squares into inputs: three of magnitudes, the force's first, and one that is
   compared with the force's. */
static inline void hop__take_logarithms(enum hop__isa isa, size_t count, size_t stride,
                                        double *magnitude, double *relative) {
    for (size_t k = 0; k < 3; k++)
        hop__rows_ln(isa, count, magnitude + k * stride);
    hop__rows_ln(isa, count, relative);
    for (size_t i = 0; i < count; i++)
        relative[i] = 0.25 * (relative[i] - magnitude[i]);
    for (size_t k = 0; k < 3; k++)
        for (size_t i = 0; i < count; i++)
            magnitude[k * stride + i] = 0.1 * magnitude[k * stride + i] + 1.0;
}

static inline double hop__size_of(double square) {
    return 0.1 * hop__ln(square + HOP__FLOOR) + 1.0;
}
static inline double hop__size_slope(double square) {
    return 0.1 / (square + HOP__FLOOR);
}

/* g: products; c: which is the product, and which the two squares below it. */
static inline double hop__cosine_of(const double *g, const int *c) {
    return g[c[0]] / sqrt((g[c[1]] + HOP__FLOOR) * (g[c[2]] + HOP__FLOOR));
}

static inline void hop__cosine_backward(const double *g, const int *c, double bar,
                                        double *g_bar) {
    double value = hop__cosine_of(g, c);
    g_bar[c[0]] += bar / sqrt((g[c[1]] + HOP__FLOOR) * (g[c[2]] + HOP__FLOOR));
    g_bar[c[1]] -= 0.5 * bar * value / (g[c[1]] + HOP__FLOOR);
    g_bar[c[2]] -= 0.5 * bar * value / (g[c[2]] + HOP__FLOOR);
}

#endif
